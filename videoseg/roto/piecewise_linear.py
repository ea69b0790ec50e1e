"""Values over time by keys between which they change evenly: as few keys as are enough."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from videoseg.geometry.arrays import Indices, Values


def hats(times: Values, keys: Indices) -> Values:
    """The share that each key has in each frame, float64 (F, K).

    Args:
        times: float64 (F,), rising, of the frames.
        keys: int64 (K,), places of frames, rising, the first and the last among them.
    """
    frames = np.arange(len(times))
    if len(times) == 1:
        return np.ones((1, 1))
    place = np.clip(np.searchsorted(keys, frames, side="right") - 1, 0, len(keys) - 2)
    begin, end = times[keys[place]], times[keys[place + 1]]
    share = (times - begin) / (end - begin)
    shares = np.zeros((len(times), len(keys)))
    shares[frames, place] = 1 - share
    shares[frames, place + 1] = share
    return shares


def fitted(shares: Values, values: Values) -> Values:
    """Values at the keys, float64 (K, V), that bring all frames closest to theirs, (F, V)."""
    from scipy.linalg.lapack import dptsv

    moments, wanted = shares.T @ shares, shares.T @ values
    if len(moments) == 1:
        return np.asarray(wanted / moments)
    # A frame hangs on two keys only. Each key has a frame of its own, so there is an answer.
    found: Values = dptsv(moments.diagonal(), moments.diagonal(1), wanted)[2]
    return found


def fewest(count: int, given: Indices, enough: Callable[[Indices, int], bool]) -> Indices:
    """Keys that are enough among frames, int64 (K,); the first, the last and given ones are kept.

    At first every frame is one, and from the first on they go, while that is enough, more and more
    at once.

    Args:
        count: Frames.
        given: Frames that are to be keys.
        enough: Whether keys are, which are fewer only before the one at this place.
    """
    keys = np.arange(count)
    held = np.isin(keys, given) | (keys == 0) | (keys == count - 1)
    place, run = 1, 1
    while place < len(keys):
        ahead = held[keys[place:]]
        going = min(run, int(np.argmax(ahead)) if ahead.any() else 0)
        fewer = np.delete(keys, np.arange(place, place + going))
        if going and enough(fewer, place):
            keys, run = fewer, 2 * run
        elif going > 1:
            run = going // 2
        else:
            place, run = place + 1, 1
    return keys
