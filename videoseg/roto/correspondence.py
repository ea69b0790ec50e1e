"""One point of an outline followed through time: rings of a sequence with points that correspond.

Outlines of neighbouring frames start anywhere and have as many points as they like. Here the points
of one frame are moved to the next by the affine motion that fits the two rings best, matched to the
nearest place that runs the same way, and what the match leaves open along the ring (a straight edge
tells nothing about that) is made up by stretching evenly. So a corner stays a corner's point, and
what lies between two frames is the outline between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import Points, Values
from videoseg.kernels.matching import Settling, matching_kernel
from videoseg.roto.target_ring import (
    BLOCK,
    PIXELS_PER_RADIAN,
    TargetRing,
    directions,
    evenly,
    steps_of,
)

_FOLLOWED_SPACING = 2.0
"""Pixels of ring between points that are followed."""
_FOLLOWED_COUNTS = (24, 800)
"""Least and largest number of points of a ring that are followed."""
_GAP = 4.0
"""Neighbouring points are far apart from so many times their average distance on."""
_MOST_IN_GAPS = 0.08
"""Largest share of a ring that may lie between points far apart."""
_OUTLIER_DISTANCE = 3.0
"""A match this far away, pixels, counts half."""
_SETTLING = Settling(
    per_radian=PIXELS_PER_RADIAN,
    outlier=_OUTLIER_DISTANCE,
    along_weight=0.05,
    rigid_weight=1e-3,
    ridge=1e-9,
    rounds=6,
)
"""How motions are found; the first round finds a shift only."""
_SHAPE = np.array([1.0, 1.0, 0.0])
"""Which numbers of a motion change the shape: not the shift."""
_STIFFNESS = 4.0
"""Weight of even stretching against matches, one point against its neighbours."""
_ANCHOR_DISTANCE = 1.0
"""A point of the first ring, moved as a whole, that comes this close, pixels, counts a quarter."""
_ANCHOR_ROUNDS = 3
"""Rounds of moving the first ring to where its points are."""
_ANCHOR_OUTLIER = 50.0
"""A point of it this far away, pixels, counts half."""
_REACH = 8.0
"""Points that ask for a larger correction than this along the ring, pixels, do not count."""
_HOLD_WEIGHT = 0.02
"""Weight of no correction."""
_RIDGE = 1e-6
"""Keeps the problem solvable where no match has weight."""
_MIN_STRETCH = 0.1
"""Least share of its even stretch that is left between two points."""
_GRID = float(1 << 24)
"""Parts of 1 to which numbers are rounded before they are summed."""


def corresponding_points(
    rings: Sequence[Points], targets: Sequence[TargetRing], count: int
) -> Points:
    """The same points on every ring of a sequence, float64 (F, count, 2).

    Args:
        rings: Polygons, float64 (P, 2) each, of frame after frame, wound alike.
        targets: The same, to be matched to.
        count: Points wanted.
    """
    made = np.empty((len(rings), count, 2))
    made[0] = anchor = evenly(rings[0], count)
    for number in range(1, len(rings)):
        target = targets[number]
        lengths = _carried(made[number - 1], target)
        made[number] = target.at(_anchored(anchor, lengths, target))
        if _has_gaps(made[number]):
            # Another outline, as where a leg comes from behind the other: followed anew from here.
            first = int(np.argmin(np.linalg.norm(target.places - made[number, 0], axis=1)))
            made[number] = anchor = evenly(np.roll(target.places, -first, axis=0), count)
    return made


def _has_gaps(points: Points) -> bool:
    """Whether much of a ring has hardly any points on it."""
    steps = steps_of(points)
    far = steps > _GAP * np.mean(steps)
    return bool(steps[far].sum() > _MOST_IN_GAPS * steps.sum())


@dataclass(frozen=True, slots=True, eq=False)
class FollowedRing:
    """A ring on frame after frame, and points of it that correspond.

    Attributes:
        targets: Its polygon on each frame.
        points: float64 (F, N, 2), on these.
    """

    targets: Sequence[TargetRing]
    points: Points

    @classmethod
    def of(cls, rings: Sequence[Points]) -> FollowedRing:
        """Of polygons, float64 (P, 2), wound alike."""
        targets = [TargetRing.of(ring) for ring in rings]
        length = float(np.median([target.length for target in targets]))
        count = int(np.clip(round(length / _FOLLOWED_SPACING), *_FOLLOWED_COUNTS))
        return cls(targets, corresponding_points(rings, targets, count))


def _anchored(anchor: Points, lengths: Values, target: TargetRing) -> Values:
    """Lengths along a ring corrected where the first ring, moved as a whole, lies close to it.

    From frame to frame small errors add up; from the first frame they do not.
    """
    here = target.at(lengths)
    moved = anchor
    ways = directions(here)
    for number in range(_ANCHOR_ROUNDS):
        weight = 1 / (1 + (np.linalg.norm(moved - here, axis=1) / _ANCHOR_OUTLIER) ** 2)
        moved = _fitted(moved, here, ways, weight) if number else _shifted(moved, here, weight)
    moved = _settled(moved, target)
    distance, found = target.nearest(moved)
    matched = found * (target.length / len(target.places))
    off = (matched - lengths + target.length / 2) % target.length - target.length / 2
    weight = _ANCHOR_DISTANCE**4 / (_ANCHOR_DISTANCE**2 + distance**2) ** 2 * (np.abs(off) < _REACH)
    return _rising(
        lengths + _smoothed(off, weight, hold=_HOLD_WEIGHT), _MIN_STRETCH * (lengths - lengths[0])
    )


def _carried(points: Points, target: TargetRing) -> Values:
    """Lengths along the next ring of the points of one."""
    moved = _moved(points, target)
    gaps = steps_of(moved)
    length = max(float(gaps.sum()), 1e-9)
    # Where each would lie if the ring were stretched evenly, from an unknown start.
    even = (np.cumsum(gaps) - gaps) * (target.length / length)
    distance, found = target.nearest(moved)
    matched = found * (target.length / len(target.places))
    weight = 1 / (1 + (distance / _OUTLIER_DISTANCE) ** 2)
    turn = np.angle((weight * np.exp(2j * np.pi * (matched - even) / target.length)).sum())
    start = turn / (2 * np.pi) * target.length
    off = (matched - even - start + target.length / 2) % target.length - target.length / 2
    slack = _smoothed(off, weight)
    slack = _smoothed(off, weight / (1 + ((off - slack) / _OUTLIER_DISTANCE) ** 2))
    return np.asarray(start + _rising(even + slack, _MIN_STRETCH * even))


def _moved(points: Points, target: TargetRing) -> Points:
    """Points after the affine motion that brings them closest to a ring."""
    shifted: Points = points + target.places.mean(axis=0) - points.mean(axis=0)
    return _settled(shifted, target)


def _settled(moved: Points, target: TargetRing) -> Points:
    """Points moved as a whole, again and again, to where they are close to a ring.

    Distances count across the ring, hardly along it (Y. Chen and G. Medioni, "Object modelling by
    registration of multiple range images", 1992), so that a turning outline is not held back by
    its straight edges.
    """
    compiled = matching_kernel()
    if compiled is not None:
        return compiled.settled(target, BLOCK, moved, _SETTLING)
    for number in range(_SETTLING.rounds):
        distance, found = target.nearest(moved)
        share = distance / max(_OUTLIER_DISTANCE, 2 * float(np.median(distance)))
        weight = 1 / (1 + share * share)
        places, ways = target.places[found], target.directions[found]
        moved = _fitted(moved, places, ways, weight) if number else _shifted(moved, places, weight)
    return moved


def _shifted(points: Points, target: Points, weight: Values) -> Points:
    """Points moved by the average way to their targets."""
    total = max(float(_sums(weight)), 1e-9)
    made: Points = points + _sums((weight[:, None] * (target - points)).T) / total
    return made


def _fitted(points: Points, target: Points, along: Points, weight: Values) -> Points:
    """Points moved as a whole, by an affine motion, onto the lines through their targets."""
    compiled = matching_kernel()
    if compiled is not None:
        return compiled.fitted(points, target, along, weight, _SETTLING)
    count = len(points)
    own = points - _sums(points.T) / count
    size = _sums(np.sqrt(own[:, 0] * own[:, 0] + own[:, 1] * own[:, 1])) / count * np.sqrt(0.5)
    x, y = (own / max(float(size), 1e-9)).T
    kinds, wanted = _products(target - points, along, weight)
    moments = _sums(kinds[:, None] * np.stack([x * x, x * y, y * y, x, y, np.ones_like(x)]))
    xx, xy, yy, one_x, one_y, one = moments.T
    block = np.array([[xx, xy, one_x], [xy, yy, one_y], [one_x, one_y, one]])
    whole = np.concatenate(
        [np.concatenate([block[..., n], block[..., n + 1]], axis=1) for n in (0, 1)]
    )
    held = count * _SETTLING.rigid_weight * np.tile(_SHAPE, 2) + _SETTLING.ridge
    sums = _sums(wanted[:, None] * np.stack([x, y, np.ones_like(x)]))
    found = _solved((whole + np.diag(held)).tolist(), sums.ravel().tolist())
    moved = [found[n] * x + found[n + 1] * y + found[n + 2] for n in (0, 3)]
    made: Points = points + np.stack(moved, axis=1)
    return made


def _products(offset: Points, along: Points, weight: Values) -> tuple[Values, Values]:
    """How much points count in each pair of axes, (3, N), and what they ask for, (2, N)."""
    (off_x, off_y), (way_x, way_y) = offset.T, along.T
    lengthways = weight * _SETTLING.along_weight
    off_across, off_along = -way_y * off_x + way_x * off_y, way_x * off_x + way_y * off_y
    kinds = [
        weight * (way_y * way_y) + lengthways * (way_x * way_x),
        lengthways * (way_x * way_y) - weight * (way_x * way_y),
        weight * (way_x * way_x) + lengthways * (way_y * way_y),
    ]
    wanted = [
        lengthways * way_x * off_along - weight * way_y * off_across,
        lengthways * way_y * off_along + weight * way_x * off_across,
    ]
    return np.stack(kinds), np.stack(wanted)


def _sums(values: Values) -> Values:
    """Sums over the last axis, which are exact in whatever order."""
    made: Values = np.rint(values * _GRID).sum(axis=-1) * (1 / _GRID)
    return made


def _solved(moments: list[list[float]], wanted: list[float]) -> list[float]:
    """What moments, positive definite, times it give what is wanted; both are used up."""
    size = len(wanted)
    for row in range(size):
        for column in range(row + 1):
            left = moments[row][column]
            for n in range(column):
                left -= moments[row][n] * moments[column][n]
            if row == column:
                moments[row][row] = math.sqrt(max(left, 1e-12))
            else:
                moments[row][column] = left / moments[column][column]
    for row in range(size):
        for n in range(row):
            wanted[row] -= moments[row][n] * wanted[n]
        wanted[row] /= moments[row][row]
    for row in reversed(range(size)):
        for n in range(row + 1, size):
            wanted[row] -= moments[n][row] * wanted[n]
        wanted[row] /= moments[row][row]
    return wanted


def _smoothed(values: Values, weight: Values, hold: float = 0) -> Values:
    """Values around a ring, those of little weight drawn to their neighbours, and held to 0."""
    from scipy.linalg import solveh_banded

    count = len(values)
    banded = np.zeros((2, count))
    banded[0, 1:] = -_STIFFNESS
    banded[1] = weight + 2 * _STIFFNESS + _RIDGE + hold
    # The ring is closed by a matrix of rank one (Sherman and Morrison).
    banded[1, [0, -1]] += _STIFFNESS
    tie = np.zeros(count)
    tie[[0, -1]] = 1
    open_ended, part = solveh_banded(banded, np.stack([weight * values, tie], axis=1)).T
    smooth: Values = open_ended + part * (
        _STIFFNESS * (tie @ open_ended) / (1 - _STIFFNESS * (tie @ part))
    )
    return smooth


def _rising(values: Values, least: Values) -> Values:
    """Values made to rise no slower than others do, and changed as little as that takes."""
    if (np.diff(values - least) >= 0).all():
        return values
    from scipy.optimize import isotonic_regression

    rising: Values = isotonic_regression(values - least).x
    return rising + least
