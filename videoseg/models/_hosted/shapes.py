"""From the outlines that services give to shapes and masks of a frame."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from videoseg.errors import PathDataError
from videoseg.geometry.paths import parse_path
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.raster import rasterise
from videoseg.types import Bezier, Instance, Part, Polygon, Ring, Shape

Extent = tuple[float, float, float, float]
"""x1, y1, x2, y2."""

_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "Z": 0}
_UNIT: Extent = (0.0, 0.0, 1.0, 1.0)
_FITS, _MISSES = 0.05, 0.1
"""Share of the unit square by which a path may differ from what it is taken for, and must differ
from what it is not."""


def read_path(data: str) -> tuple[Ring, ...]:
    """Rings of a path as a language model writes it.

    What was cut off at the token limit is read as far as it is whole, and H and V that have lost
    their number are left out.

    Raises:
        PathDataError: Nothing of it encloses anything.
    """
    try:
        rings = parse_path(data)
    except PathDataError:
        rings = parse_path(_whole_commands(data))
    if not rings:
        raise PathDataError("the path encloses nothing")
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
    of_image = _apart(extent, box) < _FITS and _apart(extent, _UNIT) > _MISSES
    x1, y1, x2, y2 = _UNIT if of_image else box
    scale = np.array([(x2 - x1) * width, (y2 - y1) * height])
    offset = np.array([x1 * width, y1 * height])
    return tuple(_moved(ring, scale, offset) for ring in rings)


def extent_of(rings: tuple[Ring, ...]) -> Extent:
    """The tight box around rings."""
    points = np.concatenate([flatten(ring, error=1e-4) for ring in rings])
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return (float(x1), float(y1), float(x2), float(y2))


def scaled(points: npt.NDArray[np.float64], x: float, y: float) -> Polygon:
    """A polygon from points (P, 2) with its coordinates multiplied."""
    return Polygon((points * np.array([x, y])).astype(np.float32))


def instance_of(
    rings: tuple[Ring, ...], score: float, prompt: int, *, width: int, height: int
) -> Instance | None:
    """What rings enclose by the even-odd rule, with the rings as its outline; None if no pixel.

    The outline is left out where rings cross, for then its fill rules would not agree.
    """
    mask = rasterise(Shape(tuple(Part(ring) for ring in rings)), width, height)
    if mask is None:
        return None
    return Instance(mask, score, prompt, outline=shape_of(rings))


def shape_of(rings: tuple[Ring, ...]) -> Shape | None:
    """Rings sorted into outer ones and their holes, and wound accordingly; None if any cross.

    Outer rings run clockwise on screen. A ring in a hole is the outer ring of a part of its own.
    """
    import shapely

    areas = [shapely.Polygon(flatten(ring)) for ring in rings]
    if not all(area.is_valid and area.area > 0 for area in areas):
        return None
    around: list[list[int]] = []
    for n, inner in enumerate(areas):
        others = [m for m in range(len(areas)) if m != n]
        if any(areas[m].boundary.crosses(inner.boundary) for m in others):
            return None
        around.append([m for m in others if areas[m].contains(inner)])
    holes: dict[int, list[Ring]] = {n: [] for n in range(len(rings)) if len(around[n]) % 2 == 0}
    for n, ring in enumerate(rings):
        if n not in holes:
            owner = max(around[n], key=lambda m: len(around[m]))
            holes[owner].append(_wound(ring, clockwise=False))
    return Shape(
        tuple(Part(_wound(rings[n], clockwise=True), tuple(inside)) for n, inside in holes.items())
    )


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


def _apart(a: Extent, b: Extent) -> float:
    return max(abs(p - q) for p, q in zip(a, b, strict=True))


def _whole_commands(data: str) -> str:
    """The path up to where a command lacks arguments."""
    kept: list[str] = []
    for letter, rest in _COMMAND.findall(data):
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
