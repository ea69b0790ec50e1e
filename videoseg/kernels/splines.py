"""Calls ``splines.c``; see ``videoseg/outlines/splines.py`` for what is fitted."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from ctypes import CDLL, POINTER, byref, c_double, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class _Fitting(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("points", "weights", "along")),
        *((name, c_double) for name in ("shortest", "longest", "squared_weight", "unseen")),
        ("rounds", c_int64),
    ]


class _Runs(ctypes.Structure):
    _fields_: ClassVar = [
        (name, c_void_p)
        for name in (
            *("first", "last", "starts", "extent"),
            *("begin", "end", "leaves", "arrives"),
        )
    ]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of curves.

    Attributes:
        shortest: Handle, in lengths of its piece.
        longest: Handle, the same.
        squared_weight: Of squared distances in the area.
        unseen: Distance that does not count in the area.
        rounds: Of fitting, and of assigning points anew.
    """

    shortest: float
    longest: float
    squared_weight: float
    unseen: float
    rounds: int


Splines = Callable[
    [Sequence[Values], Sequence[Indices], Sequence[Values], Limits], tuple[Values, Values, Values]
]
"""From points, weights and along of all points; first and last point of each run; its start,
extent, begin, end and the directions there; to furthest, area and handles."""


@functools.cache
def spline_kernel() -> Splines | None:
    """What fits curves; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else splines_of(compiled)


def splines_of(compiled: CDLL) -> Splines:
    """What fits curves, of a library."""
    call = compiled.videoseg_splines
    call.restype = c_int
    call.argtypes = [POINTER(_Fitting), POINTER(_Runs), c_int64, *[c_void_p] * 3]

    def splines(
        points: Sequence[Values],
        bounds: Sequence[Indices],
        facts: Sequence[Values],
        limits: Limits,
    ) -> tuple[Values, Values, Values]:
        fitting = _Fitting(
            *map(address, points),
            *(limits.shortest, limits.longest, limits.squared_weight, limits.unseen),
            limits.rounds,
        )
        runs = _Runs(*map(address, (*bounds, *facts)))
        count = len(bounds[0])
        furthest, area, handles = np.empty(count), np.empty(count), np.empty((count, 2, 2))
        if not call(byref(fitting), byref(runs), count, *map(address, (furthest, area, handles))):
            raise MemoryError
        return furthest, area, handles

    return splines
