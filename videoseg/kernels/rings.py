"""Calls ``rings.c``; see ``videoseg/outlines`` for what is computed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from ctypes import CDLL, c_double, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


Cycles = Callable[[Indices], tuple[Indices, Indices]]


@functools.cache
def cycles_kernel() -> Cycles | None:
    """What finds the cycles of a permutation; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else cycles_of(compiled)


def cycles_of(compiled: CDLL) -> Cycles:
    """What finds the cycles of a permutation, of a library."""
    call = compiled.videoseg_cycles
    call.restype = c_int64
    call.argtypes = [c_void_p, c_int64, c_void_p, c_void_p]

    def cycles(following: Indices) -> tuple[Indices, Indices]:
        after = following.copy()
        order, starts = np.empty_like(after), np.empty(len(after) + 1, np.int64)
        count = call(address(after), len(after), address(order), address(starts))
        return order, starts[: count + 1]

    return cycles


Shortest = Callable[[Indices, Indices, Values, float, int, int, int], Indices]
"""From bounds, reaches, costs, what rounding may do, base, start and count."""


@functools.cache
def shortest_kernel() -> Shortest | None:
    """What finds the cheapest way around a ring; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else shortest_of(compiled)


def shortest_of(compiled: CDLL) -> Shortest:
    """What finds the cheapest way around a ring, of a library."""
    call = compiled.videoseg_shortest
    call.restype = c_int64
    call.argtypes = [
        *[c_void_p] * 3, c_double, *[c_int64] * 3, c_void_p,
    ]  # fmt: skip

    def shortest(
        bounds: Indices,
        reaches: Indices,
        costs: Values,
        rounding: float,
        base: int,
        start: int,
        count: int,
    ) -> Indices:
        chosen = np.empty(count, np.int64)
        arrays = (address(each) for each in (bounds, reaches, costs))
        found = call(*arrays, rounding, base, start, count, address(chosen))
        if found < 0:
            raise MemoryError
        return chosen[count - found :]

    return shortest
