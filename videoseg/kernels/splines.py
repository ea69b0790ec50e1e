"""Calls ``splines.c``; see ``videoseg/outlines/splines.py`` for what is fitted."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import CDLL, POINTER, byref, c_double, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class _Candidates(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("x", "y", "weights", "along", "firsts", "starts")),
        ("rings", c_int64),
        *((name, c_void_p) for name in ("knots", "out", "into", "corner", "longest")),
    ]


class _Limits(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_double) for name in ("tolerance", "shortest", "longest")),
        *((name, c_double) for name in ("squared_weight", "unseen", "straight")),
        ("rounds", c_int64),
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Knots:
    """Rings and where they may have knots; see ``segments.CandidateKnots`` and ``splines._Ends``.

    Attributes:
        x: float64 (Q,).
        y: float64 (Q,).
        weights: float64 (Q,).
        along: float64 (Q,).
        firsts: int64 (2 K + 1,).
        starts: int64 (R + 1,).
        knots: float64 (2 K, 2).
        out: float64 (2 K, 2).
        into: float64 (2 K, 2).
        corner: bool (2 K,).
        longest: int64 (2 K,).
    """

    x: Values
    y: Values
    weights: Values
    along: Values
    firsts: Indices
    starts: Indices
    knots: Values
    out: Values
    into: Values
    corner: npt.NDArray[np.bool_]
    longest: Indices


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked of lines and curves.

    Attributes:
        tolerance: How far off they are of use.
        shortest: Handle, in lengths of its piece.
        longest: Handle, the same.
        squared_weight: Of squared distances in the area.
        unseen: Distance that does not count in the area.
        straight: Least cosine between a line and the way of its ring.
        rounds: Of fitting, and of assigning points anew.
        lengths: How many stretches one may cover, rising.
        patience: One is not tried where none of so many shorter ones was of use.
    """

    tolerance: float
    shortest: float
    longest: float
    squared_weight: float
    unseen: float
    straight: float
    rounds: int
    lengths: tuple[int, ...]
    patience: int


SplineRuns = Callable[[Knots, Limits, bool], tuple[Indices, Indices, Values, Values, Values]]
"""Curves, or lines, of all runs: stretch, stretches, furthest, area and handles (S, 2, 2)."""


@functools.cache
def spline_kernel() -> SplineRuns | None:
    """What fits curves and lines; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else spline_runs_of(compiled)


def spline_runs_of(compiled: CDLL) -> SplineRuns:
    """What fits curves and lines, of a library."""
    call = compiled.videoseg_spline_runs
    call.restype = c_int64
    call.argtypes = [
        POINTER(_Candidates), POINTER(_Limits), c_int, c_void_p, c_int64, c_int64, *[c_void_p] * 5,
    ]  # fmt: skip

    def spline_runs(
        of: Knots, limits: Limits, curved: bool
    ) -> tuple[Indices, Indices, Values, Values, Values]:
        lengths = np.array(limits.lengths, np.int64)
        most = len(lengths) * int(of.starts[-1])
        begins, reaches = np.empty(most, np.int64), np.empty(most, np.int64)
        furthest, area, handles = np.empty(most), np.empty(most), np.empty((most, 2, 2))
        made: tuple[Any, ...] = (begins, reaches, furthest, area, handles)
        candidates = _Candidates(
            *map(address, (of.x, of.y, of.weights, of.along, of.firsts, of.starts)),
            len(of.starts) - 1,
            *map(address, (of.knots, of.out, of.into, of.corner, of.longest)),
        )
        asked = _Limits(
            *(limits.tolerance, limits.shortest, limits.longest),
            *(limits.squared_weight, limits.unseen, limits.straight, limits.rounds),
        )
        count = call(
            *(byref(candidates), byref(asked), curved),
            *(address(lengths), len(lengths), limits.patience),
            *map(address, made),
        )
        if count < 0:
            raise MemoryError
        return (
            begins[:count],
            reaches[:count],
            furthest[:count],
            area[:count],
            handles[:count],
        )

    return spline_runs
