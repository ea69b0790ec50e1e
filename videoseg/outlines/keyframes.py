"""Tracks as few keys: shapes whose knots are the same places of the outline on all frames.

Keys are found by first taking the ends of a span alone, then a frame in the middle of what is
furthest off, and so on, and by leaving out again what turns out not to be needed. A key is not the
outline of its frame but what brings the frames around it closest (least squares), so jitter does
not ask for keys.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.outlines.align import Track, directions, followed
from videoseg.outlines.knots import Curves, shared_curves
from videoseg.types import Knot

Points = npt.NDArray[np.float64]
Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_SPACING = 2.0
"""Pixels of ring between points that are followed,"""
_COUNTS = 24, 800
"""of which there are at least and at most so many."""
_SHARE = 0.4
"""Share of the tolerance that curves may take; the rest is for in-betweens."""
_SLIDES = 3
"""Rounds of letting points slide along their rings."""
_NEAR = 6.0
"""Pixels from its ring up to which what is drawn tells where a point ought to be."""
_PERCENTILE = 95
_WINDOW = np.arange(-4, 5)
"""Points around one, by number, among which the nearest curve is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Keyed:
    """Rings that belong together over a span, by keys.

    Attributes:
        keys: int64 (K,), frames of the span, counted from its first, that are keys.
        control: For each ring float64 (K, 3 S, 2): knot, handle out, handle into the next.
    """

    keys: Indices
    control: tuple[Points, ...]

    def knots(self, ring: int, key: int) -> tuple[Knot, ...]:
        """A ring at one of the keys."""
        place, out, into = self.control[ring][key].reshape(-1, 3, 2).transpose(1, 0, 2)
        into = np.roll(into, 1, axis=0)
        rows = np.hstack([place, into - place, out - place]).tolist()
        return tuple(Knot(*row) for row in rows)


def keyed(rings: Sequence[Sequence[Points]], times: Values, tolerance: float) -> Keyed:
    """A span of rings by as few keys as it takes.

    Args:
        rings: For each ring of the span its polygon, float64 (P, 2), on each frame.
        times: float64 (F,), rising; in between keys, knots move evenly in these.
        tolerance: On each frame 95 % of the boundary is no further off, either way, pixels.
    """
    strands = [_Strand.of(each, tolerance) for each in rings]
    search = _Search(strands, times, tolerance)
    keys = search.found()
    for _ in range(_SLIDES):
        search, keys = search.slid(keys)
    control = search.fitted(keys)
    return Keyed(keys, tuple(each.reshape(len(keys), -1, 2) for each in control))


@dataclass(frozen=True, slots=True, eq=False)
class _Strand:
    """One ring through a span.

    Attributes:
        points: float64 (F, N, 2), points that correspond.
        tracks: The rings as they are.
        curves: Between points and control points.
        control: float64 (F, 6 S), control points of each frame.
    """

    points: Points
    tracks: list[Track]
    curves: Curves
    control: Points

    @classmethod
    def of(cls, rings: Sequence[Points], tolerance: float) -> _Strand:
        tracks = [Track.of(ring) for ring in rings]
        length = float(np.median([track.length for track in tracks]))
        count = int(np.clip(round(length / _SPACING), *_COUNTS))
        points = followed(rings, tracks, count)
        curves = shared_curves(points, _SHARE * tolerance)
        control = curves.control(points).reshape(len(rings), -1)
        return cls(points, tracks, curves, control)

    def slid(self, control: Points) -> _Strand:
        """With each point where its ring is closest to what is drawn, float64 (F, 6 S).

        Along the ring points are free: they come to where they move evenly between keys.
        """
        drawn = self.curves.drawn(control.reshape(len(control), -1, 2))
        points = np.empty_like(drawn)
        for frame, track in enumerate(self.tracks):
            distance, found = track.nearest(drawn[frame], directions(drawn[frame]))
            near = (distance < _NEAR)[:, None]
            points[frame] = np.where(near, track.places[found], self.points[frame])
        made = self.curves.control(points).reshape(control.shape)
        return _Strand(points, self.tracks, self.curves, made)

    def distances(self, frame: int, control: Values) -> Values:
        """How far a drawn ring is from the real one, at points of either."""
        drawn = self.curves.drawn(control.reshape(1, -1, 2))[0]
        there, _ = self.tracks[frame].tree.query(drawn)
        around = drawn[(np.arange(len(drawn))[:, None] + _WINDOW) % len(drawn)]
        begin, way = around[:, :-1], np.diff(around, axis=1)
        apart = self.points[frame][:, None] - begin
        share = (apart * way).sum(axis=2) / np.maximum((way * way).sum(axis=2), 1e-9)
        off = apart - np.clip(share, 0, 1)[..., None] * way
        back = np.sqrt((off * off).sum(axis=2).min(axis=1))
        return np.concatenate([there, back])


@dataclass(slots=True, eq=False)
class _Search:
    """Looks for the keys of some strands together."""

    strands: list[_Strand]
    times: Values
    tolerance: float

    def found(self) -> Indices:
        """The keys, frames of the span."""
        last = len(self.times) - 1
        keys = np.unique([0, last])
        errors = self.errors(keys, np.arange(last + 1))
        while (errors > self.tolerance).any():
            added = self._worst(keys, errors)
            if not len(added):
                break
            keys, before = np.union1d(keys, added), keys
            errors = self._renewed(errors, keys, before, added)
        return self._pruned(keys, errors)

    def slid(self, keys: Indices) -> tuple[_Search, Indices]:
        """The same with points that fit the keys better, if so, and the fewer keys it takes."""
        frames = np.arange(len(self.times))
        hats = _hats(self.times, keys)
        strands = [
            strand.slid(hats @ control)
            for strand, control in zip(self.strands, self.fitted(keys), strict=True)
        ]
        search = _Search(strands, self.times, self.tolerance)
        before, after = self.errors(keys, frames), search.errors(keys, frames)
        if (after > np.maximum(before, self.tolerance)).any():
            return self, keys
        return search, search._pruned(keys, after)

    def _worst(self, keys: Indices, errors: Values) -> Indices:
        """In each stretch between keys that is off anywhere, the frame that is furthest off."""
        added = []
        off = np.where(errors > self.tolerance, errors, 0)
        off[keys] *= 1e-3  # a key itself cannot be added; its neighbours can
        for first, end in itertools.pairwise(keys.tolist()):
            if end - first > 1 and off[first : end + 1].max() > 0:
                inner = off[first + 1 : end]
                middle = (end - first) // 2 - 1
                added.append(first + 1 + (int(np.argmax(inner)) if inner.max() > 0 else middle))
        return np.array(added, dtype=np.int64)

    def _pruned(self, keys: Indices, errors: Values) -> Indices:
        """Without the keys that can be done without."""
        place = 1
        while place < len(keys) - 1:
            fewer = np.delete(keys, place)
            changed = self._renewed(errors, fewer, keys, keys[place : place + 1])
            over = changed > np.maximum(self.tolerance, errors)
            if over.any():
                place += 1
            else:
                keys, errors = fewer, changed
        return keys

    def _renewed(self, errors: Values, keys: Indices, before: Indices, where: Indices) -> Values:
        """Errors after keys came or went; far from them little changes."""
        every = np.union1d(keys, before)
        place = np.searchsorted(every, where)
        low = every[np.maximum(place - 3, 0)]
        high = every[np.minimum(place + 3, len(every) - 1)]
        near = np.zeros(len(errors), dtype=np.bool_)
        for first, last in zip(low.tolist(), high.tolist(), strict=True):
            near[first : last + 1] = True
        frames = np.flatnonzero(near)
        changed = errors.copy()
        changed[frames] = self.errors(keys, frames)
        return changed

    def errors(self, keys: Indices, frames: Indices) -> Values:
        """On each of some frames, how far all but a few points of the boundary are off."""
        hats = _hats(self.times, keys)
        drawn = [hats[frames] @ control for control in self.fitted(keys)]
        made = np.empty(len(frames))
        for row, frame in enumerate(frames.tolist()):
            apart = [
                strand.distances(frame, control[row])
                for strand, control in zip(self.strands, drawn, strict=True)
            ]
            made[row] = np.percentile(np.concatenate(apart), _PERCENTILE)
        return made

    def fitted(self, keys: Indices) -> list[Points]:
        """The control points of each strand at the keys, float64 (K, 6 S)."""
        hats = _hats(self.times, keys)
        moments = hats.T @ hats
        return [
            np.asarray(np.linalg.solve(moments, hats.T @ strand.control), dtype=np.float64)
            for strand in self.strands
        ]


def _hats(times: Values, keys: Indices) -> Values:
    """float64 (F, K), the share that each key has in each frame."""
    hats = np.zeros((len(times), len(keys)))
    if len(keys) == 1:
        return np.ones_like(hats)
    place = np.clip(
        np.searchsorted(keys, np.arange(len(times)), side="right") - 1, 0, len(keys) - 2
    )
    begin, end = times[keys[place]], times[keys[place + 1]]
    share = (times - begin) / (end - begin)
    rows = np.arange(len(times))
    hats[rows, place] = 1 - share
    hats[rows, place + 1] = share
    return hats
