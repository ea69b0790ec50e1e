"""One point of an outline followed through time: rings of a sequence with points that correspond.

Outlines of neighbouring frames start anywhere and have as many points as they like. Here the points
of one frame are moved to the next by the affine motion that fits the two rings best, matched to the
nearest place that runs the same way, and what the match leaves open along the ring (a straight edge
tells nothing about that) is made up by stretching evenly. So a corner stays a corner's point, and
what lies between two frames is the outline between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Indices, Points, Values
from videoseg.kernels.rings import nearest_kernel

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


_SPACING = 0.7
"""Pixels between the places of a ring that points are matched to."""
_FOLLOWED_SPACING = 2.0
"""Pixels of ring between points that are followed."""
_FOLLOWED_COUNTS = (24, 800)
"""Least and largest number of points of a ring that are followed."""
_GAP = 4.0
"""Neighbouring points are far apart from so many times their average distance on."""
_MOST_IN_GAPS = 0.08
"""Largest share of a ring that may lie between points far apart."""
_PIXELS_PER_RADIAN = 6.0
"""Pixels that a place is further away for each radian, about, that the ring runs differently."""
_LOOKED_AROUND = 12
"""Places of a ring before and after one that are looked at to find a nearer one."""
_ROUNDS = 6
"""Rounds of finding a motion; the first finds a shift only."""
_ALONG_WEIGHT = 0.05
"""Weight of distances along a ring beside those across it, when a motion is looked for."""
_RIGID_WEIGHT = 0.1
"""Weight of no change of shape, in hundredths of all points."""
_OUTLIER_DISTANCE = 3.0
"""A match this far away, pixels, counts half."""
_STIFFNESS = 4.0
"""Weight of even stretching against matches, one point against its neighbours."""
_ANCHOR_DISTANCE = 1.0
"""A point of the first ring, moved as a whole, that comes this close, pixels, counts a quarter."""
_REACH = 8.0
"""Points that ask for a larger correction than this along the ring, pixels, do not count."""
_HOLD_WEIGHT = 0.02
"""Weight of no correction."""
_RIDGE = 1e-6
"""Keeps the problem solvable where no match has weight."""
_MIN_STRETCH = 0.1
"""Least share of its even stretch that is left between two points."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetRing:
    """A closed ring to be matched to: places along it, evenly spaced.

    Attributes:
        places: float64 (M, 2).
        directions: float64 (M, 2), unit vectors along the ring.
        length: Of the ring, pixels.
        tree: Nearest places by position.
        directed: Nearest places by position and direction.
    """

    places: Points
    directions: Points
    length: float
    tree: cKDTree
    directed: cKDTree

    @classmethod
    def of(cls, ring: Points) -> TargetRing:
        """Of a polygon, float64 (P, 2)."""
        from scipy.spatial import cKDTree

        length = float(_steps(ring).sum())
        count = max(12, round(length / _SPACING))
        places = at_lengths(ring, np.arange(count) * (length / count))
        along = directions(places)
        directed = cKDTree(np.hstack([places, _PIXELS_PER_RADIAN * along]))
        return cls(places, along, length, cKDTree(places), directed)

    def at(self, lengths: Values) -> Points:
        """Points at lengths along the ring, around as often as needed."""
        count = len(self.places)
        place = lengths * (count / self.length) % count
        before = place.astype(np.int64) % count
        share = (place - np.floor(place))[:, None]
        made: Points = (1 - share) * self.places[before] + share * self.places[(before + 1) % count]
        return made

    def distances(self, points: Points, most: float = np.inf) -> Values:
        """How far points are from the ring, and not only from its places.

        Args:
            points: float64 (N, 2).
            most: What is further off than this, pixels, may be infinitely far.
        """
        return _distances(points, self.places, self.tree, most)

    def nearest(self, points: Points, along: Points) -> tuple[Values, npt.NDArray[np.int64]]:
        """Distance to, and number of, the nearest place that runs the same way."""
        _, found = self.directed.query(np.hstack([points, _PIXELS_PER_RADIAN * along]))
        x, y = (self.places[found] - points).T
        return np.sqrt(x * x + y * y), found

    def nearest_around(self, places: Indices, points: Points) -> tuple[Values, Indices]:
        """As ``nearest``, for a ring's points; only places near these are looked at."""
        directed = np.hstack([points, _PIXELS_PER_RADIAN * directions(points)])
        search = nearest_kernel() or _nearest_around
        found = search(self.directed.data, directed, places, _LOOKED_AROUND)
        x, y = (self.places[found] - points).T
        return np.hypot(x, y), found


def _nearest_around(ring: Points, points: Points, places: Indices, reach: int) -> Indices:
    """For each point (N, 4) the nearest place of a ring (M, 4) near one of its places."""
    around = (places[:, None] + np.arange(-reach, reach + 1)) % len(ring)
    # Axis by axis: sums over a few numbers each are slow.
    offsets = (ring[:, axis][around] - points[:, axis, None] for axis in range(4))
    best = np.argmin(sum(offset * offset for offset in offsets), axis=1)
    found: Indices = around[np.arange(len(points)), best]
    return found


def distances_to(ring: Points, points: Points, most: float = np.inf) -> Values:
    """How far points are from a closed polygon, float64 (P, 2), whose corners lie close together.

    Edges are looked at that end in the corner nearest to a point.

    Args:
        ring: The polygon.
        points: float64 (N, 2).
        most: What is further off than this, pixels, may be infinitely far.
    """
    from scipy.spatial import cKDTree

    return _distances(points, ring, cKDTree(ring), most)


def _distances(points: Points, ring: Points, corners: cKDTree, most: float) -> Values:
    count = len(ring)
    # A point on an edge is as far as half of it from a corner.
    longest = float(_steps(ring).max())
    _, found = corners.query(points, distance_upper_bound=most + longest / 2)
    away = np.full(len(points), np.inf)
    close = found < count
    found = found[close]
    x, y = points[close].T - ring[found].T
    best = x * x + y * y
    ways = np.diff(ring, axis=0, append=ring[:1]).T
    lengths = np.maximum(ways[0] * ways[0] + ways[1] * ways[1], 1e-12)
    for edge, sign in ((found, 1), ((found - 1) % count, -1)):
        across, down = ways[:, edge] * sign
        share = np.minimum(np.maximum((x * across + y * down) / lengths[edge], 0), 1)
        off_x, off_y = x - share * across, y - share * down
        best = np.minimum(best, off_x * off_x + off_y * off_y)
    away[close] = np.sqrt(best)
    return away


def evenly(ring: Points, count: int) -> Points:
    """So many points along a polygon, as far from one another, the first at its first corner."""
    length = float(_steps(ring).sum())
    return at_lengths(ring, np.arange(count) * (length / count))


def at_lengths(ring: Points, lengths: npt.NDArray[np.floating]) -> Points:
    """Points of a polygon at lengths along it from its first corner, around as often as needed."""
    closed = np.concatenate([ring, ring[:1]])
    along = np.concatenate([[0.0], np.cumsum(_steps(ring))])
    wanted = lengths % along[-1] if along[-1] > 0 else lengths * 0
    return np.stack([np.interp(wanted, along, closed[:, axis]) for axis in (0, 1)], axis=1)


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
    steps = _steps(points)
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
    for number in range(3):
        weight = 1 / (1 + (np.linalg.norm(moved - here, axis=1) / 50) ** 2)
        moved = _fitted(moved, here, directions(here), weight, number)
    moved = _settled(moved, target)
    distance, found = target.nearest(moved, directions(moved))
    matched = found * (target.length / len(target.places))
    off = (matched - lengths + target.length / 2) % target.length - target.length / 2
    weight = _ANCHOR_DISTANCE**4 / (_ANCHOR_DISTANCE**2 + distance**2) ** 2 * (np.abs(off) < _REACH)
    return _rising(
        lengths + _smoothed(off, weight, hold=_HOLD_WEIGHT), _MIN_STRETCH * (lengths - lengths[0])
    )


def _carried(points: Points, target: TargetRing) -> Values:
    """Lengths along the next ring of the points of one."""
    moved = _moved(points, target)
    gaps = _steps(moved)
    length = max(float(gaps.sum()), 1e-9)
    # Where each would lie if the ring were stretched evenly, from an unknown start.
    even = (np.cumsum(gaps) - gaps) * (target.length / length)
    distance, found = target.nearest(moved, directions(moved))
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
    for number in range(_ROUNDS):
        distance, found = target.nearest(moved, directions(moved))
        scale = max(_OUTLIER_DISTANCE, 2 * float(np.median(distance)))
        weight = 1 / (1 + (distance / scale) ** 2)
        moved = _fitted(moved, target.places[found], target.directions[found], weight, number)
    return moved


def _fitted(points: Points, target: Points, along: Points, weight: Values, number: int) -> Points:
    """Points moved onto the lines through their targets; a shift only in the first round."""
    offset = target - points
    if number == 0:
        return np.asarray(points + np.average(offset, axis=0, weights=weight))
    centre = points.mean(axis=0)
    own = points - centre
    size = max(float(np.sqrt((own * own).mean())), 1e-9)
    x, y = (own / size).T
    one, none = np.ones_like(x), np.zeros_like(x)
    terms = np.stack(
        [np.stack([x, y, one, none, none, none]), np.stack([none, none, none, x, y, one])]
    )
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    moments, wanted = (
        1e-2 * len(points) * np.diag([1.0, 1, 0, 1, 1, 0]) * _RIGID_WEIGHT,
        np.zeros(6),
    )
    for direction, share in ((across, 1.0), (along, _ALONG_WEIGHT)):
        rows = np.einsum("akn,na->kn", terms, direction)
        weighted = rows * weight * share
        moments = moments + weighted @ rows.T
        wanted = wanted + weighted @ (direction * offset).sum(axis=1)
    found = np.linalg.solve(moments + 1e-9 * np.eye(6), wanted)
    moved: Points = points + np.einsum("akn,k->na", terms, found)
    return moved


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


def directions(points: Points) -> Points:
    """Unit vectors along a ring, at each of its points."""
    # Faster than ``np.roll``.
    around = np.concatenate([points[-1:], points, points[:1]])
    way = around[2:] - around[:-2]
    along: Points = way / np.maximum(np.hypot(way[:, 0], way[:, 1]), 1e-9)[:, None]
    return along


def _steps(ring: Points) -> Values:
    """Length of each edge of a polygon."""
    way = np.diff(ring, axis=0, append=ring[:1])
    steps: Values = np.hypot(way[:, 0], way[:, 1])
    return steps
