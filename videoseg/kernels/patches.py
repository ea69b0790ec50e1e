"""Calls ``patches.c``; see ``videoseg/motion/patches.py`` for what is computed."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import CDLL, POINTER, byref, c_int64, c_void_p
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

_Floats: TypeAlias = npt.NDArray[np.float32]
_Bytes: TypeAlias = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Two small pictures, and what is known of the motion between them.

    Attributes:
        previous: uint8 (h, w), the earlier one.
        current: uint8 (h, w).
        near: bool (h, w), where the motion is to be refined.
        across: float32 (h, w), how steep ``current`` is, levels a pixel,
        down: and the same from row to row.
        backward: float32 (h, w, 2): where each pixel of ``current`` was, x and y from its place.
    """

    previous: _Bytes
    current: _Bytes
    near: npt.NDArray[np.bool_]
    across: _Floats
    down: _Floats
    backward: _Floats


class _Pictures(ctypes.Structure):
    _fields_: ClassVar = [
        *((name, c_void_p) for name in ("previous", "current", "near_")),
        *((name, c_void_p) for name in ("across", "down", "backward")),
        *((name, c_int64) for name in ("height", "width")),
    ]


Averaged: TypeAlias = Callable[[Pictures], _Floats]
"""From pictures to a flow (h, w, 2)."""


@functools.cache
def patches_kernel() -> Averaged | None:
    """What searches for patches; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else patches_of(compiled)


def patches_of(compiled: CDLL) -> Averaged:
    """What searches for patches, of a library."""
    call = compiled.videoseg_patches
    call.restype = None
    call.argtypes = [POINTER(_Pictures), c_void_p, c_void_p]

    def averaged(pictures: Pictures) -> _Floats:
        arrays = [
            np.ascontiguousarray(each)
            for each in (
                *(pictures.previous, pictures.current, pictures.near),
                *(pictures.across, pictures.down, pictures.backward),
            )
        ]
        given = _Pictures(*map(address, arrays), *pictures.current.shape)
        made = pictures.backward.copy()
        sums = np.zeros((3, pictures.current.size), np.float32)
        call(byref(given), address(sums), address(made))
        return made

    return averaged
