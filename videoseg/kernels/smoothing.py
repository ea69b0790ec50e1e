"""Calls ``smoothing.c``; see ``videoseg/tracking/smoothing`` for what is computed."""

from __future__ import annotations

import ctypes
import functools
from ctypes import POINTER, byref, c_double, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int32]


class Warp(ctypes.Structure):
    """``Warp`` of C: from cells of one grid to those of another."""

    _fields_: ClassVar = [
        ("other", c_void_p),
        ("rows", c_int64),
        ("columns", c_int64),
        ("evidence", c_void_p),
        ("height", c_int64),
        ("width", c_int64),
        ("to_flow", c_double * 4),
        ("to_cells", c_double * 4),
    ]


class Edge(ctypes.Structure):
    """``Edge`` of C."""

    _fields_: ClassVar = [
        ("values", c_void_p),
        ("x", c_void_p),
        ("y", c_void_p),
        ("count", c_int64),
        ("unit", c_double),
        ("middle_x", c_double),
        ("middle_y", c_double),
        ("prior", c_double),
    ]


class _Contour(ctypes.Structure):
    _fields_: ClassVar = [("off", c_void_p), ("near", c_void_p), ("trust", c_void_p)]


@dataclass(frozen=True, slots=True)
class SmoothingKernel:
    """The compiled functions.

    Attributes:
        compiled: The library.
    """

    compiled: ctypes.CDLL

    def __post_init__(self) -> None:
        _declare(self.compiled)

    def compared(
        self,
        warp: Warp,
        edge: Edge,
        at: Positions,
        columns: int,
        room: Floats,
        blurred: Floats,
    ) -> Floats:
        """``off``, ``near`` and ``trust`` of a warped contour, float32 (3, B)."""
        made = np.empty((3, len(at)), np.float32)
        done = self.compiled.videoseg_compared(
            byref(warp),
            byref(edge),
            address(at),
            len(at),
            columns,
            address(room),
            address(blurred),
            *(address(row) for row in made),
        )
        return made if done else _no_memory()

    def pair(
        self,
        before: tuple[Floats, Floats, Floats],
        after: tuple[Floats, Floats, Floats],
        at: Positions,
        on_edge: npt.NDArray[np.bool_],
        shape: tuple[int, int],
        reach: int,
        far: float,
    ) -> tuple[tuple[float, float, float, float], Doubles]:
        """Total, edge cells, variance and error; and local error and weight, float64 (2, B)."""
        local = np.empty((2, len(at)))
        facts = (c_double * 4)()
        done = self.compiled.videoseg_pair(
            *(byref(_Contour(*map(address, contour))) for contour in (before, after)),
            address(at),
            address(on_edge),
            len(at),
            *shape,
            reach,
            far,
            facts,
            *(address(row) for row in local),
        )
        return (facts[0], facts[1], facts[2], facts[3]), (local if done else _no_memory())

    def moved_edge(
        self,
        values: Floats,
        at: Positions,
        shift: Floats,
        least: float,
        bitmap: npt.NDArray[np.uint8],
    ) -> int:
        """How many pixels of a bitmap change sides; in place."""
        changed: int = self.compiled.videoseg_moved_edge(
            address(values),
            *values.shape,
            address(at),
            address(shift),
            len(at),
            least,
            address(bitmap),
            *bitmap.shape,
        )
        if changed < 0:
            raise MemoryError
        return changed


@functools.cache
def smoothing_kernel() -> SmoothingKernel | None:
    """The compiled functions; None where there are none."""
    compiled = library()
    return None if compiled is None else SmoothingKernel(compiled)


def _no_memory() -> Any:
    raise MemoryError


def _declare(compiled: ctypes.CDLL) -> None:
    """Tell the library what its functions take."""
    array, number = c_void_p, c_int64
    compiled.videoseg_compared.restype = c_int
    compiled.videoseg_compared.argtypes = [
        POINTER(Warp), POINTER(Edge), array, number, number, array, array, array, array, array,
    ]  # fmt: skip
    compiled.videoseg_pair.restype = c_int
    compiled.videoseg_pair.argtypes = [
        POINTER(_Contour), POINTER(_Contour), array, array, number, number, number, number,
        c_float, POINTER(c_double), array, array,
    ]  # fmt: skip
    compiled.videoseg_moved_edge.restype = c_int64
    compiled.videoseg_moved_edge.argtypes = [
        array, number, number, array, array, number, c_double, array, number, number,
    ]  # fmt: skip
