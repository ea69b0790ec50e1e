"""Outlines of objects that touch, with one border between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from videoseg.geometry.rings import flatten
from videoseg.outlines.contours import outline_of
from videoseg.types import Mask, Part, Polygon, Shape

if TYPE_CHECKING:
    import shapely

_AREA = 1.5
"""Side of a square with the area that simplification may cut off, in tolerances."""


def shared_outlines_of(found: Sequence[Mask], *, tolerance: float = 0.5) -> list[Shape]:
    """Outlines in straight lines whose borders with one another are the same lines.

    Where outlines are drawn one by one (``outlines_of``), each may leave its pixels' edges in its
    own way, and slivers show between two that touch. Here the objects are a coverage, of which
    every border is drawn once (GEOS ``CoverageSimplifier``, an algorithm of Visvalingam and
    Whyatt).

    Args:
        found: Masks of one frame. A pixel of several is the first one's; a mask that has no pixel
            of its own has no parts.
        tolerance: About how far outlines may run from the pixels' edges, pixels.
    """
    import shapely

    exact = [shapely.MultiPolygon() if mask is None else _polygons(mask) for mask in _apart(found)]
    # Where three meet, each of them needs a corner.
    simple = shapely.coverage_simplify(shapely.segmentize(exact, 1), _AREA * tolerance)
    return [_shape(made) for made in simple]


def _apart(found: Sequence[Mask]) -> list[Mask | None]:
    """The masks without the pixels of earlier ones."""
    made: list[Mask | None] = []
    if not found:
        return made
    taken = np.zeros((found[0].frame_height, found[0].frame_width), dtype=np.bool_)
    for mask in found:
        x1, y1, x2, y2 = mask.crop
        own = mask.bitmap & ~taken[y1:y2, x1:x2]
        taken[y1:y2, x1:x2] |= own
        made.append(
            Mask(mask.x, mask.y, mask.frame_width, mask.frame_height, own) if own.any() else None
        )
    return made


def _polygons(mask: Mask) -> shapely.MultiPolygon:
    """A mask's exact outline; strands that meet in a point are cut there."""
    import shapely

    parts = outline_of(mask, tolerance=0).parts
    whole = shapely.multipolygons(
        [
            shapely.Polygon(flatten(part.outer), [flatten(hole) for hole in part.holes])
            for part in parts
        ]
    )
    return shapely.MultiPolygon(
        [each for each in shapely.get_parts(shapely.make_valid(whole)) if each.area > 0]
    )


def _shape(made: shapely.MultiPolygon) -> Shape:
    import shapely

    def ring(line: shapely.LinearRing) -> Polygon:
        return Polygon(shapely.get_coordinates(line)[:-1].astype(np.float32))

    # With y down, what shapely calls counter-clockwise runs clockwise on screen.
    oriented = shapely.orient_polygons(made)
    return Shape(
        tuple(
            Part(ring(part.exterior), tuple(map(ring, part.interiors)))
            for part in shapely.get_parts(oriented)
        )
    )
