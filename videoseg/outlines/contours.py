"""Between masks and outlines: ``outline_of`` a mask, and ``rasterise`` a shape again.

At tolerance 0 an outline runs along the pixels' edges, and the two functions invert each other.
Above 0 the outline follows the *middle line*: the exact ring, with the corners of one-pixel steps
cut from edge middle to edge middle. Steps are how a slanted edge looks in pixels; corners between
longer edges are the object's own and stay, so a 10 x 10 square keeps area 100. The middle line
stays within 0.5 px of the exact ring, and has every pixel's centre on the same side; the outline
stays within ``tolerance`` of the middle line.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.simplify import Points, RingGroup, simplify
from videoseg.outlines.trace import Trace, trace
from videoseg.types import Mask, Part, Polygon, Shape

MIDDLE_LINE_ERROR = 0.5
"""Furthest that the middle line lies from the pixels' edges, in pixels."""

Areas = npt.NDArray[np.float64]


def outline_of(mask: Mask, *, tolerance: float = 0.5, min_area: int = 0) -> Shape:
    """The outline of a mask's pixels, in frame coordinates on the pixel-edge grid.

    Objects are 8-connected and holes 4-connected (see ``outlines.trace``). Rings are polygons;
    outer rings run clockwise on screen (positive area with y down), holes against it.

    Args:
        mask: The pixels; ``logits`` are not looked at.
        tolerance: How far the outline may run from the middle line, in pixels (see the module). At
            0 it is exact. Above 0 rings neither cross nor touch themselves or one another, and each
            hole stays in its part.
        min_area: Parts and holes of fewer pixels are left out; the largest part always stays.

    Raises:
        ValueError: ``tolerance`` is negative or not finite.
    """
    return outlines_of([mask], tolerance=tolerance, min_area=min_area)[0]


def outlines_of(found: Sequence[Mask], *, tolerance: float = 0.5, min_area: int = 0) -> list[Shape]:
    """The outline of each mask, as ``outline_of`` gives it, in less time than one by one.

    Raises:
        ValueError: ``tolerance`` is negative or not finite.
    """
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance is a number of pixels from 0, got {tolerance = }")
    if not found:
        return []
    traced = trace([mask.bitmap for mask in found])
    areas = _ring_areas(traced)
    firsts = np.searchsorted(traced.owners, np.arange(len(found) + 1)).tolist()
    groups = [
        _parts(traced, areas, mask, range(*span), min_area)
        for mask, span in zip(found, itertools.pairwise(firsts), strict=True)
    ]
    rings = simplify(traced, groups, tolerance)
    return [
        _shape(rings, parts, np.array([mask.x, mask.y], dtype=np.float64))
        for mask, parts in zip(found, groups, strict=True)
    ]


def _shape(rings: Sequence[Points], parts: Sequence[RingGroup], offset: Points) -> Shape:
    def ring(index: int) -> Polygon:
        return Polygon((rings[index] + offset).astype(np.float32))

    return Shape(
        tuple(Part(ring(outer), tuple(ring(hole) for hole in holes)) for outer, holes in parts)
    )


def _parts(traced: Trace, areas: Areas, mask: Mask, rings: range, min_area: int) -> list[RingGroup]:
    """One mask's outer rings with their holes, as ring numbers; small ones left out."""
    mine = areas[rings.start : rings.stop]
    outers, holes = (rings.start + np.flatnonzero(which) for which in (mine > 0, mine < 0))
    kept = outers
    if min_area > 0:
        kept = outers[areas[outers] >= min_area]
        kept = kept if len(kept) else outers[[np.argmax(areas[outers])]]
        holes = holes[areas[holes] <= -min_area]
    groups: dict[int, list[int]] = {outer: [] for outer in kept.tolist()}
    if len(outers) == 1:
        groups[int(outers[0])] = holes.tolist()
    elif len(holes):
        owners = _parts_around(traced, mask, holes, outers)
        for hole, outer in zip(holes.tolist(), owners, strict=True):
            if outer in groups:
                groups[outer].append(hole)
    return list(groups.items())


def _parts_around(
    traced: Trace, mask: Mask, holes: npt.NDArray[np.int64], outers: npt.NDArray[np.int64]
) -> list[int]:
    """The outer ring of the part that each hole lies in."""
    import cv2

    _, labels = cv2.connectedComponents(mask.bitmap.astype(np.uint8), connectivity=8)

    def label_of(rings: npt.NDArray[np.int64]) -> list[int]:
        x, y = traced.inside[rings].T
        found: list[int] = labels[y, x].tolist()
        return found

    outer_of_label = dict(zip(label_of(outers), outers.tolist(), strict=True))
    return [outer_of_label[label] for label in label_of(holes)]


def _ring_areas(traced: Trace) -> Areas:
    """Signed area of each traced ring in pixels; outer rings positive, holes negative."""
    x, y = traced.points.T
    # Horizontal edges are the even ones; each contributes its length times its height (Green).
    swept = (x[::2] - x[1::2]) * y[::2]
    return np.add.reduceat(swept, traced.starts[:-1] // 2).astype(np.float64)


def shape_area(shape: Shape) -> float:
    """Area inside a shape in square pixels, holes not counted."""
    return sum(
        abs(signed_area(part.outer)) - sum(abs(signed_area(hole)) for hole in part.holes)
        for part in shape.parts
    )


def rasterise(shape: Shape, width: int, height: int) -> Mask | None:
    """The pixels of a ``width`` x ``height`` frame whose centres lie inside; None without any.

    Inside is by the even-odd rule. A centre exactly on an edge belongs to the side to its right
    (as in every scan-line fill, so that neighbours share no pixel).
    """
    rings = [flatten(ring) for ring in shape.rings]
    if not rings:
        return None
    begins = np.concatenate(rings)
    ends = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])
    x0, y0 = np.clip(np.floor(begins.min(axis=0)), 0, (width, height)).astype(np.int64)
    x1, y1 = np.clip(np.ceil(begins.max(axis=0)), 0, (width, height)).astype(np.int64)
    if x0 >= x1 or y0 >= y1:
        return None
    rows, columns = _crossings(begins - (x0, y0), ends - (x0, y0), int(x1 - x0), int(y1 - y0))
    size = (int(y1 - y0), int(x1 - x0) + 1)
    toggles = np.bincount(rows * size[1] + columns, minlength=size[0] * size[1]).astype(np.uint8)
    inside = np.bitwise_xor.accumulate((toggles & 1).reshape(size), axis=1)[:, :-1].view(np.bool_)
    cropped = masks.from_bitmap(inside)
    if cropped is None:
        return None
    return Mask(int(x0) + cropped.x, int(y0) + cropped.y, width, height, cropped.bitmap)


def _crossings(
    begins: npt.NDArray[np.float64], ends: npt.NDArray[np.float64], width: int, height: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where edges cross the pixel centres' lines: row, and first column to the right."""
    down = ends[:, 1] > begins[:, 1]
    upper, lower = np.where(down[:, None], begins, ends), np.where(down[:, None], ends, begins)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    counts = last - first
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    slope = (lower[edge, 0] - upper[edge, 0]) / (lower[edge, 1] - upper[edge, 1])
    x = upper[edge, 0] + (row + 0.5 - upper[edge, 1]) * slope
    return row, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
