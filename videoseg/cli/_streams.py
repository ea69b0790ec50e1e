"""The three standard streams, made fit for whatever they were opened on, or were not.

A program may be started without some of them, on a full disk, on a pipe whose reader leaves, or
under a locale that knows ASCII alone. None of that may cost a run or mix messages into a file.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, TextIO

from videoseg.cli._terminal import tell_json
from videoseg.errors import OutputError

_STDOUT = 1
"""File descriptor of standard output."""
_STDERR = 2
"""File descriptor of standard error."""
_kept: list[TextIO] = []
"""Standard output while nothing but JSON may go there; empty while anything may."""


class ReaderGoneError(Exception):
    """Nobody reads standard output any more; no OSError, which Typer handles in its own way."""


def set_up_streams() -> None:
    """Make the streams of this process usable; called once, before anything is opened.

    A stream that is closed is opened on nothing: else the next file to be opened, an output for
    example, would get its number, and what libraries write to it. Letters that an encoding lacks
    are escaped. What cannot be written to standard error is dropped: messages are worth no run.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # This gets the lowest free number, which is the one that is missing.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process
    sys.stdout = _opened(_STDOUT, sys.stdout)
    sys.stderr = _opened(_STDERR, sys.stderr)


@contextmanager
def kept_for_json(wanted: bool) -> Iterator[None]:
    """Keep standard output for ``print_json``: what models and libraries print is a message."""
    if not wanted:
        yield
        return
    _kept.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _kept.pop()


def print_json(document: object) -> None:
    """Print JSON on stdout (``tell_json``)."""
    out = _kept[-1] if _kept else sys.stdout
    tell_json(document, encoding=getattr(out, "encoding", None), indent=2, file=out)


class _Standard(io.FileIO):
    """Standard output or standard error, which after a first failure drops what it is given.

    So the process can still say what was wrong, and end.
    """

    failed = False

    def write(self, data: Any, /) -> int:
        """Write.

        Raises:
            ReaderGoneError: The reader of standard output has left, as in `videoseg models | head`.
            OutputError: Standard output cannot be written, as on a full disk.
        """
        if not self.failed:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.failed = True
                if self.fileno() == _STDOUT and isinstance(error, BrokenPipeError):
                    raise ReaderGoneError from error
                if self.fileno() == _STDOUT:
                    reason = error.strerror or error
                    raise OutputError(f"cannot write to standard output: {reason}") from error
        return len(data)


def _opened(number: int, stream: TextIO | None) -> TextIO:
    """A standard stream for text; a console of Windows, which is of its own kind, is left alone."""
    interactive = stream is not None and stream.isatty()
    if stream is not None and interactive and sys.platform == "win32":
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Standard(number, "wb", closefd=False)),
        (stream and stream.encoding) or "utf-8",
        "backslashreplace",
        line_buffering=interactive or number == _STDERR,
    )
