"""From the outlines that services give to shapes and masks of a frame."""

from __future__ import annotations

import re
from itertools import islice

import numpy as np
import numpy.typing as npt

from videoseg.errors import PathDataError
from videoseg.formats.svg_path import LongPathError, parse_path
from videoseg.geometry.arrays import Points
from videoseg.geometry.rings import flatten, signed_area
from videoseg.models._hosted.reading import Limits, Tally, UnreadableError
from videoseg.outlines.raster import rasterise
from videoseg.types import Bezier, Instance, Part, Polygon, Ring, Shape
from videoseg.types.shapes import corners_of

Extent = tuple[float, float, float, float]
"""x1, y1, x2, y2."""

_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}
_UNIT: Extent = (0.0, 0.0, 1.0, 1.0)
UNSTATED_SCORE = 0.9
"""Score of an object of which a service does not say how sure it is."""
_LIMITS = Limits()
_LONGEST_SEGMENT = 128
"""Characters of a curve: six numbers of twenty each."""
_ERROR = 0.02
"""Pixels between chords and curves, as ``flatten`` makes them."""
_FARTHEST = 1e9
"""Pixels from the frame; whatever is drawn or written of smaller numbers stays exact."""
_MOST_CORNERS = 1 << 18
"""Chords of all curves of an answer, as they lie on the frame."""
_MOST_CROSSINGS = 1 << 24
"""Crossings of edges and rows of pixels: 4,000 across each row of a frame of 4K."""
_MOST_NEIGHBOURS = 1 << 24
_MOST_TOUCHING = 200_000
"""Corners of rings that are compared with each other where some of them touch."""
_FITS = 0.05
"""Share of the unit square by which a path may differ from what it is taken for."""
_MISSES = 0.1
"""Share of the unit square by which a path must differ from what it is not."""


def read_path(data: str, limits: Limits = _LIMITS) -> tuple[Ring, ...]:
    """Rings of a path as a language model writes it.

    What was cut off at the token limit is read as far as it is whole, and H and V that have lost
    their number are left out.

    Raises:
        PathDataError: Nothing of it encloses anything.
        UnreadableError: It goes beyond the limits.
    """
    Tally(limits).add("segments", len(data) // _LONGEST_SEGMENT)
    # A ring has two commands that are no segments: where it begins, and that it ends.
    most = limits.segments + 2 * limits.rings
    tally = Tally(limits)
    try:
        rings = _parsed(data, most)
    except LongPathError:
        tally.add("segments", most + 1)
        raise
    if not rings:
        raise PathDataError("the path encloses nothing")
    tally.add("rings", len(rings))
    tally.add("segments", sum(map(_segments, rings)))
    return rings


def placed(rings: tuple[Ring, ...], box: Extent, *, width: int, height: int) -> tuple[Ring, ...]:
    """Rings in units of their box, moved to where the box lies in the frame.

    A path whose extent is not the unit square but that of the box itself was written in units of
    the image, and is read so.

    Args:
        rings: The path.
        box: In units of the image.
        width: Of the frame, pixels.
        height: Of the frame, pixels.
    """
    extent = extent_of(rings)
    of_image = apart(extent, box) < _FITS and apart(extent, _UNIT) > _MISSES
    x1, y1, x2, y2 = _UNIT if of_image else box
    scale = np.array([(x2 - x1) * width, (y2 - y1) * height])
    offset = np.array([x1 * width, y1 * height])
    return tuple(_moved(ring, scale, offset) for ring in rings)


def extent_of(rings: tuple[Ring, ...]) -> Extent:
    """The tight box around rings."""
    tight = np.array([_span(ring) for ring in rings])
    (x1, y1), (x2, y2) = tight[:, 0].min(axis=0), tight[:, 1].max(axis=0)
    return (float(x1), float(y1), float(x2), float(y2))


def scaled_polygon(points: npt.NDArray[np.float64], x: float, y: float) -> Polygon:
    """A polygon from points (P, 2) with its coordinates multiplied."""
    return Polygon((points * np.array([x, y])).astype(np.float32))


def instance_of(
    rings: tuple[Ring, ...], score: float, prompt: int, *, width: int, height: int
) -> Instance | None:
    """What rings enclose by the even-odd rule, with the rings as its outline; None if no pixel.

    The outline is left out where rings cross, for then its fill rules would not agree.

    Raises:
        UnreadableError: They lie far beyond every frame, or to draw them is far more work than any
            honest outline is.
    """
    if not sum(corners_of(ring, _ERROR) for ring in rings) <= _MOST_CORNERS:
        raise UnreadableError("it answered with curves that bend far beyond the frame")
    if not all(_reach(ring) <= _FARTHEST for ring in rings):
        raise UnreadableError("it answered with an outline that lies far beyond the frame")
    edges = _edges(rings)
    heights = np.abs(np.diff(np.clip(edges[:, :, 1], 0, height), axis=1))
    if not heights.sum() <= _MOST_CROSSINGS:
        raise UnreadableError("it answered with an outline that runs up and down without end")
    mask = rasterise(Shape(tuple(Part(ring) for ring in rings)), width, height)
    if mask is None:
        return None
    outline = shape_of(rings) if _neighbours(edges) <= _MOST_NEIGHBOURS else None
    return Instance(mask, score, prompt, outline=outline)


def _reach(ring: Ring) -> float:
    """The largest coordinate of a ring's points, without its sign."""
    points = ring.points if isinstance(ring, Polygon) else ring.segments
    return float(np.abs(points).max())


def shape_of(rings: tuple[Ring, ...]) -> Shape | None:
    """Rings sorted into outer ones and their holes, and wound accordingly; None if any cross.

    Outer rings run clockwise on screen. A ring in a hole is the outer ring of a part of its own.
    None also where rings touch in so many places that it would take long to tell.
    """
    import shapely

    areas = np.array([shapely.Polygon(flatten(ring)) for ring in rings])
    if not (shapely.is_valid(areas) & (shapely.area(areas) > 0)).all():
        return None
    around = _around(areas)
    if around is None:
        return None
    depths = [len(outer) for outer in around]
    holes: dict[int, list[Ring]] = {n: [] for n in range(len(rings)) if depths[n] % 2 == 0}
    for n, ring in enumerate(rings):
        if n not in holes:
            owner = max(around[n], key=lambda m: depths[m])
            if owner not in holes:  # rings that are the same lie in each other
                return None
            holes[owner].append(_wound(ring, clockwise=False))
    return Shape(
        tuple(Part(_wound(rings[n], clockwise=True), tuple(inside)) for n, inside in holes.items())
    )


def _around(areas: npt.NDArray[np.object_]) -> list[list[int]] | None:
    """For each area the numbers of those that contain it; None where borders cross."""
    import shapely

    borders = shapely.boundary(areas)
    inner, outer = shapely.STRtree(areas).query(areas)
    # A box that holds another one is the only one that can hold it.
    pairs = (inner != outer) & _holds(shapely.bounds(areas), outer, inner)
    if shapely.is_simple(shapely.multilinestrings(borders)):
        # Nothing touches anything, so one point of a ring is where all of it is.
        points = shapely.get_coordinates(shapely.get_point(borders, 0))
        inner, outer = inner[pairs], outer[pairs]
        shapely.prepare(areas)
        held = shapely.contains_xy(areas[outer], points[inner])
    else:
        apart = inner != outer
        sizes = shapely.get_num_coordinates(areas)
        if (sizes[inner[apart]] + sizes[outer[apart]]).sum() > _MOST_TOUCHING:
            return None
        if shapely.crosses(borders[inner[apart]], borders[outer[apart]]).any():
            return None
        inner, outer = inner[pairs], outer[pairs]
        held = shapely.contains(areas[outer], areas[inner])
    around: list[list[int]] = [[] for _ in areas]
    for n, m in zip(inner[held].tolist(), outer[held].tolist(), strict=True):
        around[n].append(m)
    return around


def _holds(
    boxes: npt.NDArray[np.float64], outer: npt.NDArray[np.int64], inner: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Whether boxes x1, y1, x2, y2 of these numbers lie within others."""
    above, below = boxes[outer, :2] <= boxes[inner, :2], boxes[outer, 2:] >= boxes[inner, 2:]
    return np.asarray(np.hstack([above, below]).all(axis=1), dtype=np.bool_)


def _edges(rings: tuple[Ring, ...]) -> npt.NDArray[np.float64]:
    """Beginnings and ends of the edges of all rings, (E, 2, 2)."""
    flat = [flatten(ring) for ring in rings]
    return np.concatenate([np.stack([one, np.roll(one, -1, axis=0)], axis=1) for one in flat])


def _neighbours(edges: npt.NDArray[np.float64]) -> int:
    """Pairs of edges that overlap across, or down, whichever are fewer.

    So many have to be looked at to find out whether any cross.
    """
    first, last = np.sort(edges.min(axis=1), axis=0), np.sort(edges.max(axis=1), axis=0)
    # An edge overlaps all that begin before it ends, but those that end before it begins.
    begun = [np.searchsorted(first[:, axis], last[:, axis], side="right").sum() for axis in (0, 1)]
    ended = [np.searchsorted(last[:, axis], first[:, axis], side="left").sum() for axis in (0, 1)]
    return int(min(np.subtract(begun, ended)) - len(edges)) // 2


def _segments(ring: Ring) -> int:
    return len(ring.points if isinstance(ring, Polygon) else ring.segments)


def _span(ring: Ring) -> tuple[Points, Points]:
    """The least and the largest x and y of a ring."""
    points = ring.points if isinstance(ring, Polygon) else ring.segments.reshape(-1, 2)
    coarse = points.astype(np.float64)
    if isinstance(ring, Bezier) and corners_of(ring, 1e-4) <= _MOST_CORNERS:
        coarse = flatten(ring, error=1e-4)
    return coarse.min(axis=0), coarse.max(axis=0)


def _wound(ring: Ring, *, clockwise: bool) -> Ring:
    if (signed_area(ring) > 0) == clockwise:
        return ring
    if isinstance(ring, Polygon):
        return Polygon(ring.points[::-1].copy())
    # Backwards, a segment ends where it began, and its control points change places.
    ends = np.roll(ring.segments[:, 2], 1, axis=0)
    turned = np.stack([ring.segments[:, 1], ring.segments[:, 0], ends], axis=1)
    return Bezier(turned[::-1].copy())


def _moved(ring: Ring, scale: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]) -> Ring:
    if isinstance(ring, Polygon):
        return Polygon((ring.points * scale + offset).astype(np.float32))
    return Bezier((ring.segments * scale + offset).astype(np.float32))


def apart(a: Extent, b: Extent) -> float:
    """How far the edges of two boxes are from each other at most."""
    return max(abs(p - q) for p, q in zip(a, b, strict=True))


def _parsed(data: str, most: int) -> tuple[Ring, ...]:
    try:
        return parse_path(data, most=most)
    except LongPathError:
        raise
    except PathDataError:
        return parse_path(_whole_commands(data, most), most=most)


def _whole_commands(data: str, most: int) -> str:
    """The path up to where a command lacks arguments, and hardly more commands than ``most``."""
    kept: list[str] = []
    for command in islice(_COMMAND.finditer(data), most + 1):
        letter, rest = command.groups()
        each = _ARGUMENTS.get(letter.upper())
        numbers = _NUMBER.findall(rest)
        if each is None or (not numbers and letter.upper() not in "HVZ"):
            break
        if letter.upper() in "HV" and not numbers:
            continue
        whole = len(numbers) - len(numbers) % each if each else 0
        kept.append(f"{letter} {' '.join(numbers[:whole])}" if whole or not each else "")
        if each and whole < len(numbers):
            break
    return " ".join(kept)
