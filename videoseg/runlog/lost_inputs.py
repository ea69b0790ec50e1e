"""Refuses outputs that would take the place of what they are made from."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from videoseg.errors import UsageError
from videoseg.formats.file_names import COUNTER, is_picture
from videoseg.system.addresses import is_address


def refuse_losing(inputs: Iterable[str | os.PathLike[str]], out: Path, made: Sequence[str]) -> None:
    """Refuse to publish where that would replace an input, or what holds one.

    Pieces are renamed into place, so that a hard link to an input is no danger. Names that lead to
    the same file by links, or by letters of another case, count as one.

    Args:
        inputs: Files, folders and patterns that are read; what is no file is not looked at.
        out: The output folder.
        made: Names that are made in it.

    Raises:
        UsageError: An input would be lost.
    """
    pieces = [out / name for name in made if os.path.lexists(out / name)]
    for each in inputs:
        given = os.fspath(each)
        if pieces and given != "-" and not is_address(given):
            for piece in pieces:
                if _would_lose(given, piece):
                    raise UsageError(
                        f"{given} would be lost: this run replaces {piece}; "
                        "give another output folder with -o"
                    )


def same_file(first: Path, second: Path) -> bool:
    """Whether two names, links among them, lead to one file."""
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def is_read_from(path: Path, given: str | os.PathLike[str]) -> bool:
    """Whether a file, by whatever name or link, is an input, or a picture of a sequence that is."""
    read = Path(given)
    if read.is_dir():
        return any(same_file(path, each) for each in read.iterdir())
    counter = COUNTER.search(read.name)
    if counter is not None and not os.path.lexists(read):
        ends = re.escape(read.name[: counter.start()]), re.escape(read.name[counter.end() :])
        fits = re.compile(rf"{ends[0]}\d+{ends[1]}")
        return any(
            same_file(path, each) for each in read.parent.glob("*") if fits.fullmatch(each.name)
        )
    return same_file(path, read)


def _would_lose(given: str, piece: Path) -> bool:
    for path in _names_of(given):
        if any(_is_place(each, piece) for each in (path, *path.parents)):
            return True
        if path.is_dir() and is_picture(piece) and same_file(piece.parent, path):
            return True  # a picture of the sequence that is read
    return False


def _names_of(given: str) -> Iterator[Path]:
    """An input as it was named, and where that leads; of a pattern the folder."""
    path = Path(os.path.abspath(given))
    if not os.path.lexists(path) and COUNTER.search(path.name):
        path = path.parent
    yield path
    yield Path(os.path.realpath(path))


def _is_place(path: Path, piece: Path) -> bool:
    """Whether two names are one entry of one folder."""
    if path.name.casefold() != piece.name.casefold() or not same_file(path.parent, piece.parent):
        return False
    return path.name == piece.name or same_file(path, piece)
