"""Polygons with few points for traced rings: many times faster than curves, and more bytes.

The middle line (see ``outlines.vectorize``) is cut down by the algorithm of Douglas and Peucker,
which takes half of the tolerance. Its vertices lie on the middle line, so its chords would shave
every bulge; the other half lets each vertex move to where the least-squares lines through its two
neighbouring stretches meet, which takes that bias away (the idea of P. Selinger, "Potrace: a
polygon-based tracing algorithm", 2003, section 2.3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Indices, Points, on_grid
from videoseg.kernels.polygons import polygons_kernel
from videoseg.outlines.simplify import (
    RingGroup,
    culprits,
    douglas_peucker,
    middle_line,
    numbers_of,
    split,
)
from videoseg.outlines.trace import Trace
from videoseg.types import Mask, Part, Polygon, Shape

_SHARE = 0.5
"""Share of the tolerance for leaving points out; the rest is for moving those that stay."""
_SMALLEST = 0.05
"""Below this tolerance, pixels, leaving points out gains nothing."""
_GRID = 16
"""Points lie on a grid of 1 / 16 pixel: exact in float32 in any frame, and short as text."""
_ROUNDING = 0.75 / _GRID
"""More than half the diagonal of a cell of that grid, pixels."""
_STIFFNESS = 0.01
"""Keeps vertices between nearly parallel lines from running along them."""


def polygons_of(
    traced: Trace, groups: Sequence[Sequence[RingGroup]], tolerance: float
) -> list[Points]:
    """Rings with fewer points, float64 (P, 2) each, by ring number.

    Where the tolerance would break a ring's topology, that ring gets half of it, and so on.

    Args:
        traced: Exact rings.
        groups: For each bitmap its outer rings with the holes in each; other rings are not looked
            at.
        tolerance: Furthest distance from the middle line, pixels above 0.
    """
    points, starts, turning = middle_line(traced)
    wanted = [ring for group in groups for ring in numbers_of(group)]
    tolerances = np.full(len(starts) - 1, tolerance, dtype=np.float64)
    while tolerances[wanted].max() > _SMALLEST:
        tolerances[tolerances <= _SMALLEST] = 0
        kept = douglas_peucker(points, starts, turning, _SHARE * tolerances)
        moved = _refit(points, starts, kept, (1 - _SHARE) * tolerances)
        rings = split(moved, np.searchsorted(kept, starts))
        broken = [ring for found in culprits(dict(enumerate(rings)), groups) for ring in found]
        if not broken:
            return rings
        if not tolerances[broken].any():
            break
        tolerances[broken] /= 2
    return split(points, starts)


@dataclass(frozen=True, slots=True)
class SoundPolygons:
    """Polygons that are sound, of one mask.

    Attributes:
        shape: Them, in the mask's frame.
        wrong: Pixels of the frame that they show otherwise than the mask.
    """

    shape: Shape
    wrong: int


def compiled_polygons(mask: Mask, tolerance: float) -> SoundPolygons | None:
    """What ``polygons_of`` makes of a whole mask, where compiled code finds that sound."""
    kernel = polygons_kernel()
    if kernel is None or tolerance <= _SMALLEST:
        return None
    found = kernel(mask.bitmap, (mask.x, mask.y, mask.frame_width, mask.frame_height), tolerance)
    if found is None:
        return None
    points, owners, wrong = found
    rings = [Polygon(each) for each in points]
    holes: dict[int, list[Polygon]] = {n: [] for n, owner in enumerate(owners) if owner < 0}
    for ring, owner in zip(rings, owners, strict=True):
        if owner >= 0:
            holes[owner].append(ring)
    parts = tuple(Part(rings[outer], tuple(inner)) for outer, inner in holes.items())
    return SoundPolygons(Shape(parts), wrong)


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
    # Sums of two in a fixed order, so that compiled code comes to the same.
    (x1, y1), (x2, y2) = normal[before].T, normal.T
    off1, off2 = (
        x * (middle[:, 0] - vertex[:, 0]) + y * (middle[:, 1] - vertex[:, 1])
        for x, y, middle in ((x1, y1, centre[before]), (x2, y2, centre))
    )
    xx, xy, yy = x1 * x1 + x2 * x2 + _STIFFNESS, x1 * y1 + x2 * y2, y1 * y1 + y2 * y2 + _STIFFNESS
    wanted_x, wanted_y = x1 * off1 + x2 * off2, y1 * off1 + y2 * off2
    determinant = xx * yy - xy * xy
    move_x = (yy * wanted_x - xy * wanted_y) / determinant
    move_y = (xx * wanted_y - xy * wanted_x) / determinant
    allowed = np.maximum(reach[ring] - _ROUNDING, 0)
    size = np.sqrt(move_x * move_x + move_y * move_y)
    share = np.minimum(size, allowed) / np.maximum(size, 1e-12)
    move = np.stack([move_x * share, move_y * share], axis=1)
    rounded: Points = np.round((vertex + move) * _GRID) / _GRID
    return rounded


def _best_lines(begins: Points, ends: Points, kept: Indices) -> tuple[Points, Points]:
    """Least-squares line of each stretch from a kept point to the next: normal and a point."""
    length = on_grid(np.linalg.norm(ends - begins, axis=1))
    middle = (begins + ends) / 2
    half = (ends - begins) / 2
    total = np.add.reduceat(length, kept)
    centre = np.add.reduceat(length[:, None] * middle, kept) / total[:, None]
    centred = middle - np.repeat(centre, np.diff(np.append(kept, len(begins))), axis=0)
    # Second moments of a line segment about a point: its middle's, and its own.
    xx, yy, xy = (
        np.add.reduceat(on_grid(length * (centred[:, a] * centred[:, b] + share / 3)), kept)
        for a, b in ((0, 0), (1, 1), (0, 1))
        for share in (half[:, a] * half[:, b],)
    )
    # Cosine and sine of half the angle of (xx - yy, 2 xy); the larger of the two is told first.
    spread = xx - yy
    size = np.sqrt(spread * spread + 4 * (xy * xy))
    larger = np.sqrt((size + np.abs(spread)) / np.where(size > 0, 2 * size, 1))
    smaller = np.abs(xy) / np.where(size > 0, size * larger, 1)
    flat = spread >= 0
    cosine = np.where(flat, np.where(size > 0, larger, 1), smaller)
    sine = np.where(flat, smaller, larger)
    return np.stack([np.where(xy < 0, sine, -sine), cosine], axis=1), centre
