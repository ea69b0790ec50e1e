"""What a process may have at most, for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import pytest


@contextmanager
def limited(what: Literal["open files", "bytes of a file"], most: int) -> Iterator[None]:
    """Allow no more: a file that would get longer is one on a full disk, its last writes fail."""
    if sys.platform == "win32":
        pytest.skip("limits of a process are a POSIX matter")
    import resource

    kind = resource.RLIMIT_NOFILE if what == "open files" else resource.RLIMIT_FSIZE
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)
