"""Traced rings without their steps, with fewer points, and whether such rings are sound."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Indices, Points
from videoseg.outlines.trace import Trace

if TYPE_CHECKING:
    import shapely

RingGroup: TypeAlias = tuple[int, Sequence[int]]
"""An outer ring and the holes in it, by ring number."""


def middle_line(traced: Trace) -> tuple[Points, Indices, Indices]:
    """The exact rings with the corners of one-pixel steps, and of saddles, cut.

    Returns:
        points, float64 (P, 2), and starts, int64 (R + 1,), like those of a ``Trace``; each ring
        starts at its point furthest to the upper left. And int64 (R,), the position of each ring's
        point furthest to the lower right.
    """
    corners, starts = traced.points, traced.starts
    after = np.arange(1, len(corners) + 1)
    after[starts[1:] - 1] = starts[:-1]
    before = np.empty_like(after)
    before[after] = np.arange(len(corners))

    edge = corners[after] - corners
    length = np.abs(edge).sum(axis=1)
    direction = edge / length[:, None]
    incoming = direction[before]
    turn = incoming[:, 0] * direction[:, 1] - incoming[:, 1] * direction[:, 0]
    bends = turn != turn[after]  # the ends of an edge turn opposite ways, as along a slope
    step = (length == 1) & bends
    cut = step | step[before] | traced.saddle

    # A cut corner becomes two points, one on either edge. Along a slope that is the middle of the
    # edge. Where the slope ends at a step, it goes on as far as it came from on the other side.
    half = length / 2
    forward = np.where(
        bends, half, np.where(step[before], np.minimum(half, half[before[before]]), 0.5)
    )
    backward = np.where(
        bends[before], half[before], np.where(step, np.minimum(half[before], half[after]), 0.5)
    )
    no_slope = traced.saddle & ~step & ~step[before]
    forward[no_slope] = backward[no_slope] = 0.5
    # Two that coincide are one, which the later corner has.
    doubled = cut & ~(cut[after] & (forward + backward[after] == length))
    where = np.arange(len(corners)) + np.cumsum(doubled) - doubled
    points = np.empty((len(corners) + int(doubled.sum()), 2))
    points[where] = corners - (backward * cut)[:, None] * incoming
    points[where[doubled] + 1] = corners[doubled] + (forward[:, None] * direction)[doubled]
    starts = np.append(where, len(points))[starts]
    order, turning = turned(points, starts)
    return points[order], starts, turning


def turned(points: Points, starts: Indices) -> tuple[Indices, Indices]:
    """The order in which each ring begins at its upper left, and where its lower right then is.

    Returns:
        int64 (P,), positions, and int64 (R,), places in that order.
    """
    sizes = np.diff(starts)
    ring = np.repeat(np.arange(len(sizes)), sizes)
    # Slightly off the diagonal, so that a slanted straight edge is seldom an end as a whole. Exact
    # on half pixels, so that the first of several is meant wherever it is computed.
    reach = 4 * points[:, 0] + 3 * points[:, 1]
    first = _positions(reach == np.minimum.reduceat(reach, starts[:-1])[ring], ring)
    last = _positions(reach == np.maximum.reduceat(reach, starts[:-1])[ring], ring)
    local = np.arange(len(points)) - starts[ring]
    order = starts[ring] + (local + (first - starts[:-1])[ring]) % sizes[ring]
    return order, starts[:-1] + (last - first) % sizes


def _positions(chosen: npt.NDArray[np.bool_], ring: Indices) -> Indices:
    """The first chosen position of each ring."""
    at = np.flatnonzero(chosen)
    return at[np.unique(ring[at], return_index=True)[1]]


def douglas_peucker(
    points: Points, starts: Indices, turning: Indices, tolerances: npt.NDArray[np.float64]
) -> Indices:
    """Positions of the points that stay; the first and the turning point of each ring do.

    D. H. Douglas and T. K. Peucker, "Algorithms for the reduction of the number of points required
    to represent a digitized line", 1973.
    """
    import shapely

    rings = np.arange(len(turning))
    # Each ring is two lines, from its start to its turning point and from there back to its start.
    order = np.concatenate([np.arange(len(points)), turning, starts[:-1]])
    line = np.concatenate([_linenumbers_of(starts, turning), 2 * rings + 1, 2 * rings + 1])
    place = np.concatenate([np.arange(len(points)), turning, starts[1:]])
    sequence = np.lexsort((place, line))
    order, line = order[sequence], line[sequence]
    lines = shapely.linestrings(np.column_stack([points[order], order]), indices=line)
    short = shapely.simplify(lines, np.repeat(tolerances, 2), preserve_topology=False)
    return np.unique(shapely.get_coordinates(short, include_z=True)[:, 2].astype(np.int64))


def _linenumbers_of(starts: Indices, turning: Indices) -> Indices:
    """For each point its line: 2 r up to the turning point of ring r, then 2 r + 1."""
    ring = np.repeat(np.arange(len(turning)), np.diff(starts))
    return 2 * ring + (np.arange(len(ring)) > turning[ring])


def culprits(rings: Mapping[int, Points], groups: Sequence[Sequence[RingGroup]]) -> list[list[int]]:
    """For each group of rings those that must come closer to what they are made of.

    Sound rings neither cross nor touch themselves or one another, lie in or beside one another as
    they should, and run the way they should.
    """
    import shapely

    whole = [_multipolygon(rings, group) for group in groups]
    good = shapely.is_valid(whole) & shapely.is_simple(_closed_lines(rings, groups))
    found = []
    for group, fine in zip(groups, good.tolist(), strict=True):
        turned = [
            ring
            for outer, holes in group
            for ring, sign in ((outer, 1), *((hole, -1) for hole in holes))
            if sign * _turns(rings[ring]) <= 0
        ]
        found.append(turned or ([] if fine else _culprits(rings, group)))
    return found


def _closed_lines(rings: Mapping[int, Points], groups: Sequence[Sequence[RingGroup]]) -> Any:
    """For each group of rings one geometry of closed lines, however short."""
    import shapely

    members = [numbers_of(group) for group in groups]
    numbers = [ring for group in members for ring in group]
    closed = np.concatenate([part for ring in numbers for part in (rings[ring], rings[ring][:1])])
    line = np.repeat(np.arange(len(numbers)), [len(rings[ring]) + 1 for ring in numbers])
    lines: Any = shapely.linestrings(closed, indices=line)
    owners = np.repeat(np.arange(len(groups)), [len(group) for group in members])
    return shapely.multilinestrings(lines, indices=owners)


def _turns(points: Points) -> float:
    """Twice the signed area inside a ring."""
    x, y = (points - points[0]).T
    return float(x[:-1] @ y[1:] - y[:-1] @ x[1:])


def _multipolygon(
    rings: Mapping[int, Points] | Sequence[Points], group: Sequence[RingGroup]
) -> shapely.MultiPolygon | None:
    """All parts of one bitmap; None where a ring has become too short."""
    import shapely

    if any(len(rings[ring]) < 3 for ring in numbers_of(group)):
        return None
    curves: dict[int, Any] = {ring: shapely.linearrings(rings[ring]) for ring in numbers_of(group)}
    whole: shapely.MultiPolygon = shapely.multipolygons(
        [
            shapely.polygons(curves[outer], [curves[hole] for hole in holes] or None)
            for outer, holes in group
        ]
    )
    return whole


def _culprits(rings: Mapping[int, Points], group: Sequence[RingGroup]) -> list[int]:
    """Numbers of the rings that break a bitmap's outline."""
    import shapely

    numbers = np.array(numbers_of(group))
    flat = [ring for ring in numbers.tolist() if len(rings[ring]) < 3]
    if flat:
        return flat
    every = np.array([shapely.linearrings(rings[ring]) for ring in numbers])
    crossed = ~shapely.is_simple(every)
    one, other = shapely.STRtree(every).query(every, predicate="intersects")
    crossed[one[one != other]] = True
    # Where no two lines meet, a ring has jumped over a whole other one.
    found: list[int] = (numbers[crossed] if crossed.any() else numbers).tolist()
    return found


def numbers_of(group: Sequence[RingGroup]) -> list[int]:
    """All rings of one bitmap."""
    return [ring for outer, holes in group for ring in (outer, *holes)]


def split(points: Points, starts: Indices) -> list[Points]:
    """Each ring by itself."""
    return [points[a:b] for a, b in itertools.pairwise(starts.tolist())]
