"""Where an object is in a frame: its pixels (``Mask``) and its outline (``Shape``).

Coordinates are those of ``videoseg.types``: pixels of the upright frame, y down, on the pixel-edge
grid.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Bitmap: TypeAlias = npt.NDArray[np.bool_]
"""bool (H, W)."""
Box: TypeAlias = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels, upper edges exclusive."""
Points: TypeAlias = npt.NDArray[np.float64]
"""float64 (P, 2), x and y."""

_MOST_CHORDS = 4096
_AT_ONCE = 1 << 16
"""Points that are worked out at once: each takes ten times its own memory on the way."""


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of one object, kept as a crop of the frame. Never empty.

    ``numpy.asarray(mask)`` is the whole frame, as ``to_array`` gives it.

    Attributes:
        x: Left edge of the crop in the frame, pixels.
        y: Top edge of the crop in the frame, pixels.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        bitmap: bool (h, w) of the crop; at least one pixel is set.
        logits: float16 (h, w) over the same crop, ``bitmap == (logits > 0)``, with a margin of at
            least 4 px around the object (less at the frame's border), or None.
    """

    x: int
    y: int
    frame_width: int
    frame_height: int
    bitmap: Bitmap
    logits: npt.NDArray[np.float16] | None = None
    _box: Box | None = field(init=False, repr=False, compare=False, default=None)
    _area: int | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        if self.bitmap.dtype != np.bool_ or self.bitmap.ndim != 2:
            raise ValueError(
                f"bitmap must be bool (h, w), got {self.bitmap.dtype = } {self.bitmap.shape = }"
            )
        if not self.bitmap.flags.c_contiguous:  # compiled code reads row after row
            object.__setattr__(self, "bitmap", np.ascontiguousarray(self.bitmap))
        for name in ("x", "y", "frame_width", "frame_height"):
            # Models count in numbers of any kind; logs and tables need Python's.
            object.__setattr__(self, name, operator.index(getattr(self, name)))
        height, width = self.bitmap.shape
        inside = (
            self.x >= 0
            and self.y >= 0
            and self.x + width <= self.frame_width
            and self.y + height <= self.frame_height
        )
        if not inside:
            raise ValueError(
                f"crop {width} x {height} at ({self.x}, {self.y}) leaves the frame "
                f"{self.frame_width} x {self.frame_height}"
            )
        if not self.bitmap.any():
            raise ValueError("a mask has at least one pixel; leave the instance out instead")
        if self.logits is not None and self.logits.shape != self.bitmap.shape:
            raise ValueError(f"logits must cover the crop, got {self.logits.shape = }")

    @property
    def crop(self) -> Box:
        """The crop's box in the frame; not tight (see ``box``)."""
        height, width = self.bitmap.shape
        return (self.x, self.y, self.x + width, self.y + height)

    @property
    def box(self) -> Box:
        """Tight box of the set pixels: x1, y1, x2, y2 in the frame, upper edges exclusive."""
        found = self._box
        if found is None:
            found = self._tight_box()
            object.__setattr__(self, "_box", found)
        return found

    def _tight_box(self) -> Box:
        # Most crops are tight, or nearly so: looking from outside in reads little of them.
        bitmap = self.bitmap
        pixels, width = bitmap.tobytes(), bitmap.shape[1]
        top, bottom = pixels.find(1) // width, pixels.rfind(1) // width + 1
        across = bitmap[top:bottom].T
        left = next(n for n, column in enumerate(across) if column.any())
        right = len(across) - next(n for n, column in enumerate(across[::-1]) if column.any())
        return (self.x + left, self.y + top, self.x + right, self.y + bottom)

    @property
    def area(self) -> int:
        """Number of set pixels."""
        found = self._area
        if found is None:
            found = int(np.count_nonzero(self.bitmap))
            object.__setattr__(self, "_area", found)
        return found

    @classmethod
    def from_array(cls, array: npt.ArrayLike) -> Mask:
        """The mask that a whole frame's array holds.

        Args:
            array: (H, W), bool or whole numbers; what is not 0 is part of the object.

        Raises:
            ValueError: It has another shape or type, or no pixel is set.
        """
        found = np.asarray(array)
        if found.ndim != 2 or found.dtype.kind not in "biu":
            raise ValueError(
                "a mask's array is bool or whole numbers (H, W), got "
                f"{found.dtype} {found.shape}; compare probabilities with a threshold first"
            )
        mask = mask_of_bitmap(found != 0)
        if mask is None:
            raise ValueError(f"a mask has at least one pixel, got an array {found.shape} of zeros")
        return mask

    def to_array(self) -> Bitmap:
        """The whole frame: bool (H, W), a new array."""
        full = np.zeros((self.frame_height, self.frame_width), dtype=np.bool_)
        x1, y1, x2, y2 = self.crop
        full[y1:y2, x1:x2] = self.bitmap
        return full

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """The whole frame for numpy, which is always a new array."""
        if copy is False:
            raise ValueError("the array of a mask is made anew; it cannot be had without a copy")
        return self.to_array().astype(np.bool_ if dtype is None else dtype, copy=False)


def mask_of_bitmap(bitmap: Bitmap) -> Mask | None:
    """A Mask of a whole frame's bool (H, W) bitmap; None where nothing is set."""
    rows = np.flatnonzero(bitmap.any(axis=1))
    if not len(rows):
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(bitmap[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    crop = np.ascontiguousarray(bitmap[top:bottom, left:right])
    return Mask(left, top, int(bitmap.shape[1]), int(bitmap.shape[0]), crop)


@dataclass(frozen=True, slots=True, eq=False)
class Polygon:
    """A closed ring of straight edges.

    Attributes:
        points: float32 (P, 2), x and y, P >= 3, pixel-edge coordinates; not closed by repetition.
    """

    points: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1:] != (2,) or len(self.points) < 3:
            raise ValueError(f"a ring is (P >= 3, 2), got {self.points.shape = }")

    def flattened(self, error: float) -> Points:  # noqa: ARG002 - as a Bezier's
        """Its corners, float64 (P, 2)."""
        return self.points.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Bezier:
    """A closed ring of cubic curves.

    Attributes:
        segments: float32 (S, 3, 2): two control points and the end point of each segment; a
            segment starts where the one before it ends, the first where the last ends.
    """

    segments: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.segments.ndim != 3 or self.segments.shape[1:] != (3, 2) or not len(self.segments):
            raise ValueError(f"a curve ring is (S >= 1, 3, 2), got {self.segments.shape = }")

    def flattened(self, error: float) -> Points:
        """Corners of chords at most ``error`` px away, float64 (P, 2); at most 4096 a curve."""
        cubic = _cubics(self)
        chords = _chords(cubic, error)
        segment = np.repeat(np.arange(len(chords)), chords)
        step = np.arange(len(segment)) - np.repeat(np.cumsum(chords) - chords, chords) + 1
        points = np.empty((len(segment), 2))
        for begin in range(0, len(segment), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            t = (step[part] / chords[segment[part]])[:, None]
            p0, p1, p2, p3 = cubic[segment[part]].transpose(1, 0, 2)
            points[part] = (
                (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
            )
        return points


def _cubics(ring: Bezier) -> Points:
    """Control points of each segment, (S, 4, 2)."""
    ends = ring.segments[:, 2:].astype(np.float64)
    return np.concatenate([np.roll(ends, 1, axis=0), ring.segments.astype(np.float64)], axis=1)


def _chords(cubic: Points, error: float) -> npt.NDArray[np.int64]:
    # n equal steps of t err by at most 6 d / (8 n^2), d the longest second difference of the
    # control points (Sederberg, "Computer Aided Geometric Design", 2012, section 10.6).
    bend = np.linalg.norm(np.diff(cubic, n=2, axis=1), axis=2).max(axis=1)
    straight = (cubic[:, 0] == cubic[:, 1]).all(axis=1)
    straight &= (cubic[:, 2] == cubic[:, 3]).all(axis=1)
    bend[straight] = 0
    chords = np.clip(np.ceil(np.sqrt(0.75 * bend / error)), 1, _MOST_CHORDS)
    return np.asarray(chords, dtype=np.int64)


Ring: TypeAlias = Polygon | Bezier


def corners_of(ring: Ring, error: float) -> int:
    """How many corners ``flattened`` gives, found without making them."""
    return (
        len(ring.points) if isinstance(ring, Polygon) else int(_chords(_cubics(ring), error).sum())
    )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One connected piece of a shape: an outer ring, and holes wound the other way."""

    outer: Ring
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A vector outline: outer rings and holes wound oppositely, so even-odd and nonzero agree."""

    parts: tuple[Part, ...]

    @property
    def rings(self) -> tuple[Ring, ...]:
        """All rings, each part's outer ring before its holes."""
        return tuple(ring for part in self.parts for ring in (part.outer, *part.holes))

    def polygons(self, tolerance: float = 0.02) -> list[tuple[Points, list[Points]]]:
        """Outer ring and holes of each part as corners, float64 (P, 2), not closed by repetition.

        Args:
            tolerance: Chords are at most this far from curves, pixels, > 0.

        Raises:
            ValueError: The tolerance is not above 0.
        """
        if not tolerance > 0:
            raise ValueError(f"a tolerance is above 0 px, got {tolerance}")
        return [
            (part.outer.flattened(tolerance), [hole.flattened(tolerance) for hole in part.holes])
            for part in self.parts
        ]

    def to_svg(self, decimals: int = 2) -> str:
        """SVG path data in absolute coordinates, for ``fill-rule="evenodd"`` or ``nonzero``.

        A command for every line and curve, easy to read; the writers' own text is shorter.

        Args:
            decimals: Digits after the point, from 0.
        """
        return "".join(_path_of(ring, decimals) for ring in self.rings)

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """A GeoJSON ``MultiPolygon``, as ``shapely.geometry.shape`` and others take it."""
        polygons = [
            [[*map(tuple, ring.tolist()), tuple(ring[0].tolist())] for ring in (outer, *holes)]
            for outer, holes in self.polygons()
        ]
        return {"type": "MultiPolygon", "coordinates": polygons}


def _path_of(ring: Ring, decimals: int) -> str:
    """One ring as path data, closed."""

    def written(points: Iterable[Iterable[float]]) -> str:
        return " ".join(_decimal(value, decimals) for point in points for value in point)

    if isinstance(ring, Polygon):
        first, *others = ring.points.tolist()
        return f"M{written([first])}" + "".join(f"L{written([each])}" for each in others) + "Z"
    curves = "".join(f"C{written(segment)}" for segment in ring.segments.tolist())
    return f"M{written([ring.segments[-1, 2].tolist()])}{curves}Z"


def _decimal(value: float, decimals: int) -> str:
    # Adding 0 makes a negative zero positive.
    text = f"{round(value, decimals) + 0:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
