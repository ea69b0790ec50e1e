"""Reads text files that people write: settings, prompts, lists, prices.

Editors save text in several ways. UTF-8 is read with or without a byte order mark, UTF-16 and
UTF-32 where a mark says so (as Windows writes them), and lines may end in CR LF. Anything else is
refused with the line and what it seems to be, instead of being read as other letters.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from videoseg.errors import VideosegError

# UTF-32 first: its little-endian mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)


def read_text(path: Path, what: str, error: type[VideosegError], *, names: bool = False) -> str:
    """The text of a file.

    Args:
        path: The file.
        what: What it holds, for messages: ``prompts``.
        error: What is raised.
        names: Whether it holds names of files, which need not be UTF-8 (see ``decoded``).

    Raises:
        VideosegError: As ``error``: it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        reason = problem.strerror or problem
        raise error(f"cannot read {what} from {path}: {reason}") from problem
    except ValueError as problem:  # a NUL in the name
        raise error(f"cannot read {what} from {str(path)!r}: {problem}") from problem
    return decoded(data, str(path), error, names=names)


def decoded(data: bytes, name: str, error: type[VideosegError], *, names: bool = False) -> str:
    """The text that bytes of a file hold; its lines end in LF whatever they ended in before.

    Args:
        data: All of the file.
        name: The file, for messages.
        error: What is raised.
        names: Whether bytes that are not UTF-8 are kept as ``os.fsdecode`` keeps them: on Linux a
            file may have any name.

    Raises:
        VideosegError: As ``error``: it is no text, or in an encoding that is not known.
    """
    mark = next((each for each in _MARKS if data.startswith(each[0])), None)
    encoding, shown = ("utf-8", "UTF-8") if mark is None else mark[1:]
    if mark is None and b"\0" in data:
        raise error(f"{name}, {_line(data, data.index(0))}: {_about_nul(data)}")
    try:
        text = data.decode(encoding, "surrogateescape" if names and mark is None else "strict")
    except UnicodeDecodeError as problem:
        where = _line(data, problem.start) if encoding.startswith("utf-8") else "its text"
        guess = " (it looks like Windows-1252 or Latin-1)" if mark is None else ""
        raise error(f"{name}, {where}: is not {shown}{guess}; save the file as UTF-8") from problem
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise error(f"{name}, line {line}: holds a NUL character; this is no text file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line(data: bytes, place: int) -> str:
    """The line of a place in bytes, counted from 1; lines end in LF, CR LF or CR."""
    before = data[:place].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return f"line {before.count(10) + 1}"


def _about_nul(data: bytes) -> str:
    """What a NUL byte in a file without a byte order mark means."""
    for first, order in ((1, "little-endian"), (0, "big-endian")):
        if len(data) > 1 and not any(data[first:200:2]):
            return (
                f"is UTF-16 ({order}) without a byte order mark; save the file as UTF-8, or "
                "with the mark"
            )
    return "holds a NUL byte; this is no text file"
