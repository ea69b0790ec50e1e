"""Finds the compiled library, once."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from ctypes import addressof, c_char
from pathlib import Path
from typing import Any

from videoseg.kernels.build import LIBRARY, digest

OFF = "VIDEOSEG_NO_KERNELS"
"""Set to anything, this variable has all done by the Python code."""
_BUFFER = c_char * 0


@functools.cache
def library() -> ctypes.CDLL | None:
    """The compiled kernels; None where there are none, or they are not wanted."""
    path = Path(__file__).with_name(LIBRARY)
    if os.environ.get(OFF) or not path.exists():
        return None
    try:
        return _of_these_sources(ctypes.CDLL(str(path)))
    except (OSError, ValueError) as error:
        logging.getLogger(__name__).warning(
            "the compiled part of videoseg cannot be used, so it runs slower: %s; "
            "install videoseg anew to have it compiled",
            error,
        )
        return None


def _of_these_sources(found: ctypes.CDLL) -> ctypes.CDLL:
    """The library itself; one of other sources might take other arguments."""
    of = getattr(found, "videoseg_sources", None)
    if of is not None:
        of.restype = ctypes.c_char_p
    if of is None or of() != digest().encode():
        raise ValueError("it was compiled from other sources")
    return found


def address(values: Any) -> int:
    """Where the numbers of an array are; it must be contiguous and stay alive meanwhile."""
    flags = values.flags
    assert flags.c_contiguous  # noqa: S101
    # An array's own `ctypes` takes four times as long, and there are dozens of calls an object.
    return addressof(_BUFFER.from_buffer(values)) if flags.writeable else int(values.ctypes.data)
