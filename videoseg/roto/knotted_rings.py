"""Spans of a ring over which it has one set of knots that shows it on every frame.

Where an outline becomes another, as when a leg comes from behind the other, no knots are the same
places on both; so the ring is cut there, and what is left over at last are single frames on which
the shape is the outline itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Points, Values
from videoseg.geometry.rings import flatten
from videoseg.kernels.matching import matching_kernel
from videoseg.roto.correspondence import FollowedRing
from videoseg.roto.shared_knots import SharedCurves, shared_curves
from videoseg.roto.target_ring import TargetRing, count_far_from, distances_to, evenly
from videoseg.types import Bezier, Ring

PERCENTILE = 95
"""Percentage of the boundary that the tolerance holds for."""
CURVE_SHARES = (0.4, 0.2, 0.1)
"""Shares of the tolerance that curves may take, tried in turn; the rest is for in-betweens."""
_STRIDE = 3
"""Every third place of a ring is looked at when a drawn one is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class KnottedRing:
    """A ring over a span, with knots that it has on all frames.

    Attributes:
        ring: The ring.
        curves: Its knots.
        least: float64 (F,), how far off the curves are where every frame is a key, pixels; 0 where
            that is close enough.
    """

    ring: FollowedRing
    curves: SharedCurves
    least: Values

    @classmethod
    def of(cls, ring: FollowedRing, bounds: Values) -> KnottedRing:
        """With few knots, or with more where that is not close enough on some frame.

        Args:
            ring: The ring.
            bounds: float64 (F,), how far off it may be on each frame, pixels; not 0 on all.
        """
        usual = float(np.median(bounds[bounds > 0]))
        for share in CURVE_SHARES:
            curves = shared_curves(ring.points, share * usual)
            drawn = curves.drawn(curves.control(ring.points))
            least = distances_over(list(drawn), ring.targets, bounds)
            if (least <= bounds).all():
                break
        return cls(ring, curves, least)


@dataclass(frozen=True, slots=True, eq=False)
class RingSpan:
    """Frames of a ring, one after the other, that have their knots in common.

    Attributes:
        first: The first of them, counted from the ring's first.
        after: The one after the last.
        shown: The ring over these; on a frame by itself the control points, float64 (3 S, 2), of
            the outline as it is.
    """

    first: int
    after: int
    shown: KnottedRing | Points


def ring_spans(rings: Sequence[Ring], followed: FollowedRing, bounds: Values) -> list[RingSpan]:
    """The spans of a ring, on every frame of which it can be shown closely enough.

    Args:
        rings: The ring on each frame.
        followed: The same.
        bounds: float64 (F,), how far off it may be on each frame, pixels; where that is 0 it is
            by itself.
    """
    if not bounds.any():
        exact = [exact_control(ring) for ring in rings]
        return [RingSpan(frame, frame + 1, each) for frame, each in enumerate(exact)]
    knotted = KnottedRing.of(followed, bounds)
    good = knotted.least <= bounds
    if good.all():
        return [RingSpan(0, len(rings), knotted)]
    if len(rings) == 1:
        return [RingSpan(0, 1, exact_control(rings[0]))]
    cuts = [0, *(np.flatnonzero(np.diff(good)) + 1).tolist(), len(rings)]
    if len(cuts) == 2:
        cuts.insert(1, 1)
    made: list[RingSpan] = []
    for first, after in itertools.pairwise(cuts):
        part = rings[first:after]
        again = FollowedRing.of([flatten(ring) for ring in part])
        made += [
            RingSpan(first + each.first, first + each.after, each.shown)
            for each in ring_spans(part, again, bounds[first:after])
        ]
    return made


def exact_control(ring: Ring) -> Points:
    """The control points of a ring as it is, float64 (3 S, 2)."""
    if isinstance(ring, Bezier):
        segments = ring.segments.astype(np.float64)
        begins = np.roll(segments[:, 2:], 1, axis=0)
        return np.concatenate([begins, segments[:, :2]], axis=1).reshape(-1, 2)
    corners = flatten(ring)
    after = np.roll(corners, -1, axis=0)
    thirds = [corners, (2 * corners + after) / 3, (corners + 2 * after) / 3]
    return np.stack(thirds, axis=1).reshape(-1, 2)


def distances_over(
    drawn: Sequence[Points], targets: Sequence[TargetRing], bounds: Values
) -> Values:
    """How far 95 % of the boundary is off on each frame, pixels; 0 where that is close enough."""
    found = np.zeros(len(bounds))
    for frame, (ring, target, bound) in enumerate(zip(drawn, targets, bounds, strict=True)):
        if not is_near(ring, target, float(bound)):
            apart = float(np.percentile(_distances_apart(ring, target), PERCENTILE))
            found[frame] = apart if apart > bound else 0
    return found


def is_near(drawn: Points, target: TargetRing, bound: float) -> bool:
    """Whether 95 % of a drawn ring, float64 (N, 2), and of the real one are no further apart.

    Both are looked at in places evenly along them.
    """
    count = _checks(target)
    seen = count + len(target.places[::_STRIDE])
    allowed = (100 - PERCENTILE) * (seen - 1) // 100
    compiled = matching_kernel()
    if compiled is not None:
        ring = np.ascontiguousarray(drawn)
        return compiled.is_near(ring, target.places, count, _STRIDE, bound, allowed)
    far = target.count_far(evenly(drawn, count), bound)
    return far + count_far_from(drawn, target.places[::_STRIDE], bound) <= allowed


def _checks(target: TargetRing) -> int:
    """Places of a drawn ring that are looked at."""
    return max(len(target.places) // _STRIDE, 1)


def _distances_apart(drawn: Points, target: TargetRing) -> Values:
    """How far two rings are apart, at the places at which ``is_near`` looks."""
    there = target.distances(evenly(drawn, _checks(target)))
    back = distances_to(drawn, target.places[::_STRIDE])
    return np.concatenate([there, back])
