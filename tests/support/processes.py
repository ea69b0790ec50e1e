"""``videoseg`` in a process of its own, for tests that interrupt it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import pytest

_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "import runpy; runpy.run_module('videoseg', run_name='__main__')"
)
"""A shell gives what it starts in the background a handler that ignores Ctrl-C; this does not."""

Process: TypeAlias = subprocess.Popen[bytes]
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")


@contextmanager
def started(*arguments: str, stdin: int | None = None) -> Iterator[Process]:
    """``videoseg`` with its output and errors in pipes; ended where a test fails."""
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


def is_there(group: int) -> bool:
    """Whether any process of a group is."""
    if sys.platform == "win32":
        raise NotImplementedError
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
