"""``videoseg`` in a process of its own, for tests that interrupt it."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "import runpy; runpy.run_module('videoseg', run_name='__main__')"
)
"""A shell gives what it starts in the background a handler that ignores Ctrl-C; this does not."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")


def started(*arguments: str, stdin: int | None = None) -> subprocess.Popen[bytes]:
    """``videoseg`` with its output and errors in pipes."""
    command = [sys.executable, "-c", _PROGRAM, *arguments]
    return subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
