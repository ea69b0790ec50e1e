"""Tracks as few keys: shapes whose knots are the same places of the outline on all frames.

Keys are found by beginning with every frame and leaving out what is not needed. A key is not the
outline of its frame but what brings the frames around it closest (least squares), so jitter does
not ask for keys. Along the ring, points are free: they come to where they move evenly between keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from videoseg.geometry.arrays import Indices, Points, Values
from videoseg.roto.correspondence import TargetRing, corresponding_points, directions
from videoseg.roto.shared_knots import SharedCurves, shared_curves
from videoseg.types import Bezier, Knot

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_SPACING = 2.0
"""Pixels of ring between points that are followed."""
_POINT_COUNTS = (24, 800)
"""Least and largest number of points of a ring that are followed."""
_CURVE_SHARE = 0.4
"""Share of the tolerance that curves may take; the rest is for in-betweens."""
_ROUNDS = 4
"""Rounds of letting points slide along their rings."""
_MAX_SLIDE = 6.0
"""Pixels from its ring up to which what is drawn tells where a point ought to be."""
_KEYS_AROUND = 2
"""Keys on either side of one that goes, between which points may slide."""
_PERCENTILE = 95
"""Percentage of the boundary that the tolerance holds for."""
_WINDOW = np.arange(-4, 5)
"""Points around one, by number, among which the nearest curve is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class KeyedRing:
    """A ring over a span, by keys.

    Attributes:
        keys: int64 (K,), frames of the span, counted from its first, that are keys.
        control: float64 (K, 3 S, 2): knot, handle out, handle into the next.
        times: float64 (F,), of all frames.
    """

    keys: Indices
    control: Points
    times: Values

    def knots(self, key: int) -> tuple[Knot, ...]:
        """The ring at one of the keys."""
        place, out, into = self.control[key].reshape(-1, 3, 2).transpose(1, 0, 2)
        into = np.roll(into, 1, axis=0)
        rows = np.hstack([place, into - place, out - place]).tolist()
        return tuple(Knot(*row) for row in rows)

    def ring(self, frame: int) -> Bezier:
        """The ring on a frame of the span."""
        shares = _hats(self.times, self.keys)[[frame]]
        knots = (shares @ self.control.reshape(len(self.keys), -1)).reshape(-1, 3, 2)
        ends = np.roll(knots[:, 0], -1, axis=0)
        segments = np.stack([knots[:, 1], knots[:, 2], ends], axis=1)
        return Bezier(segments.astype(np.float32))


def keyed(
    rings: Sequence[Points], times: Values, tolerance: float, given: Indices | None = None
) -> KeyedRing:
    """A ring over a span by as few keys as it takes.

    Args:
        rings: Its polygon, float64 (P, 2), on each frame.
        times: float64 (F,), rising; in between keys, knots move evenly in these.
        tolerance: On each frame 95 % of the boundary is no further off, either way, pixels.
        given: Frames that are to be keys; others are added where these are not enough.
    """
    search = _Search.of(rings, times, tolerance)
    keys = search.found(np.array([], np.int64) if given is None else given)
    return KeyedRing(keys, search.control(_hats(times, keys)).reshape(len(keys), -1, 2), times)


@dataclass(slots=True, eq=False)
class _Search:
    """Looks for the keys of a ring.

    Attributes:
        points: float64 (F, N, 2), points that correspond, on the ring.
        targets: The ring as it is.
        curves: Between points and control points.
        times: float64 (F,).
        tolerance: Pixels.
        least: float64 (F,), how far off the curves are where every frame is a key.
    """

    points: Points
    targets: list[TargetRing]
    curves: SharedCurves
    times: Values
    tolerance: float
    least: Values

    @classmethod
    def of(cls, rings: Sequence[Points], times: Values, tolerance: float) -> _Search:
        targets = [TargetRing.of(ring) for ring in rings]
        length = float(np.median([target.length for target in targets]))
        count = int(np.clip(round(length / _SPACING), *_POINT_COUNTS))
        points = corresponding_points(rings, targets, count)
        curves = shared_curves(points, _CURVE_SHARE * tolerance)
        made = cls(points, targets, curves, times, tolerance, np.zeros(len(rings)))
        every = np.arange(len(rings))
        made.least = made._errors(_hats(times, every), every)
        return made

    def control(self, hats: csr_array) -> Points:
        """Control points at the keys that bring all frames closest, float64 (K, 6 S)."""
        from scipy.linalg import solve_banded

        moments = hats.T @ hats
        # A frame hangs on two keys only.
        beside = moments.diagonal(1)
        banded = np.stack([np.append(0, beside), moments.diagonal(), np.append(beside, 0)])
        wanted = hats.T @ self.points.reshape(len(self.points), -1)
        keys = solve_banded((1, 1), banded, wanted)
        return self.curves.control(keys.reshape(len(keys), -1, 2)).reshape(len(keys), -1)

    def _slide(self, frames: Indices, control: Points) -> None:
        """Bring points of some frames to where their ring is closest to what is drawn there."""
        drawn = self.curves.drawn(control.reshape(len(frames), -1, 2))
        for frame, ring in zip(frames.tolist(), drawn, strict=True):
            target = self.targets[frame]
            distance, found = target.nearest(ring, directions(ring))
            near = distance < _MAX_SLIDE
            self.points[frame, near] = target.places[found[near]]

    def _distances(self, frame: int, control: Values) -> Values:
        """How far a drawn ring is from the real one, at points of either."""
        drawn = self.curves.drawn(control.reshape(1, -1, 2))[0]
        there = self.targets[frame].distances(drawn)
        around = drawn[(np.arange(len(drawn))[:, None] + _WINDOW) % len(drawn)]
        begin, way = around[:, :-1], np.diff(around, axis=1)
        apart = self.points[frame][:, None] - begin
        share = (apart * way).sum(axis=2) / np.maximum((way * way).sum(axis=2), 1e-9)
        off = apart - np.clip(share, 0, 1)[..., None] * way
        back = np.sqrt((off * off).sum(axis=2).min(axis=1))
        return np.concatenate([there, back])

    def found(self, given: Indices) -> Indices:
        """Keys that are enough, some given ones among them, frames of the span.

        At first every frame is one, and from the first on they go, while what is around lets them,
        more and more at once.
        """
        keys = np.arange(len(self.times))
        held = np.isin(keys, given) | (keys == 0) | (keys == len(keys) - 1)
        place, run = 1, 1
        while place < len(keys):
            ahead = held[keys[place:]]
            count = min(run, int(np.argmax(ahead)) if ahead.any() else 0)
            fewer = np.delete(keys, np.arange(place, place + count))
            if count and self._do(fewer, place):
                keys, run = fewer, 2 * run
            elif count > 1:
                run = count // 2
            else:
                place, run = place + 1, 1
        return keys

    def _do(self, keys: Indices, place: int) -> bool:
        """Whether keys are enough near one that follows a gap; if not, points stay as they were."""
        low = keys[max(place - _KEYS_AROUND, 0)]
        high = keys[min(place + _KEYS_AROUND - 1, len(keys) - 1)]
        frames = np.arange(low, high + 1)
        points = self.points[frames]
        hats = _hats(self.times, keys)
        for _ in range(_ROUNDS):
            self._slide(frames, hats[frames] @ self.control(hats))
        if (self._errors(hats, frames) <= np.maximum(self.tolerance, self.least[frames])).all():
            return True
        self.points[frames] = points
        return False

    def _errors(self, hats: csr_array, frames: Indices) -> Values:
        """On each of some frames, how far all but a few points of the boundary are off."""
        apart = [
            self._distances(frame, control)
            for frame, control in zip(
                frames.tolist(), hats[frames] @ self.control(hats), strict=True
            )
        ]
        return np.percentile(apart, _PERCENTILE, axis=1)


def _hats(times: Values, keys: Indices) -> csr_array:
    """(F, K), the share that each key has in each frame."""
    from scipy.sparse import csr_array

    frames = np.arange(len(times))
    if len(times) == 1:
        return csr_array(np.ones((1, 1)))
    place = np.clip(np.searchsorted(keys, frames, side="right") - 1, 0, len(keys) - 2)
    begin, end = times[keys[place]], times[keys[place + 1]]
    share = (times - begin) / (end - begin)
    columns = np.stack([place, place + 1], axis=1).ravel()
    values = np.stack([1 - share, share], axis=1).ravel()
    return csr_array((values, columns, 2 * np.arange(len(times) + 1)), (len(times), len(keys)))
