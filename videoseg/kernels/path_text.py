"""Calls ``path_text.c``; see ``videoseg/formats/svg_path.py`` for what is written."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import CDLL, c_char_p, c_int, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

Units = npt.NDArray[np.int64]
PathText = Callable[[Units, Units, int, bool], str]
"""From units (S, 4, 2), segments of each ring, decimals, and whether commands are uniform."""
_LONGEST = 25
"""Characters that a number of 64 bits takes at most, with its sign, its point and a letter."""


@functools.cache
def path_kernel() -> PathText | None:
    """What writes path data; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else path_text_of(compiled)


def path_text_of(compiled: CDLL) -> PathText:
    """What writes path data, of a library."""
    call = compiled.videoseg_path
    call.restype = c_int64
    call.argtypes = [c_void_p, c_void_p, c_int64, c_int, c_int, c_char_p]

    def path_text(units: Units, sizes: Units, decimals: int, uniform: bool) -> str:
        text = ctypes.create_string_buffer(_LONGEST * (6 * len(units) + 3 * len(sizes)))
        length = call(address(units), address(sizes), len(sizes), decimals, uniform, text)
        return ctypes.string_at(text, length).decode("ascii")

    return path_text
