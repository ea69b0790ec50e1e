"""Calls ``number_text.c``; see ``videoseg/runlog/codec.py`` for what is written."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from ctypes import CDLL, c_char_p, c_int64, c_void_p

import numpy as np
import numpy.typing as npt

from videoseg.kernels.library import address, library

NumberText = Callable[[npt.NDArray[np.float32]], str | None]
"""From contiguous numbers to their text; None where one of them has more than four decimals,
or is not finite."""
_LONGEST = 24
"""Characters that a number takes at most, with its sign, its point and a comma."""


@functools.cache
def number_kernel() -> NumberText | None:
    """What writes numbers; None where it is not compiled."""
    compiled = library()
    return None if compiled is None else number_text_of(compiled)


def number_text_of(compiled: CDLL) -> NumberText:
    """What writes numbers, of a library."""
    call = compiled.videoseg_numbers
    call.restype = c_int64
    call.argtypes = [c_void_p, c_int64, c_char_p]

    def number_text(values: npt.NDArray[np.float32]) -> str | None:
        text = ctypes.create_string_buffer(_LONGEST * values.size + 1)
        length = call(address(values), values.size, text)
        return None if length < 0 else ctypes.string_at(text, length).decode("ascii")

    return number_text
