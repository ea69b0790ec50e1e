"""Calls ``rings.c``; see ``videoseg/outlines/trace.py`` for what is computed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from ctypes import CDLL, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Indices = npt.NDArray[np.int64]


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
