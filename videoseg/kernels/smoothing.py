"""Calls ``observe.c``, ``smoothing.c`` and ``moved_edge.c``.

What they compute is told in ``videoseg/tracking/smoothing`` and ``videoseg/motion``.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Sequence
from ctypes import POINTER, byref, c_double, c_float, c_int, c_int64, c_void_p
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int32]
Bytes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


class Window(ctypes.Structure):
    """``Window`` of C: a mask in the window in which it is compared."""

    _fields_: ClassVar = [
        ("bitmap", c_void_p),
        *((name, c_int64) for name in ("x", "y", "bitmap_width", "bitmap_height")),
        *((name, c_int64) for name in ("width", "height", "columns", "rows", "step")),
        ("cell", c_double),
    ]

    @classmethod
    def of(cls, bitmap: Flags, numbers: tuple[int, ...], cell: float) -> Self:
        """With the numbers in their order; the bitmap must stay alive."""
        return cls(address(bitmap), *numbers, cell)


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


class Contour(ctypes.Structure):
    """``Contour`` of C: where the three numbers of each cell of a band are."""

    _fields_: ClassVar = [("off", c_void_p), ("near", c_void_p), ("trust", c_void_p)]

    @classmethod
    def of(cls, off: Floats, near: Floats, trust: Floats) -> Self:
        """Of arrays, float32 (B,), which must stay alive."""
        return cls(address(off), address(near), address(trust))


class Pull(ctypes.Structure):
    """``Pull`` of C."""

    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("local_error", "local_weight")),
        *((name, c_double) for name in ("rest", "error", "wanted", "most")),
        ("certain", c_float),
    ]


class _Near(ctypes.Structure):
    _fields_: ClassVar = [(name, c_void_p) for name in ("at", "on_edge", "room", "blurred")]


class Observed(NamedTuple):
    """A mask on the grid of its window: distances, and what is told of the cells near its edge."""

    values: Floats
    at: Positions
    on_edge: Flags
    room: Floats
    blurred: Floats
    places: Positions


class Located(NamedTuple):
    """A mask as it was observed, where C finds it: addresses of what is told of each cell."""

    window: Window
    edge: Edge
    at: int
    room: int
    blurred: int


class _Room(threading.local):
    """Where results of a thread are put whose number is not known before."""

    def __init__(self) -> None:
        self._cells = 0

    def of(self, cells: int) -> tuple[_Near, Positions, Bytes, Floats]:
        """Arrays for so many cells, which are written over by the next call."""
        if self._cells < cells:
            self._cells = cells
            self._at = np.empty((2, cells), np.int32)
            self._on_edge = np.empty(cells, np.uint8)
            self._told = np.empty((2, cells), np.float32)
            rows = (self._at[0], self._on_edge, *self._told)
            self._near = _Near(*map(address, rows))
        return self._near, self._at, self._on_edge, self._told


@dataclass(frozen=True, slots=True)
class SmoothingKernel:
    """The compiled functions.

    Attributes:
        compiled: The library.
    """

    compiled: ctypes.CDLL
    _room: _Room = field(init=False, repr=False, default_factory=_Room)

    def __post_init__(self) -> None:
        _declare(self.compiled)

    def distances(self, inside: Bytes, cell: float) -> Floats:
        """Signed distances to the edge between 0 and 1, on the same grid."""
        inside = np.ascontiguousarray(inside)
        made = np.empty(inside.shape, np.float32)
        shape = inside.shape
        done = self.compiled.videoseg_distances(address(inside), *shape, cell, address(made))
        return made if done else _no_memory()

    def observed(
        self, window: Window, cover: Bytes | None, ramp: Floats | None, points: int
    ) -> Observed:
        """A mask as it is compared, with about so many points of its edge.

        ``cover`` tells how much of cells it covers where they are not whole, ``ramp`` what logits
        tell of the edge.
        """
        values = np.empty((window.rows, window.columns), np.float32)
        near, at, on_edge, told = self._room.of(values.size)
        kept = c_int64()
        count = self.compiled.videoseg_observe(
            byref(window),
            *(None if given is None else address(given) for given in (cover, ramp)),
            *(address(values), byref(near), points, address(at[1]), byref(kept)),
        )
        if count < 0:
            raise MemoryError
        room, blurred = told[:, :count].copy()
        flags = on_edge[:count].copy().view(np.bool_)
        return Observed(
            values, at[0, :count].copy(), flags, room, blurred, at[1, : kept.value].copy()
        )

    def compared(self, warp: Warp, present: Located, count: int) -> tuple[Floats, Contour]:
        """``off``, ``near`` and ``trust`` of a warped contour, float32 (3, B); and where."""
        made = np.empty((3, count), np.float32)
        into, step = address(made), made.strides[0]
        done = self.compiled.videoseg_compared(
            *(byref(warp), byref(present.edge), present.at, count, present.window.columns),
            *(present.room, present.blurred, into, into + step, into + 2 * step),
        )
        if not done:
            raise MemoryError
        return made, Contour(into, into + step, into + 2 * step)

    def pair(
        self,
        before: Contour,
        after: Contour,
        at: Positions,
        on_edge: Flags,
        shape: tuple[int, int],
        reach: int,
        far: float,
    ) -> tuple[tuple[float, float, float, float], Doubles]:
        """Total, edge cells, variance and error; and local error and weight, float64 (2, B)."""
        local = np.empty((2, len(at)))
        facts = (c_double * 4)()
        into = address(local)
        done = self.compiled.videoseg_pair(
            *(byref(before), byref(after), address(at), address(on_edge), len(at)),
            *(*shape, reach, far, facts, into, into + local.strides[0]),
        )
        return (facts[0], facts[1], facts[2], facts[3]), (local if done else _no_memory())

    def updated(self, at: Positions, before: Contour, memory: float, values: Floats) -> None:
        """Move distances towards those of a contour; in place."""
        self.compiled.videoseg_updated(address(at), len(at), byref(before), memory, address(values))

    def shift(self, contours: Sequence[Contour], count: int, pull: Pull) -> Floats:
        """How far each place of the band is moved, by one contour or two."""
        made = np.empty(count, np.float32)
        given = [byref(contour) for contour in contours]
        self.compiled.videoseg_shift(
            *(given if len(given) == 2 else (*given, None)), count, byref(pull), address(made)
        )
        return made

    def moved_edge(
        self, present: Located, values: Floats, shift: Floats
    ) -> tuple[Flags, tuple[int, int, int, int]] | None:
        """The window's pixels with their edge moved, and their tight box; None where none changes.

        Where nothing is left the box is empty.
        """
        window = present.window
        made = np.empty((window.height, window.width), np.bool_)
        box = (c_int64 * 4)()
        changed = self.compiled.videoseg_moved_edge(
            *(byref(window), address(values), present.at, address(shift), len(shift)),
            *(address(made), box),
        )
        if changed < 0:
            raise MemoryError
        return (made, (box[0], box[1], box[2], box[3])) if changed else None


@functools.cache
def smoothing_kernel() -> SmoothingKernel | None:
    """The compiled functions; None where there are none."""
    compiled = library()
    return None if compiled is None else SmoothingKernel(compiled)


def _no_memory() -> Any:
    raise MemoryError


def _declare(compiled: ctypes.CDLL) -> None:
    """Tell the library what its functions take."""
    array, number, real = c_void_p, c_int64, c_double
    compiled.videoseg_distances.restype = c_int
    compiled.videoseg_distances.argtypes = [array, number, number, real, array]
    compiled.videoseg_observe.restype = c_int64
    compiled.videoseg_observe.argtypes = [
        POINTER(Window), array, array, array, POINTER(_Near), number, array, POINTER(c_int64),
    ]  # fmt: skip
    compiled.videoseg_compared.restype = c_int
    compiled.videoseg_compared.argtypes = [
        POINTER(Warp), POINTER(Edge), array, number, number, array, array, array, array, array,
    ]  # fmt: skip
    compiled.videoseg_pair.restype = c_int
    compiled.videoseg_pair.argtypes = [
        POINTER(Contour), POINTER(Contour), array, array, number, number, number, number,
        c_float, POINTER(c_double), array, array,
    ]  # fmt: skip
    compiled.videoseg_updated.restype = None
    compiled.videoseg_updated.argtypes = [array, number, POINTER(Contour), c_float, array]
    compiled.videoseg_shift.restype = None
    compiled.videoseg_shift.argtypes = [
        POINTER(Contour), POINTER(Contour), number, POINTER(Pull), array,
    ]  # fmt: skip
    compiled.videoseg_moved_edge.restype = c_int64
    compiled.videoseg_moved_edge.argtypes = [
        POINTER(Window), array, array, array, number, array, POINTER(c_int64),
    ]  # fmt: skip
