"""Tracks as few keys: shapes whose knots are the same places of the outline on all frames.

Keys are found by beginning with every frame and leaving out what is not needed. A key is not the
outline of its frame but what brings the frames around it closest (least squares), so jitter does
not ask for keys. Along the ring, points are free: they come to where they move evenly between keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Indices, Points, Values
from videoseg.roto.knotted_rings import KnottedRing, RingSpan, distances_over, is_near
from videoseg.roto.layer_maps import LayerMaps
from videoseg.roto.piecewise_linear import fewest, fitted, hats
from videoseg.types import Bezier, Knot

_ROUNDS = 2
"""Rounds of letting points slide along their rings before frames are looked at again."""
_KEYS_AROUND = 2
"""Keys on either side of one that goes, between which points may slide."""
_KEYS_BEYOND = 4
"""Keys beyond these that are fitted with them; those further off hardly tell."""
_FRAMES_TRIED = 2
"""Frames of a gap that are looked at to tell whether it is worth more rounds."""
_HOPELESS = (2.5, 1.5)
"""Where a frame is so many times as far off as it may be, sliding brings it no longer close enough:
before any, and after some."""


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
        shares = hats(self.times, self.keys)[frame]
        knots = (shares @ self.control.reshape(len(self.keys), -1)).reshape(-1, 3, 2)
        ends = np.roll(knots[:, 0], -1, axis=0)
        segments = np.stack([knots[:, 1], knots[:, 2], ends], axis=1)
        return Bezier(segments.astype(np.float32))


def keyed(
    knotted: KnottedRing,
    times: Values,
    bounds: Values,
    given: Indices | None = None,
    maps: LayerMaps | None = None,
) -> KeyedRing:
    """A ring over a span by as few keys as it takes.

    Args:
        knotted: The ring.
        times: float64 (F,), rising; in between keys, knots move evenly in these.
        bounds: float64 (F,); on each frame 95 % of the boundary is no further off, either way,
            pixels.
        given: Frames that are to be keys; others are added where these are not enough.
        maps: Of the layer whose coordinates the keys are in.
    """
    search = _Search.of(knotted, times, bounds, maps or LayerMaps.still(len(times)))
    kept = np.array([], np.int64) if given is None else given
    keys = search.completed(fewest(len(times), kept, search.enough))
    return KeyedRing(keys, search.control(keys), times)


def keyed_span(
    span: RingSpan, times: Values, bounds: Values, given: Indices, maps: LayerMaps
) -> KeyedRing:
    """A span of a ring by as few keys as it takes; arguments are those of ``keyed``."""
    if not isinstance(span.shown, KnottedRing):
        return KeyedRing(np.array([0]), maps.into_layer(0, span.shown)[None], times)
    return keyed(span.shown, times, bounds, given, maps)


@dataclass(slots=True, eq=False)
class _Search:
    """Looks for the keys of a ring.

    Attributes:
        points: float64 (F, N, 2), points that correspond, on the ring, in the layer's coordinates;
            they slide along it.
        places: int64 (F, N), the places of the ring that they are nearest to.
        knotted: The ring as it is, and its curves.
        maps: Of the layer.
        times: float64 (F,).
        bounds: float64 (F,), pixels; no smaller than what the curves reach.
    """

    points: Points
    places: Indices
    knotted: KnottedRing
    maps: LayerMaps
    times: Values
    bounds: Values

    @classmethod
    def of(cls, knotted: KnottedRing, times: Values, bounds: Values, maps: LayerMaps) -> _Search:
        ring = knotted.ring
        points = [maps.into_layer(frame, each) for frame, each in enumerate(ring.points)]
        places = [
            target.nearest(each)[1] for target, each in zip(ring.targets, ring.points, strict=True)
        ]
        return cls(
            points=np.stack(points),
            places=np.stack(places),
            knotted=knotted,
            maps=maps,
            times=times,
            bounds=np.maximum(bounds, knotted.least),
        )

    def control(self, keys: Indices) -> Points:
        """Control points at the keys that bring all frames closest, float64 (K, 3 S, 2)."""
        found = fitted(hats(self.times, keys), self.points.reshape(len(self.points), -1))
        return self.knotted.curves.control(found.reshape(len(keys), -1, 2))

    def _drawn(self, keys: Indices, frames: Indices) -> list[Points]:
        """What keys show on some frames in a row, in pixels of each."""
        first, last = np.searchsorted(keys, [frames[0], frames[-1]], side="right") - 1
        low = max(int(first) - _KEYS_BEYOND, 0)
        window = keys[low : int(last) + 2 + _KEYS_BEYOND]
        inside = slice(window[0], window[-1] + 1)
        shares = hats(self.times[inside], window - window[0])
        found = fitted(shares, self.points[inside].reshape(window[-1] + 1 - window[0], -1))
        shown = shares[frames - window[0]]
        needed = shown.any(axis=0)
        points = found[needed].reshape(int(needed.sum()), -1, 2)
        drawn = np.tensordot(
            shown[:, needed], self.knotted.curves.drawn(self.knotted.curves.control(points)), 1
        )
        return [
            self.maps.onto_frame(frame, ring)
            for frame, ring in zip(frames.tolist(), drawn, strict=True)
        ]

    def _slide(self, frames: Indices, drawn: Sequence[Points]) -> None:
        """Bring points of some frames to where their ring is closest to what is drawn there."""
        for frame, ring in zip(frames.tolist(), drawn, strict=True):
            target, places = self.knotted.ring.targets[frame], self.places[frame]
            near = target.slide(ring, places)
            self.points[frame, near] = self.maps.into_layer(frame, target.places[places[near]])

    def enough(self, keys: Indices, place: int) -> bool:
        """Whether keys are enough near one that follows a gap; if not, points stay as they were."""
        low = keys[max(place - _KEYS_AROUND, 0)]
        high = keys[min(place + _KEYS_AROUND - 1, len(keys) - 1)]
        frames = np.arange(low, high + 1)
        # Those in the gap, where the worst is, come first.
        gap = int(keys[place - 1] + keys[place]) / 2
        ranks = np.argsort(np.abs(frames - gap), kind="stable")
        points, places = self.points[frames], self.places[frames]
        drawn = self._drawn(keys, frames)
        for hopeless in _HOPELESS:
            if not self._near(drawn, frames, ranks[:_FRAMES_TRIED], hopeless):
                break
            for _ in range(_ROUNDS):
                self._slide(frames, drawn)
                drawn = self._drawn(keys, frames)
            if self._near(drawn, frames, ranks, 1):
                return True
        self.points[frames], self.places[frames] = points, places
        return False

    def _near(self, drawn: Sequence[Points], frames: Indices, ranks: Indices, times: float) -> bool:
        """Whether frames in a row are no further off than so many times what they may be.

        Args:
            drawn: What is drawn on each.
            frames: The frames.
            ranks: Places of those that are looked at, in this order.
            times: Factor.
        """
        return all(
            is_near(
                drawn[place],
                self.knotted.ring.targets[frames[place]],
                times * float(self.bounds[frames[place]]),
            )
            for place in ranks.tolist()
        )

    def completed(self, keys: Indices) -> Indices:
        """Keys and those that it still takes: what goes later can move what was enough."""
        every = np.arange(len(self.times))
        while True:
            drawn = self._drawn(keys, every)
            over = distances_over(drawn, self.knotted.ring.targets, self.bounds) / self.bounds
            if not over.any() or len(keys) == len(every):
                return keys
            others = np.setdiff1d(every, keys)
            keys = np.union1d(keys, others[np.argmin(np.abs(others - np.argmax(over)))])
