"""From masks to outlines: ``outline_of`` one, ``outlines_of`` many.

At tolerance 0 an outline runs along the pixels' edges, and ``raster.rasterise`` inverts it.
Above 0 it is drawn by lines and curves near the middles of those edges, or, where a mask has
logits, near the places between pixels at which they are zero. Steps of one pixel are how a slanted
edge looks in pixels, and go; corners between longer edges are the object's own and stay, so a
10 x 10 square keeps area 100.

Where the edge really lies is known to about half a pixel. From a tolerance of half a pixel on,
outlines of curves are as short as text as that allows (``outlines.curves``). Below it, they are few
smooth curves along the smoothest line that runs between the pixels (``between_pixels.py``), and the
tolerance is the distance from that line.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import Indices, Points
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.between_pixels import chain_of, line_between
from videoseg.outlines.curves import curves
from videoseg.outlines.polygons import compiled_polygons, polygons_of
from videoseg.outlines.raster import wrong_pixels
from videoseg.outlines.simplify import RingGroup, culprits, middle_line, numbers_of, split
from videoseg.outlines.splines import splines
from videoseg.outlines.subpixel_edges import FINE, edges_of
from videoseg.outlines.trace import Trace, trace
from videoseg.types import Bezier, Mask, Part, Polygon, Ring, Shape

WRONG = 0.01
"""Share of an object's pixels that an outline may show wrongly, for each pixel of tolerance."""
SMALL = 1000
"""An object of fewer pixels may show as many of them wrongly as one of this size."""
SMALL_WRONG = 0.1
"""An object of fewer pixels than ``SMALL`` may also show this share of them wrongly."""
STEPS = 0.5
"""Below this tolerance, pixels, curves follow the edge between pixels and not the pixels' edges."""
_TIGHTER_SHARE = 0.85
"""Rings that are not sound or show too many wrong pixels are made anew at this share of their
tolerance."""
_MIN_TOLERANCE = 0.1
"""No ring is made anew at a tolerance below this, pixels."""
_BETWEEN_TIGHTER_SHARE = 0.75
"""Like ``_TIGHTER_SHARE``, for rings that follow the edge between pixels."""
_BETWEEN_MIN_TOLERANCE = 0.01
"""Like ``_MIN_TOLERANCE``, for rings that follow the edge between pixels."""
_STEPS_SHARE = 0.7
"""Rings made anew have finer coordinates; below this share of the tolerance that was asked for they
follow each step of the pixels instead."""
_BETWEEN_TOLERANCE = 0.35
"""Rings between pixels may show as many wrong pixels as this tolerance allows, pixels."""
_RENDERER_OFFSET = 0.06
"""Renderers compute coverage coarsely and may see a ring this far off, pixels."""

Areas = npt.NDArray[np.float64]
Logits = npt.NDArray[np.float16]
Fit: TypeAlias = Callable[[Indices, float], list[Ring]]
"""Makes rings, by number, that are nowhere further off than so many pixels."""


def outline_of(mask: Mask, *, tolerance: float = 0.5, min_area: int = 0) -> Shape:
    """The outline of a mask, in frame coordinates on the pixel-edge grid.

    Objects are 8-connected and holes 4-connected (see ``outlines.trace``). Outer rings run
    clockwise on screen (positive area with y down), holes against it.

    Args:
        mask: The pixels.
        tolerance: How far the outline may run from the middles of the pixels' edges, in pixels
            (see the module); below 0.5, from the smoothest line between the pixels. It also shows
            no larger a share of the pixels of an object of at least 1,000 wrongly than a hundredth
            of this number, so at 0.5, and below, the IoU is at least 0.995. At 0 it is exact. Above
            0 rings neither cross nor touch themselves or one another, and each hole stays in its
            part.
        min_area: Parts and holes of fewer pixels are left out; the largest part always stays.

    Raises:
        ValueError: ``tolerance`` is negative or not finite.
    """
    return outlines_of([mask], tolerance=tolerance, min_area=min_area)[0]


def outlines_of(
    found: Sequence[Mask], *, tolerance: float = 0.5, min_area: int = 0, curves: bool = True
) -> list[Shape]:
    """The outline of each mask, as ``outline_of`` gives it, in less time than one by one.

    Args:
        found: The masks.
        tolerance: As in ``outline_of``.
        min_area: As in ``outline_of``.
        curves: False for polygons along the middle line (``outlines.polygons``), which take a
            twentieth of the time; logits are not looked at then.

    Raises:
        ValueError: ``tolerance`` is negative or not finite.
    """
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance is a number of pixels from 0, got {tolerance = }")
    if not curves:
        return _polygons(found, tolerance, min_area)
    # Curves one by one: what is tried for one mask must not depend on what another needs.
    return [shape for mask in found for shape in _outlines([mask], tolerance, min_area)]


def _polygons(found: Sequence[Mask], tolerance: float, min_area: int) -> list[Shape]:
    """Polygons of masks, each as near to its edge as it takes to show its pixels."""
    as_near = tolerance == 0 or min_area > 0
    made = {} if as_near else _compiled(found, tolerance)
    left = [place for place in range(len(found)) if place not in made]
    if left:
        shapes = _outlines([found[place] for place in left], tolerance, min_area, curves=False)
        for place, shape in zip(left, shapes, strict=True):
            shown = as_near or _shows(shape, found[place], tolerance)
            made[place] = shape if shown else _closer(found[place], tolerance)
    return [made[place] for place in range(len(found))]


def _compiled(found: Sequence[Mask], tolerance: float) -> dict[int, Shape]:
    """Polygons by the mask's number, of those that compiled code makes and finds good."""
    made: dict[int, Shape] = {}
    for place, mask in enumerate(found):
        polygons = compiled_polygons(mask, tolerance)
        if polygons is not None and _few(polygons.wrong, mask, tolerance):
            made[place] = polygons.shape
    return made


def _outlines(
    found: Sequence[Mask], tolerance: float, min_area: int, *, curves: bool = True
) -> list[Shape]:
    """Outlines of masks; for curves all have logits or none has."""
    traced = trace([mask.bitmap for mask in found])
    areas = _ring_areas(traced)
    firsts = np.searchsorted(traced.owners, np.arange(len(found) + 1)).tolist()
    groups = [
        _parts(traced, areas, mask, range(*span), min_area)
        for mask, span in zip(found, itertools.pairwise(firsts), strict=True)
    ]
    made: dict[int, Shape] = {}
    if tolerance > 0 and curves:
        fit = _smooth_fit if tolerance < STEPS else _short_fit
        fine = [mask.logits for mask in found if mask.logits is not None]
        made = _curved(fit(traced, fine or None, tolerance), found, groups, tolerance, min_area)
    left = [place for place in range(len(found)) if place not in made]
    if left:
        if tolerance == 0:
            rings = split(traced.points.astype(np.float64), traced.starts)
        elif curves:
            points, starts, _ = middle_line(traced)
            rings = split(points, starts)
        else:
            rings = polygons_of(traced, groups, tolerance)
        for place in left:
            polygons = {
                number: Polygon(rings[number].astype(np.float32))
                for number in numbers_of(groups[place])
            }
            made[place] = _shape(polygons, groups[place], found[place])
    return [made[place] for place in range(len(found))]


def _closer(mask: Mask, tolerance: float) -> Shape:
    """Polygons as near to a mask's edge as it takes to show its pixels as they should be."""
    reach = _TIGHTER_SHARE * tolerance
    while True:
        (shape,) = _outlines([mask], reach, 0, curves=False)
        if reach < _MIN_TOLERANCE or _shows(shape, mask, tolerance):
            return shape
        reach *= _TIGHTER_SHARE


def _smooth_fit(traced: Trace, logits: Sequence[Logits] | None, tolerance: float) -> Fit:
    """What fits smooth curves to where the edge runs between the pixels."""
    chain = chain_of(traced, logits)

    def fitted(rings: Indices, limit: float) -> list[Ring]:
        # Rings that are in one another's way come closer to the middles of the pixels' edges, too.
        return splines(line_between(chain.chosen(rings), limit / tolerance), limit, tolerance)

    return fitted


def _short_fit(traced: Trace, logits: Sequence[Logits] | None, tolerance: float) -> Fit:
    """What fits lines and curves that are short as text to the pixels' edges."""
    edges = edges_of(traced, logits)
    steps = _STEPS_SHARE * tolerance

    def fitted(rings: Indices, limit: float) -> list[Ring]:
        followed = edges.chosen(rings)
        if steps <= limit < tolerance:
            followed = dataclasses.replace(followed, grid=FINE)
        return curves(followed, limit, steps=limit < steps)

    return fitted


def _curved(
    fit: Fit,
    found: Sequence[Mask],
    groups: Sequence[Sequence[RingGroup]],
    tolerance: float,
    min_area: int,
) -> dict[int, Shape]:
    """Outlines of lines and curves by the mask's number; those that no tolerance makes sound lack.

    Only rings that are in the way of others are made anew with a tighter tolerance; where pixels
    are not shown as they should be, all of a mask's.
    """
    made: dict[int, Shape] = {}
    rings: dict[int, Ring] = {}
    flat: dict[int, Points] = {}
    tighter, tightest = _TIGHTER_SHARE, _MIN_TOLERANCE
    shows: Callable[[Shape, Mask], bool] = partial(_shows, tolerance=tolerance)
    if tolerance < STEPS:
        tighter, tightest = _BETWEEN_TIGHTER_SHARE, _BETWEEN_MIN_TOLERANCE
        shows = _shows_anywhere
    waiting = list(range(len(found)))
    anew = np.array([number for group in groups for number in numbers_of(group)])
    reach = np.full(anew.max() + 1, float(tolerance))
    while len(anew):
        for limit in np.unique(reach[anew]).tolist():
            numbers = anew[reach[anew] == limit]
            rings.update(zip(numbers.tolist(), fit(numbers, limit), strict=True))
        flat.update((number, flatten(rings[number])) for number in anew.tolist())
        again: list[int] = []
        unsound = culprits(flat, [groups[place] for place in waiting])
        for place, broken in zip(waiting, unsound, strict=True):
            shape = None if broken else _shape(rings, groups[place], found[place])
            if shape is None:
                again.extend(broken)
            elif min_area > 0 or shows(shape, found[place]):
                made[place] = shape
            else:
                again.extend(numbers_of(groups[place]))
        reach[again] *= tighter
        anew = np.array(again, dtype=np.int64)
        given_up = set(anew[reach[anew] < tightest].tolist())
        waiting = [
            place
            for place in waiting
            if place not in made and given_up.isdisjoint(numbers_of(groups[place]))
        ]
        kept = {number for place in waiting for number in numbers_of(groups[place])}
        anew = np.array([number for number in anew.tolist() if number in kept], dtype=np.int64)
    return made


def _shows(shape: Shape, mask: Mask, tolerance: float) -> bool:
    """Whether an outline shows a mask as well as its tolerance asks for."""
    return _few(wrong_pixels(shape, mask), mask, tolerance)


def _shows_anywhere(shape: Shape, mask: Mask) -> bool:
    """Whether one between pixels shows a mask well, as seen a little off from where it is."""
    if mask.logits is not None:  # they say where the edge is
        return _shows(shape, mask, STEPS)
    offsets = (np.full(2, off, dtype=np.float32) for off in (_RENDERER_OFFSET, -_RENDERER_OFFSET))
    wrong = sum(wrong_pixels(_moved(shape, off), mask) for off in offsets)
    return _few(wrong // 2, mask, _BETWEEN_TOLERANCE)


def _few(wrong: int, mask: Mask, tolerance: float) -> bool:
    """Whether so many wrong pixels are few enough."""
    area = masks.area(mask)
    share = SMALL_WRONG if area < SMALL else 0
    # As many wrong as there are: at large tolerances that may be an outline that shows nothing.
    return wrong < area and wrong <= max(WRONG * tolerance * max(area, SMALL), share * area)


def _shape(rings: Mapping[int, Ring], group: Sequence[RingGroup], mask: Mask) -> Shape:
    """The shape of some rings of a mask's crop, in its frame."""
    parts = tuple(
        Part(rings[outer], tuple(rings[hole] for hole in holes)) for outer, holes in group
    )
    return _moved(Shape(parts), np.array([mask.x, mask.y], dtype=np.float32))


def _moved(shape: Shape, offset: npt.NDArray[np.float32]) -> Shape:
    """A shape elsewhere."""

    def moved(ring: Ring) -> Ring:
        if isinstance(ring, Polygon):
            return Polygon(ring.points + offset)
        return Bezier(ring.segments + offset)

    return Shape(
        tuple(Part(moved(part.outer), tuple(map(moved, part.holes))) for part in shape.parts)
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
