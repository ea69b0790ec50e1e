"""Calls ``matching.c``; see ``videoseg/roto`` for what is computed."""

from __future__ import annotations

import ctypes
import functools
from ctypes import CDLL, POINTER, byref, c_double, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Values = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class MatchedTo(Protocol):
    """A ring as it is matched to; see ``target_ring.TargetRing``."""

    @property
    def directed(self) -> Values:
        """float64 (M, 4), places and directions in pixels."""

    @property
    def directions(self) -> Values:
        """float64 (M, 2), directions."""

    @property
    def boxes(self) -> Values:
        """float64 (B, 2, 4), least and greatest numbers of each block of ``directed``."""


@dataclass(frozen=True, slots=True)
class Settling:
    """How a ring is brought close to another; see ``correspondence``.

    Attributes:
        per_radian: Pixels for each radian of direction.
        outlier: A match this far away, pixels, counts half.
        along_weight: Of distances along the ring beside those across it.
        rigid_weight: Of no change of shape, for each point.
        ridge: Keeps the problem solvable.
        rounds: Of matching and moving.
    """

    per_radian: float
    outlier: float
    along_weight: float
    rigid_weight: float
    ridge: float
    rounds: int


class _Target(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("directed", "ways")),
        ("places", c_int64),
        ("boxes", c_void_p),
        ("block", c_int64),
    ]


class _Settling(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_double) for name in ("per_radian", "outlier", "along_weight")),
        *((name, c_double) for name in ("rigid_weight", "ridge")),
        ("rounds", c_int64),
    ]


@dataclass(frozen=True, slots=True)
class MatchingKernel:
    """The compiled functions.

    Attributes:
        compiled: The library.
    """

    compiled: CDLL

    def __post_init__(self) -> None:
        _declare(self.compiled)

    def nearest(self, target: MatchedTo, block: int, points: Values, per_radian: float) -> Indices:
        """The place nearest to each point of a ring, float64 (N, 2), and its direction."""
        found = np.empty(len(points), np.int64)
        done = self.compiled.videoseg_nearest(
            byref(_target(target, block)), address(points), len(points), per_radian, address(found)
        )
        return found if done else _no_memory()

    def settled(self, target: MatchedTo, block: int, points: Values, settling: Settling) -> Values:
        """Points of a ring moved as a whole, again and again, to where they are close."""
        made = points.copy()
        done = self.compiled.videoseg_settled(
            byref(_target(target, block)), address(made), len(made), byref(_asked(settling))
        )
        return made if done else _no_memory()

    def fitted(
        self, points: Values, to: Values, ways: Values, weight: Values, settling: Settling
    ) -> Values:
        """Points moved as a whole onto the lines through others in their directions."""
        made = points.copy()
        self.compiled.videoseg_fitted(
            *map(address, (made, to, ways, weight)), len(made), byref(_asked(settling))
        )
        return made

    def slide(
        self,
        target: MatchedTo,
        block: int,
        points: Values,
        per_radian: float,
        reach: int,
        most: float,
        places: Indices,
    ) -> Flags:
        """Find nearer places near those that points have, in place; which are close enough."""
        near = np.empty(len(points), np.bool_)
        done = self.compiled.videoseg_slide(
            *(byref(_target(target, block)), address(points), len(points), per_radian, reach, most),
            *(address(places), address(near)),
        )
        return near if done else _no_memory()

    def is_near(
        self, drawn: Values, places: Values, checks: int, stride: int, bound: float, allowed: int
    ) -> bool:
        """Whether no more points than are allowed are further than so much from the other ring."""
        found = self.compiled.videoseg_is_near(
            *(address(drawn), len(drawn), address(places), len(places)),
            *(checks, stride, bound, allowed),
        )
        return bool(found) if found >= 0 else _no_memory()


@functools.cache
def matching_kernel() -> MatchingKernel | None:
    """The compiled functions; None where there are none."""
    compiled = library()
    return None if compiled is None else MatchingKernel(compiled)


def _target(target: MatchedTo, block: int) -> _Target:
    directed = target.directed
    return _Target(
        *(address(directed), address(target.directions), len(directed)),
        *(address(target.boxes), block),
    )


def _asked(settling: Settling) -> _Settling:
    return _Settling(
        *(settling.per_radian, settling.outlier, settling.along_weight),
        *(settling.rigid_weight, settling.ridge, settling.rounds),
    )


def _no_memory() -> Any:
    raise MemoryError


def _declare(compiled: CDLL) -> None:
    """Tell the library what its functions take."""
    array, number, real = c_void_p, c_int64, c_double
    target, settling = POINTER(_Target), POINTER(_Settling)
    for name, takes in {
        "nearest": [target, array, number, real, array],
        "settled": [target, array, number, settling],
        "fitted": [array, array, array, array, number, settling],
        "slide": [target, array, number, real, number, real, array, array],
        "is_near": [array, number, array, number, number, number, real, number],
    }.items():
        function = getattr(compiled, f"videoseg_{name}")
        function.argtypes = takes
        function.restype = None if name == "fitted" else c_int
