"""Polygons with few points for traced rings: many times faster than curves, and more bytes.

The middle line (see ``outlines.vectorize``) is cut down by the algorithm of Douglas and Peucker,
which takes half of the tolerance. Its vertices lie on the middle line, so its chords would shave
every bulge; the other half lets each vertex move to where the least-squares lines through its two
neighbouring stretches meet, which takes that bias away (the idea of P. Selinger, "Potrace: a
polygon-based tracing algorithm", 2003, section 2.3.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Indices, Points
from videoseg.outlines.simplify import (
    RingGroup,
    culprits,
    douglas_peucker,
    middle_line,
    numbers_of,
    split,
)
from videoseg.outlines.trace import Trace

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
    centred = middle - np.repeat(centre, np.diff(np.append(kept, len(begins))), axis=0)
    # Second moments of a line segment about a point: its middle's, and its own.
    xx = np.add.reduceat(length * (centred[:, 0] ** 2 + half[:, 0] ** 2 / 3), kept)
    yy = np.add.reduceat(length * (centred[:, 1] ** 2 + half[:, 1] ** 2 / 3), kept)
    xy = np.add.reduceat(
        length * (centred[:, 0] * centred[:, 1] + half[:, 0] * half[:, 1] / 3), kept
    )
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    return np.stack([-np.sin(angle), np.cos(angle)], axis=1), centre
