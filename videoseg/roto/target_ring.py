"""Closed rings that points are matched to and measured against."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from videoseg.geometry.arrays import Flags, Indices, Points, Values
from videoseg.kernels.matching import matching_kernel

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


PIXELS_PER_RADIAN = 6.0
"""Pixels that a place is further away for each radian, about, that the ring runs differently."""
BLOCK = 32
"""Places of a ring whose numbers are bounded together, so that most are not looked at."""
_SPACING = 0.7
"""Pixels between the places of a ring that points are matched to."""
_MOST_SLIDE = 6.0
"""Pixels from its ring up to which what is drawn tells where a point ought to be."""
_LOOKED_AROUND = 12
"""Places of a ring before and after one that are looked at to find a nearer one."""
_CANDIDATES = 3
"""Places that are compared by exact numbers, where several may be as near."""


@dataclass(frozen=True, eq=False)
class TargetRing:
    """A closed ring to be matched to: places along it, evenly spaced.

    Attributes:
        places: float64 (M, 2).
        directions: float64 (M, 2), unit vectors along the ring.
        length: Of the ring, pixels.
    """

    places: Points
    directions: Points
    length: float

    @classmethod
    def of(cls, ring: Points) -> TargetRing:
        """Of a polygon, float64 (P, 2)."""
        length = float(steps_of(ring).sum())
        count = max(12, round(length / _SPACING))
        places = at_lengths(ring, np.arange(count, dtype=np.float64) * (length / count))
        return cls(places, directions(places), length)

    @functools.cached_property
    def directed(self) -> Points:
        """Places and directions, these in pixels, float64 (M, 4)."""
        return _directed(self.places, self.directions)

    @functools.cached_property
    def boxes(self) -> Values:
        """Least and greatest numbers of each ``BLOCK`` of ``directed``, float64 (B, 2, 4)."""
        firsts = np.arange(0, len(self.places), BLOCK)
        bounds = (each.reduceat(self.directed, firsts) for each in (np.minimum, np.maximum))
        return np.stack(list(bounds), axis=1)

    @functools.cached_property
    def tree(self) -> cKDTree:
        """Nearest places by position."""
        from scipy.spatial import cKDTree

        return cKDTree(self.places)

    @functools.cached_property
    def _directed_tree(self) -> cKDTree:
        from scipy.spatial import cKDTree

        return cKDTree(self.directed)

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

    def count_far(self, points: Points, bound: float) -> int:
        """How many of some points, float64 (N, 2), are further from the ring than a bound."""
        return _count_far(points, self.places, self.tree, bound)

    def nearest(self, points: Points) -> tuple[Values, Indices]:
        """Distance to, and number of, the nearest place that runs as a ring, (N, 2), does there."""
        points = np.ascontiguousarray(points)
        compiled = matching_kernel()
        if compiled is not None:
            found = compiled.nearest(self, BLOCK, points, PIXELS_PER_RADIAN)
        else:
            found = self._nearest(points)
        x, y = (self.places[found] - points).T
        return np.sqrt(x * x + y * y), found

    def _nearest(self, points: Points) -> Indices:
        """The nearest places; the first of those that are as near."""
        directed = _directed(points, directions(points))
        _, near = self._directed_tree.query(directed, k=_CANDIDATES)
        return _nearest_of(self.directed, directed, np.sort(near, axis=1))

    def slide(self, points: Points, places: Indices) -> Flags:
        """Find nearer places near those that points have, in place; which are close enough.

        Args:
            points: float64 (N, 2), a ring.
            places: int64 (N,), where each was last; where one is not close enough it stays.
        """
        points = np.ascontiguousarray(points)
        compiled = matching_kernel()
        if compiled is not None:
            return compiled.slide(
                self, BLOCK, points, PIXELS_PER_RADIAN, _LOOKED_AROUND, _MOST_SLIDE, places
            )
        directed = _directed(points, directions(points))
        around = np.arange(-_LOOKED_AROUND, _LOOKED_AROUND + 1)
        seen = (places[:, None] + around) % len(self.places)
        found = _nearest_of(self.directed, directed, seen)
        x, y = (self.places[found] - points).T
        near: Flags = np.sqrt(x * x + y * y) < _MOST_SLIDE
        places[near] = found[near]
        return near


def _directed(points: Points, ways: Points) -> Points:
    return np.hstack([points, PIXELS_PER_RADIAN * ways])


def _nearest_of(ring: Points, points: Points, seen: Indices) -> Indices:
    """For each point (N, 4) the nearest of some places of a ring (M, 4), (N, K); the first such."""
    away = np.zeros(seen.shape)
    for axis in range(4):  # sums over a few numbers each are slow
        offset = ring[:, axis][seen] - points[:, axis, None]
        away += offset * offset
    found: Indices = seen[np.arange(len(points)), np.argmin(away, axis=1)]
    return found


def distances_to(ring: Points, points: Points) -> Values:
    """How far points, float64 (N, 2), are from a closed polygon, whose corners lie close together.

    Edges are looked at that end in the corner nearest to a point.
    """
    from scipy.spatial import cKDTree

    return _distances(points, ring, cKDTree(ring))


def count_far_from(ring: Points, points: Points, bound: float) -> int:
    """How many of some points, float64 (N, 2), are further from a closed polygon than a bound."""
    from scipy.spatial import cKDTree

    return _count_far(points, ring, cKDTree(ring), bound)


def _distances(points: Points, ring: Points, corners: cKDTree, most: float = np.inf) -> Values:
    count = len(ring)
    # A point on an edge is as far as half of it from a corner.
    longest = float(steps_of(ring).max())
    _, found = corners.query(points, distance_upper_bound=most + longest / 2)
    away = np.full(len(points), np.inf)
    close = found < count
    found = found[close]
    both = [_squared_to(points[close], ring, edge) for edge in (found, (found - 1) % count)]
    away[close] = np.sqrt(np.minimum(*both))
    return away


def _count_far(points: Points, ring: Points, corners: cKDTree, bound: float) -> int:
    limit = bound * bound
    _, found = corners.query(points)
    both = [_squared_to(points, ring, edge) for edge in (found, (found - 1) % len(ring))]
    left = points[np.minimum(*both) > limit]
    # Another edge may be nearer than those of the nearest corner, where its begin is not far.
    reach = (bound + float(steps_of(ring).max())) * (1 + 1e-9)
    edges = corners.query_ball_point(left, reach)
    owner = np.repeat(np.arange(len(left)), [len(each) for each in edges])
    every = np.array([edge for each in edges for edge in each], dtype=np.int64)
    close = owner[_squared_to(left[owner], ring, every) <= limit]
    return len(left) - len(np.unique(close))


def _squared_to(points: Points, ring: Points, edges: Indices) -> Values:
    """Squared distances of points, float64 (N, 2), from edges, one for each."""
    begin = ring[edges]
    way_x, way_y = (ring[(edges + 1) % len(ring)] - begin).T
    x, y = (points - begin).T
    squares = np.maximum(way_x * way_x + way_y * way_y, 1e-12)
    share = np.minimum(np.maximum((x * way_x + y * way_y) / squares, 0), 1)
    off_x, off_y = x - share * way_x, y - share * way_y
    made: Values = off_x * off_x + off_y * off_y
    return made


def evenly(ring: Points, count: int) -> Points:
    """So many points along a polygon, as far from one another, the first at its first corner."""
    along = _along(ring)
    return _at(ring, along, np.arange(count) * (along[-1] / count))


def at_lengths(ring: Points, lengths: Values) -> Points:
    """Points of a polygon at lengths along it from its first corner, around as often as needed."""
    along = _along(ring)
    return _at(ring, along, lengths % along[-1] if along[-1] > 0 else lengths * 0)


def _along(ring: Points) -> Values:
    """Length up to each corner, and of all, float64 (P + 1,)."""
    return np.concatenate([[0.0], np.cumsum(steps_of(ring))])


def _at(ring: Points, along: Values, lengths: Values) -> Points:
    edge = np.minimum(np.searchsorted(along, lengths, side="right") - 1, len(ring) - 1)
    share = (lengths - along[edge]) / np.maximum(along[edge + 1] - along[edge], 1e-300)
    begin, end = ring[edge], ring[(edge + 1) % len(ring)]
    made: Points = begin + share[:, None] * (end - begin)
    return made


def directions(points: Points) -> Points:
    """Unit vectors along a ring, at each of its points."""
    # Faster than ``np.roll``.
    around = np.concatenate([points[-1:], points, points[:1]])
    way = around[2:] - around[:-2]
    along: Points = way / np.maximum(_lengths(way), 1e-9)[:, None]
    return along


def steps_of(ring: Points) -> Values:
    """Length of each edge of a polygon."""
    return _lengths(np.diff(ring, axis=0, append=ring[:1]))


def _lengths(ways: Points) -> Values:
    # Not ``np.hypot``, which rounds in its own way.
    made: Values = np.sqrt(ways[:, 0] * ways[:, 0] + ways[:, 1] * ways[:, 1])
    return made
