"""Fewer points for traced rings, within a stated distance and without breaking their topology.

The middle line (see ``outlines.contours``) is cut down by the algorithm of Douglas and Peucker
("Algorithms for the reduction of the number of points required to represent a digitized line",
1973), which takes half of the tolerance. Its vertices lie on the middle line, so its chords would
shave every bulge; the other half lets each vertex move to where the least-squares lines
through its two neighbouring stretches meet, which takes that bias away (the idea of P. Selinger,
"Potrace: a polygon-based tracing algorithm", 2003, section 2.3.1).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.outlines.trace import Trace

if TYPE_CHECKING:
    import shapely

Points = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
RingGroup: TypeAlias = tuple[int, Sequence[int]]
"""An outer ring and the holes in it, by ring number."""

_SHARE = 0.5  # of the tolerance for leaving points out; the rest for moving those that stay
_SMALLEST = 0.05  # px; below it leaving points out gains nothing
_GRID = 16  # points lie on a grid of 1 / 16 px: exact in float32 in any frame, short as text
_ROUNDING = 0.75 / _GRID  # px; more than half a cell's diagonal
_STIFFNESS = 0.01  # keeps vertices between nearly parallel lines from running along them


def simplify(
    traced: Trace, groups: Sequence[Sequence[RingGroup]], tolerance: float
) -> list[Points]:
    """Rings with fewer points, float64 (P, 2) each, by ring number.

    Where the tolerance would break a ring's topology, that ring gets half of it, and so on.

    Args:
        traced: Exact rings.
        groups: For each bitmap its outer rings with the holes in each; other rings are not looked
            at.
        tolerance: Furthest distance from the middle line in pixels; 0 gives the exact rings.
    """
    if tolerance == 0:
        return _split(traced.points.astype(np.float64), traced.starts)
    points, starts, turning = middle_line(traced)
    wanted = [ring for group in groups for ring in _numbers(group)]
    tolerances = np.full(len(starts) - 1, tolerance, dtype=np.float64)
    while tolerances[wanted].max() > _SMALLEST:
        tolerances[tolerances <= _SMALLEST] = 0
        kept = douglas_peucker(points, starts, turning, _SHARE * tolerances)
        moved = _refit(points, starts, kept, (1 - _SHARE) * tolerances)
        rings = _split(moved, np.searchsorted(kept, starts))
        broken = _broken(rings, groups)
        if not len(broken):
            return rings
        if not tolerances[broken].any():
            break
        tolerances[broken] /= 2
    return _split(points, starts)


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
    onward = np.where(
        bends, half, np.where(step[before], np.minimum(half, half[before[before]]), 0.5)
    )
    backward = np.where(
        bends[before], half[before], np.where(step, np.minimum(half[before], half[after]), 0.5)
    )
    no_slope = traced.saddle & ~step & ~step[before]
    onward[no_slope] = backward[no_slope] = 0.5
    # Two that coincide are one, which the later corner has.
    doubled = cut & ~(cut[after] & (onward + backward[after] == length))
    where = np.arange(len(corners)) + np.cumsum(doubled) - doubled
    points = np.empty((len(corners) + int(doubled.sum()), 2))
    points[where] = corners - (backward * cut)[:, None] * incoming
    points[where[doubled] + 1] = corners[doubled] + (onward[:, None] * direction)[doubled]
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
    # Slightly off the diagonal, so that a slanted straight edge is seldom an end as a whole.
    reach = points @ (0.8, 0.6)
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
    """Positions of the points that stay; both ends of each ring do."""
    import shapely

    rings = np.arange(len(turning))
    # Each ring is two lines, from its start to its turning point and from there back to its start.
    order = np.concatenate([np.arange(len(points)), turning, starts[:-1]])
    line = np.concatenate([_line_numbers(starts, turning), 2 * rings + 1, 2 * rings + 1])
    place = np.concatenate([np.arange(len(points)), turning, starts[1:]])
    sequence = np.lexsort((place, line))
    order, line = order[sequence], line[sequence]
    lines = shapely.linestrings(np.column_stack([points[order], order]), indices=line)
    short = shapely.simplify(lines, np.repeat(tolerances, 2), preserve_topology=False)
    return np.unique(shapely.get_coordinates(short, include_z=True)[:, 2].astype(np.int64))


def _line_numbers(starts: Indices, turning: Indices) -> Indices:
    """For each point its line: 2 r up to the turning point of ring r, then 2 r + 1."""
    ring = np.repeat(np.arange(len(turning)), np.diff(starts))
    return 2 * ring + (np.arange(len(ring)) > turning[ring])


def _refit(
    points: Points, starts: Indices, kept: Indices, reach: npt.NDArray[np.float64]
) -> Points:
    """The kept points, each moved by at most its ring's ``reach`` towards the best lines."""
    after = np.arange(1, len(points) + 1)
    after[starts[1:] - 1] = starts[:-1]
    normal, centre = _best_lines(points, points[after], kept)

    ring = np.searchsorted(starts, kept, side="right") - 1
    before = np.arange(-1, len(kept) - 1)
    before[np.searchsorted(kept, starts[:-1])] = np.searchsorted(kept, starts[1:]) - 1
    vertex = points[kept]
    normals = np.stack([normal[before], normal], axis=1)
    offsets = np.einsum(
        "vlc,vlc->vl", normals, np.stack([centre[before], centre], 1) - vertex[:, None]
    )
    matrix = np.einsum("vla,vlb->vab", normals, normals) + _STIFFNESS * np.eye(2)
    wanted = np.einsum("vla,vl->va", normals, offsets)
    determinant = matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] ** 2
    move = (
        np.stack(
            [
                matrix[:, 1, 1] * wanted[:, 0] - matrix[:, 0, 1] * wanted[:, 1],
                matrix[:, 0, 0] * wanted[:, 1] - matrix[:, 0, 1] * wanted[:, 0],
            ],
            axis=1,
        )
        / determinant[:, None]
    )
    allowed = np.maximum(reach[ring] - _ROUNDING, 0)
    size = np.linalg.norm(move, axis=1)
    move *= (np.minimum(size, allowed) / np.maximum(size, 1e-12))[:, None]
    rounded: Points = np.round((vertex + move) * _GRID) / _GRID
    return rounded


def _best_lines(begins: Points, ends: Points, kept: Indices) -> tuple[Points, Points]:
    """Least-squares line of each stretch from a kept point to the next: normal and a point."""
    length = np.linalg.norm(ends - begins, axis=1)
    middle = (begins + ends) / 2
    half = (ends - begins) / 2
    total = np.add.reduceat(length, kept)
    centre = np.add.reduceat(length[:, None] * middle, kept) / total[:, None]
    apart = middle - np.repeat(centre, np.diff(np.append(kept, len(begins))), axis=0)
    # Second moments of a line segment about a point: its middle's, and its own.
    xx = np.add.reduceat(length * (apart[:, 0] ** 2 + half[:, 0] ** 2 / 3), kept)
    yy = np.add.reduceat(length * (apart[:, 1] ** 2 + half[:, 1] ** 2 / 3), kept)
    xy = np.add.reduceat(length * (apart[:, 0] * apart[:, 1] + half[:, 0] * half[:, 1] / 3), kept)
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.stack([-np.sin(angle), np.cos(angle)], axis=1), centre


def _broken(rings: Sequence[Points], groups: Sequence[Sequence[RingGroup]]) -> Indices:
    """Numbers of the rings that must come closer to the middle line; empty if all is well."""
    import shapely

    whole = [_multipolygon(rings, group) for group in groups]
    broken = [
        _culprits(rings, group)
        for group, made, valid in zip(groups, whole, shapely.is_valid(whole), strict=True)
        if made is None or not valid
    ]
    return np.concatenate([np.array([], dtype=np.int64), *broken])


def _multipolygon(
    rings: Sequence[Points], group: Sequence[RingGroup]
) -> shapely.MultiPolygon | None:
    """All parts of one bitmap; None where a ring has become too short."""
    import shapely

    if any(len(rings[ring]) < 3 for ring in _numbers(group)):
        return None
    curves: dict[int, Any] = {ring: shapely.linearrings(rings[ring]) for ring in _numbers(group)}
    whole: shapely.MultiPolygon = shapely.multipolygons(
        [
            shapely.polygons(curves[outer], [curves[hole] for hole in holes] or None)
            for outer, holes in group
        ]
    )
    return whole


def _culprits(rings: Sequence[Points], group: Sequence[RingGroup]) -> Indices:
    """Numbers of the rings that break a bitmap's outline."""
    import shapely

    numbers = np.array(_numbers(group))
    flat = [ring for ring in numbers if len(rings[ring]) < 3]
    if flat:
        return np.array(flat)
    every = np.array([shapely.linearrings(rings[ring]) for ring in numbers])
    crossed = ~shapely.is_simple(every)
    one, other = shapely.STRtree(every).query(every, predicate="intersects")
    crossed[one[one != other]] = True
    # Where no two lines meet, a ring has jumped over a whole other one.
    return numbers[crossed] if crossed.any() else numbers


def _numbers(group: Sequence[RingGroup]) -> list[int]:
    """All rings of one bitmap."""
    return [ring for outer, holes in group for ring in (outer, *holes)]


def _split(points: Points, starts: Indices) -> list[Points]:
    return [points[a:b] for a, b in itertools.pairwise(starts.tolist())]
