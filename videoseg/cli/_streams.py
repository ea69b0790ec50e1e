"""The three standard streams, made fit for whatever they were opened on, or were not.

A program may be started without some of them, on a full disk, on a pipe whose reader leaves, or
under a locale that knows ASCII alone. None of that may cost a run or mix messages into a file.
"""

from __future__ import annotations

import io
import json
import os
import sys

import typer

from videoseg.errors import OutputError

_STDERR = 2


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
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - for the whole process
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if os.name != "nt" or not sys.stderr or not sys.stderr.isatty():
        # A console of Windows has a stream of its own kind, which is left as it is.
        kept = io.BufferedWriter(_Forgiving(_STDERR, "wb", closefd=False))
        sys.stderr = io.TextIOWrapper(kept, encoding, "backslashreplace", line_buffering=True)


def print_json(document: object) -> None:
    """Print JSON on stdout; letters that its encoding lacks are escaped as JSON has it."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeError:
        text = json.dumps(document, indent=2)
    typer.echo(text)


def flush_output() -> None:
    """Have all of stdout written.

    Raises:
        BrokenPipeError: Its reader has left.
        OutputError: It cannot be written, as on a full disk.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write to standard output: {reason}") from error


def drop_output() -> None:
    """Send what is still to be written to stdout to nowhere, so that the process can end."""
    try:
        number = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


class _Forgiving(io.FileIO):
    """A file that takes everything, also where nothing can be written."""

    def write(self, data, /):  # type: ignore[no-untyped-def]
        """Write, or drop what cannot be written."""
        try:
            return super().write(data)
        except OSError:
            return len(data)
