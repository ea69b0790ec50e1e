"""Calls ``evidence.c``; see ``videoseg/motion/evidence.py`` for what is computed."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import CDLL, POINTER, byref, c_int, c_int64, c_void_p
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

_Floats: TypeAlias = npt.NDArray[np.float32]
_Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Two small pictures, and a motion between them.

    Attributes:
        previous: uint8 (h, w), where the motion leads to.
        current: uint8 (h, w), the picture whose pixels are looked at.
        near: bool (h, w), where the motion is compared.
        slope: float32 (h, w), how steep ``current`` is, levels a pixel.
        backward: float32 (h, w, 2): where each pixel of ``current`` was, x and y from its place; or
            each of ``previous``, where the motion is to be inverted.
    """

    previous: _Bytes
    current: _Bytes
    near: npt.NDArray[np.bool_]
    slope: _Floats
    backward: _Floats


class _Pictures(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("previous", "current", "near_", "slope", "backward")),
        *((name, c_int64) for name in ("height", "width")),
    ]


Evidence: TypeAlias = Callable[[Compared, bool], _Floats]
"""From pictures, and whether to invert the motion, to where pixels were, and trust: (h, w, 3)."""


@functools.cache
def evidence_kernel() -> Evidence | None:
    """What looks for evidence of motion; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else evidence_of(compiled)


def evidence_of(compiled: CDLL) -> Evidence:
    """What looks for evidence of motion, of a library."""
    call = compiled.videoseg_evidence
    call.restype = None
    call.argtypes = [POINTER(_Pictures), c_int, c_void_p, c_void_p, c_void_p]

    def evidence(given: Compared, inverted: bool) -> _Floats:
        arrays = [
            np.ascontiguousarray(each)
            for each in (given.previous, given.current, given.near, given.slope, given.backward)
        ]
        shape = given.current.shape
        made, off = np.empty((*shape, 3), np.float32), np.empty(shape, np.float32)
        wider = np.empty(shape, np.uint8)
        pictures = _Pictures(*map(address, arrays), *shape)
        call(byref(pictures), inverted, address(wider), address(off), address(made))
        return made

    return evidence
