"""Memory that is free again, given back to the system."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable


def give_back() -> None:
    """Give back what this process has freed, where the C library would keep it.

    glibc has a heap for each of some threads, and gives back its end alone: with one run after
    another, each with threads of its own, a process seems to grow for ever.
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@functools.cache
def _trim() -> Callable[[int], object] | None:
    """What does it in glibc; None with any other C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
