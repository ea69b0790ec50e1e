"""Tracks as few keys: shapes whose knots are the same places of the outline on all frames.

Keys are found by beginning with every frame and leaving out what is not needed. A key is not the
outline of its frame but what brings the frames around it closest (least squares), so jitter does
not ask for keys. Along the ring, points are free: they come to where they move evenly between keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from videoseg.geometry.arrays import Indices, Points, Values
from videoseg.roto.correspondence import FollowedRing, TargetRing, directions, distances_to, evenly
from videoseg.roto.piecewise_linear import fewest, fitted, hats
from videoseg.roto.shared_knots import SharedCurves, shared_curves
from videoseg.types import Bezier, Knot

if TYPE_CHECKING:
    from scipy.sparse import csr_array


_CURVE_SHARE = 0.4
"""Share of the tolerance that curves may take; the rest is for in-betweens."""
_ROUNDS = 4
"""Rounds of letting points slide along their rings."""
_MAX_SLIDE = 6.0
"""Pixels from its ring up to which what is drawn tells where a point ought to be."""
_KEYS_AROUND = 2
"""Keys on either side of one that goes, between which points may slide."""
_STRIDE = 3
"""Every third place of a ring is looked at when a drawn one is judged."""
_PERCENTILE = 95
"""Percentage of the boundary that the tolerance holds for."""


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
        shares = hats(self.times, self.keys)[[frame]]
        knots = (shares @ self.control.reshape(len(self.keys), -1)).reshape(-1, 3, 2)
        ends = np.roll(knots[:, 0], -1, axis=0)
        segments = np.stack([knots[:, 1], knots[:, 2], ends], axis=1)
        return Bezier(segments.astype(np.float32))


def keyed(
    ring: FollowedRing,
    times: Values,
    tolerance: float | Values,
    given: Indices | None = None,
) -> KeyedRing:
    """A ring over a span by as few keys as it takes.

    Args:
        ring: The ring.
        times: float64 (F,), rising; in between keys, knots move evenly in these.
        tolerance: On each frame 95 % of the boundary is no further off, either way, pixels; one
            number, or one for each frame.
        given: Frames that are to be keys; others are added where these are not enough.
    """
    search = _Search.of(ring, times, np.broadcast_to(tolerance, times.shape))
    kept = np.array([], np.int64) if given is None else given
    keys = search.completed(fewest(len(times), kept, search.enough))
    return KeyedRing(keys, search.control(hats(times, keys)).reshape(len(keys), -1, 2), times)


@dataclass(slots=True, eq=False)
class _Search:
    """Looks for the keys of a ring.

    Attributes:
        points: float64 (F, N, 2), points that correspond, on the ring; they slide along it.
        targets: The ring as it is.
        curves: Between points and control points.
        times: float64 (F,).
        tolerance: float64 (F,), pixels.
        least: float64 (F,), how far off the curves are where every frame is a key.
    """

    points: Points
    targets: list[TargetRing]
    curves: SharedCurves
    times: Values
    tolerance: Values
    least: Values

    @classmethod
    def of(cls, ring: FollowedRing, times: Values, tolerance: Values) -> _Search:
        targets = [TargetRing.of(polygon) for polygon in ring.rings]
        curves = shared_curves(ring.points, _CURVE_SHARE * float(np.median(tolerance)))
        made = cls(
            points=ring.points.copy(),
            targets=targets,
            curves=curves,
            times=times,
            tolerance=tolerance,
            least=np.zeros(len(times)),
        )
        every = np.arange(len(times))
        made.least = made._errors(hats(times, every), every)
        return made

    def control(self, shares: csr_array) -> Points:
        """Control points at the keys that bring all frames closest, float64 (K, 6 S)."""
        keys = fitted(shares, self.points.reshape(len(self.points), -1))
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
        """How far a drawn ring is from the real one, at points evenly along either."""
        drawn = self.curves.drawn(control.reshape(1, -1, 2))[0]
        target = self.targets[frame]
        count = max(len(target.places) // _STRIDE, 1)
        there = target.distances(evenly(drawn, count))
        back = distances_to(drawn, target.places[::_STRIDE])
        return np.concatenate([there, back])

    def enough(self, keys: Indices, place: int) -> bool:
        """Whether keys are enough near one that follows a gap; if not, points stay as they were."""
        low = keys[max(place - _KEYS_AROUND, 0)]
        high = keys[min(place + _KEYS_AROUND - 1, len(keys) - 1)]
        frames = np.arange(low, high + 1)
        points = self.points[frames]
        shares = hats(self.times, keys)
        for _ in range(_ROUNDS):
            self._slide(frames, shares[frames] @ self.control(shares))
        if (self._errors(shares, frames) <= np.maximum(self.tolerance, self.least)[frames]).all():
            return True
        self.points[frames] = points
        return False

    def completed(self, keys: Indices) -> Indices:
        """Keys and those that it still takes: what goes later can move what was enough."""
        every = np.arange(len(self.times))
        bounds = np.maximum(self.tolerance, self.least)
        while True:
            over = self._errors(hats(self.times, keys), every) / bounds
            over[keys] = 0
            if over.max() <= 1:
                return keys
            keys = np.union1d(keys, np.argmax(over))

    def _errors(self, shares: csr_array, frames: Indices) -> Values:
        """On each of some frames, how far all but a few points of the boundary are off."""
        apart = [
            self._distances(frame, control)
            for frame, control in zip(
                frames.tolist(), shares[frames] @ self.control(shares), strict=True
            )
        ]
        return np.array([np.percentile(each, _PERCENTILE) for each in apart])
