"""Calls ``masks.c``; see ``videoseg/geometry/masks.py`` and ``videoseg/tracking``."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, byref, c_double, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Bitmap = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]


class Crop(ctypes.Structure):
    """``Crop`` of C: a mask's bitmap, its place, and the size of its frame."""

    _fields_: ClassVar = [
        ("bitmap", c_void_p),
        *((name, c_int64) for name in ("height", "width", "x", "y")),
        *((name, c_int64) for name in ("frame_width", "frame_height")),
    ]

    @classmethod
    def of(cls, bitmap: Bitmap, x: int, y: int, frame_width: int, frame_height: int) -> Self:
        """Of a bitmap, which must stay alive."""
        return cls(address(bitmap), *bitmap.shape, x, y, frame_width, frame_height)


class Binned(ctypes.Structure):
    """``Binned`` of C: a small frame with the bins of its pixels."""

    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("colours", "texture")),
        *((name, c_int64) for name in ("height", "width", "colour_bins", "texture_bins")),
        ("texture_weight", c_double),
    ]


@dataclass(frozen=True, slots=True)
class MaskKernel:
    """The compiled functions.

    Attributes:
        compiled: The library.
    """

    compiled: ctypes.CDLL

    def __post_init__(self) -> None:
        _declare(self.compiled)

    def common(self, one: Bitmap, other: Bitmap, at: Box, size: tuple[int, int]) -> int:
        """Pixels set in both of two windows of a size, ``at`` two rows and columns, of corners.

        Bitmaps are contiguous.
        """
        (row, column, other_row, other_column), (rows, columns) = at, size
        width, other_width = one.shape[1], other.shape[1]
        found: int = self.compiled.videoseg_common(
            *(address(one) + row * width + column, width),
            *(address(other) + other_row * other_width + other_column, other_width),
            *(rows, columns),
        )
        return found

    def encoded(self, crop: Crop) -> str:
        """COCO's compressed counts of the whole frame."""
        text = c_void_p()
        length = self.compiled.videoseg_encode(byref(crop), byref(text))
        try:
            if length < 0:
                raise MemoryError
            return ctypes.string_at(text.value or 0, length).decode("ascii")
        finally:
            self.compiled.videoseg_free(text)

    def decoded(self, counts: str, width: int, height: int) -> tuple[Bitmap, Box] | None:
        """The pixels in their tight box; None where nothing is set or the counts are wrong."""
        text = counts.encode("ascii", errors="replace")
        runs, box = np.empty(len(text) + 1, np.int64), np.empty(4, np.int64)
        places = address(runs), address(box)
        count = self.compiled.videoseg_runs(text, len(text), width, height, *places)
        if not count:
            return None
        left, top, right, bottom = box.tolist()
        bitmap = np.zeros((bottom - top, right - left), np.bool_)
        self.compiled.videoseg_filled(places[0], count, height, places[1], address(bitmap))
        return bitmap, (left, top, right, bottom)

    def roots(self, crop: Crop, binned: Binned) -> tuple[npt.NDArray[np.float32], int]:
        """Square roots of the shares of each bin inside a mask, and how many pixels that are."""
        made = np.empty(binned.colour_bins + binned.texture_bins, np.float32)
        total = self.compiled.videoseg_roots(byref(crop), byref(binned), address(made))
        if total < 0:
            raise MemoryError
        return made, total

    def typical_motion(
        self, crop: Crop, backward: npt.NDArray[np.float32], steps: tuple[int, int]
    ) -> tuple[int, tuple[float, float]]:
        """How many places tell of a mask's motion, and its median, in pixels of the frame.

        None, 0, lies in the frame, or, -1, on the steps of the flow.
        """
        found = (c_double * 2)()
        count = self.compiled.videoseg_typical_motion(
            *(byref(crop), address(backward), *backward.shape[:2]), (c_int64 * 2)(*steps), found
        )
        return count, (found[0], found[1])


@functools.cache
def mask_kernel() -> MaskKernel | None:
    """The compiled functions; None where there are none."""
    compiled = library()
    return None if compiled is None else MaskKernel(compiled)


def _declare(compiled: ctypes.CDLL) -> None:
    """Tell the library what its functions take."""
    array, number = c_void_p, c_int64
    takes: dict[str, tuple[Any, list[Any]]] = {
        "common": (number, [array, number, array, number, number, number]),
        "encode": (number, [POINTER(Crop), POINTER(c_void_p)]),
        "free": (None, [array]),
        "runs": (number, [ctypes.c_char_p, number, number, number, array, array]),
        "filled": (None, [array, number, number, array, array]),
        "roots": (number, [POINTER(Crop), POINTER(Binned), array]),
        "typical_motion": (
            number,
            [POINTER(Crop), array, number, number, POINTER(c_int64), POINTER(c_double)],
        ),
    }
    for name, (gives, arguments) in takes.items():
        function = getattr(compiled, f"videoseg_{name}")
        function.restype, function.argtypes = gives, arguments
