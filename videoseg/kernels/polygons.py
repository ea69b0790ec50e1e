"""Calls ``polygons.c``; see ``videoseg/outlines/polygons.py`` for what is computed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from ctypes import CDLL, byref, c_double, c_int64, c_void_p
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

_MOST_POINTS = 1 << 14
_MOST_RINGS = 64

Ring: TypeAlias = npt.NDArray[np.float32]
"""float32 (P, 2), x and y."""
Found: TypeAlias = tuple[list[Ring], list[int], int]
"""Rings, for each the number of the one that it is a hole of, or -1, and how many pixels are shown
otherwise than they are."""
Place: TypeAlias = tuple[int, int, int, int]
"""x and y of a bitmap in its frame, and the frame's width and height."""
Polygons: TypeAlias = Callable[[npt.NDArray[np.bool_], Place, float], Found | None]
"""From a bitmap, its place and a tolerance; None where the Python code has to decide."""


@functools.cache
def polygons_kernel() -> Polygons | None:
    """What makes polygons of a bitmap; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else polygons_of(compiled)


class _Room(threading.local):
    """Where results of a thread are put."""

    def __init__(self) -> None:
        self.points = np.empty((_MOST_POINTS, 2), np.float32)
        self.ends, self.owners = np.empty((2, _MOST_RINGS), np.int64)
        self.window = np.empty(6, np.int64)
        arrays = (self.window, self.points, self.ends, self.owners)
        self.addresses = tuple(address(each) for each in arrays)


def polygons_of(compiled: CDLL) -> Polygons:
    """What makes polygons of a bitmap, of a library."""
    call = compiled.videoseg_polygons
    call.restype = c_int64
    call.argtypes = [
        c_void_p, c_void_p, c_double, c_void_p, c_int64, c_void_p, c_void_p, c_int64, c_void_p,
    ]  # fmt: skip
    room = _Room()

    def polygons(bitmap: npt.NDArray[np.bool_], place: Place, tolerance: float) -> Found | None:
        wrong = c_int64()
        room.window[:] = (*place, *bitmap.shape)
        window, points, ends, owners = room.addresses
        bitmap = np.ascontiguousarray(bitmap)
        count = call(
            *(address(bitmap), window, tolerance, points, _MOST_POINTS),
            *(ends, owners, _MOST_RINGS, byref(wrong)),
        )
        if not count:
            return None
        starts = [0, *room.ends[:count].tolist()]
        rings = [room.points[starts[n] : starts[n + 1]].copy() for n in range(count)]
        return rings, room.owners[:count].tolist(), wrong.value

    return polygons
