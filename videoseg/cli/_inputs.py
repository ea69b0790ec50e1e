"""What one command line means by its words: which are inputs, which is the phrase, where it goes.

A word is the phrase if it is the last one and names no input. It names one if it looks like a path
(a separator, the ending of a video or picture, a wildcard that fits something), an address, ``-``,
or exists. A bare word that exists is the phrase in ``segment clip.mp4 dog``, where nothing else
could be, and is asked about elsewhere.
"""

from __future__ import annotations

import glob
import os
import re
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import unquote, urlsplit

from videoseg.errors import SourceError, SourceNotFoundError, UsageError
from videoseg.formats.file_names import (
    COUNTER,
    LOGS,
    PICTURES,
    VIDEOS,
    is_log,
    is_picture,
    is_video,
    natural,
)
from videoseg.system.addresses import is_address, is_stored, joined, local_path, stored_parts
from videoseg.system.text_files import decoded, read_text

PIPE = "-"
DEFAULT_OUT = "{stem}.videoseg"
_LONGEST = 255
"""Bytes that a name in a folder may have on the usual file systems."""
_FIELDS = ("stem", "name", "parent", "index", "model")
_FILES_OF = {
    "video": is_video,
    "decord": is_video,
    "mcap": is_log,
    "rosbag": is_log,
}
"""Which files of a folder are inputs of their own, by the setting ``source``."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a command line, told apart.

    Attributes:
        inputs: Inputs as they were written.
        texts: The phrases.
    """

    inputs: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the inputs stand for.

    Attributes:
        locations: One for each run.
        several: Whether a place for several results is meant, however many were found.
    """

    locations: tuple[str, ...]
    several: bool


def tell_apart(
    words: Sequence[str], *, texts: Sequence[str], otherwise_asked: bool, listed: Sequence[str] = ()
) -> Words:
    """Tell inputs from the phrase.

    Args:
        words: The words, in their order.
        texts: The phrases that options give; with any, every word is an input.
        otherwise_asked: Whether other options say what to look for.
        listed: Inputs from a list, which come after the words.

    Raises:
        UsageError: There is no input, or the last word could be either.
    """
    inputs, last = list(words), words[-1] if len(words) > (0 if listed else 1) else None
    if not texts and last is not None and not _looks_like_input(last):
        exists = os.path.lexists(last)
        if exists and (otherwise_asked or len(words) != 2 or listed):
            raise UsageError(
                f"{last!r} exists here and could be the phrase too; write --text {last!r} to look "
                f"for it, or {os.path.join(os.curdir, last)!r} as an input"
            )
        texts = (inputs.pop(),)
    inputs += listed
    if not inputs:
        raise UsageError("no input given; give a video, a photo, a folder or a pattern")
    return Words(tuple(inputs), tuple(texts))


def expand(inputs: Sequence[str], source: str) -> Inputs:
    """Find what folders and wildcards stand for.

    A folder of videos or logs stands for each of them, in natural order and without folders in it;
    a folder of pictures is one sequence. A wildcard stands for the media that fit it.

    Args:
        inputs: As they were written.
        source: The setting ``run.source``.

    Raises:
        SourceNotFoundError: Something does not exist; names all that do not.
        SourceError: A folder cannot be read.
        UsageError: A folder holds videos or logs, and pictures.
    """
    found: list[str] = []
    missing: list[str] = []
    several = len(inputs) > 1
    for given in map(local_path, inputs):
        if is_stored(given):
            inside = _in_storage(given)
            several |= inside != [given]
        elif os.path.isdir(given):
            inside = _in_folder(given, source)
            several |= inside != [given]
        elif _is_one(given):
            inside = [given]
        elif glob.has_magic(given):
            several, inside = True, list(_fitting(given, source))
        else:
            inside = []
        if not inside:
            missing.append(given)
        found += inside
    if missing:
        raise SourceNotFoundError(_not_there(missing))
    return Inputs(tuple(dict.fromkeys(found)), several)


def read_list(path: Path) -> tuple[str, ...]:
    """Inputs from a file, one a line; ``-`` reads standard input.

    Raises:
        UsageError: The file cannot be read or names nothing.
    """
    if str(path) == PIPE:
        text = decoded(_standard_input(), "standard input", UsageError, names=True)
    else:
        text = read_text(path, "inputs", UsageError, names=True)
    named = tuple(line for line in text.split("\n") if line.strip())
    if not named:
        raise UsageError(f"{path} contains no inputs; write one per line")
    return named


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read() if sys.stdin is not None else b""
    except OSError as error:
        raise UsageError(f"cannot read inputs from standard input: {error.strerror}") from error


def output_folders(inputs: Inputs, template: str | None, model: str) -> tuple[Path | str, ...]:
    """Where each input's results go: a folder, or an address in object storage.

    A template may hold ``{stem}`` (file name without its ending), ``{name}`` (with it),
    ``{parent}`` (the folder that holds it), ``{index}`` (from 1; ``{index:03d}``) and ``{model}``.
    One without fields is the folder itself for one input, and for several what holds theirs.

    Raises:
        UsageError: A field does not exist, or two inputs would write to the same folder.
    """
    default = template is None
    template = DEFAULT_OUT if template is None else local_path(template)
    if not template:
        raise UsageError("-o: the name of the folder is empty; write . for the working folder")
    stored = is_stored(template)
    if is_address(template) and not stored:
        raise UsageError(
            f"-o {template}: is an address; give a folder on this machine, or object storage (s3://)"
        )
    if inputs.several and not any(_fields(template)):
        template = joined(template, "{stem}") if stored else os.path.join(template, "{stem}")
    folders: dict[str, str] = {}
    made: list[Path | str] = []
    for index, location in enumerate(inputs.locations, 1):
        folder = _filled(template, location, index, model)
        folder = fitting_name(folder, DEFAULT_OUT) if default else folder
        key = folder if stored else os.path.abspath(folder).casefold()
        if key in folders:
            raise UsageError(
                f"{folders[key]} and {location} would both write to {folder}; tell them apart with "
                'fields, such as -o "out/{parent}-{stem}" or -o "out/{index:03d}-{stem}"'
            )
        folders[key] = location
        made.append(folder if stored else Path(folder))
    return tuple(made)


def fitting_name(name: str, template: str) -> str:
    """A name made by ``{stem}`` and an ending, its stem cut where file systems take no more."""
    ending = template.removeprefix("{stem}")
    most = _LONGEST - len(os.fsencode(ending))
    stem = os.fsencode(name.removesuffix(ending))
    if len(stem) <= most:
        return name
    return f"{stem[:most].decode('utf-8', 'ignore')}{ending}"


def stem_of(location: str) -> str:
    """The name of an input without its ending; of a folder, all of it."""
    path = _path_of(location)
    return path.name if os.path.isdir(location) else path.stem


def _looks_like_input(word: str) -> bool:
    """Whether a word can only be an input, there or not."""
    return (
        _is_address(word)
        or os.sep in word
        or "/" in word
        or Path(word).suffix.lower() in PICTURES | VIDEOS | LOGS
        or (glob.has_magic(word) and not os.path.lexists(word) and any(glob.iglob(word)))
    )


def _is_one(given: str) -> bool:
    """Whether this stands for one input, which its source will find or not."""
    return (
        _is_address(given)
        or os.path.lexists(given)
        or (COUNTER.search(Path(given).name) is not None and not glob.has_magic(given))
    )


def _is_address(word: str) -> bool:
    return word == PIPE or is_address(word)


def _in_folder(folder: str, source: str) -> list[str]:
    """The folder itself, or the videos and logs in it."""
    from videoseg.config.run_settings import AUTO

    fits = _is_video_or_log if source == AUTO else _FILES_OF.get(source)
    if fits is None or (source in (AUTO, "rosbag") and _has_own_source(folder)):
        return [folder]
    inside = _listing(folder)
    files = sorted(filter(fits, inside), key=lambda path: natural(path.name))
    pictures = sum(map(is_picture, inside))
    if files and pictures:
        kind = "logs" if all(map(is_log, files)) else "videos"
        raise UsageError(
            f"{folder} holds {len(files)} {kind} and {pictures} pictures; give "
            f"{os.path.join(folder, '*' + files[0].suffix)!r} for the {kind}, or "
            "--set run.source=images for the pictures as one sequence"
        )
    return [str(path) for path in files] or [folder]


def _in_storage(given: str) -> list[str]:
    """What fits a wildcard, or the videos below an address that ends in ``/``; else the object."""
    from videoseg.system.object_store import Stored

    if glob.has_magic(given):
        ending = Path(given).suffix
        fits = is_video if not ending or glob.has_magic(ending) else None
        return [each for each in Stored(given).fitting() if fits is None or fits(Path(each))]
    if not given.endswith("/"):
        return [given]
    names = sorted(Stored(given).names(), key=natural)
    return [joined(given, name) for name in names if "/" not in name and is_video(Path(name))]


def _listing(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read ({error.strerror})") from error


def _has_own_source(folder: str) -> bool:
    """Whether a kind of source beside those of this package fits a folder like this one best."""
    from videoseg import registry

    return registry.source_for(folder) not in ("images", "video")


def _fitting(pattern: str, source: str) -> Iterator[str]:
    """The inputs that fit a wildcard: whatever has the pattern's own ending, or else media."""
    from videoseg.formats.robotics.recordings import is_recording

    ending = Path(pattern).suffix
    for found in sorted(glob.iglob(pattern, recursive=True), key=natural):
        path = Path(found)
        if path.is_dir():
            inside = _listing(found)
            is_input = any(map(_is_medium, inside)) or is_recording(found)
            if is_input and not (path / "run.json").exists():
                yield from _in_folder(found, source)
        elif _is_medium(path) or (ending and not glob.has_magic(ending)):
            yield found


def _is_medium(path: Path) -> bool:
    return _is_video_or_log(path) or is_picture(path)


def _is_video_or_log(path: Path) -> bool:
    return is_video(path) or is_log(path)


def _not_there(missing: Sequence[str]) -> str:
    words = ", ".join(missing)
    if any(glob.has_magic(each) for each in missing):
        return f"{words}: no such file, folder, or file that fits; check the path"
    if any(re.search(r"\s", each) for each in missing):
        return (
            f"{words}: no such file or folder; check the path, or use --text for a phrase (without "
            "it only the last word is one)"
        )
    return f"{words}: no such file or folder; check the path"


def _fields(template: str) -> Iterator[tuple[str, str]]:
    """Name and format of each field of a template.

    Raises:
        UsageError: It is malformed, or a field does not exist.
    """
    try:
        pieces: Iterable[tuple[str, str | None, str | None, str | None]]
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"-o {template}: {error}; write {{{{ for a brace") from error
    for _, name, form, conversion in pieces:
        if name is None:
            continue
        if name not in _FIELDS or conversion or (form and name != "index"):
            raise UsageError(
                f"-o {template}: no field {{{name}}} here; there are "
                f"{', '.join(f'{{{each}}}' for each in _FIELDS)}; write {{{{ for a brace"
            )
        yield name, form or ""


def _filled(template: str, location: str, index: int, model: str) -> str:
    path = _path_of(location)
    values: dict[str, object] = {
        "stem": stem_of(location),
        "name": path.name,
        "parent": path.parent.name or "root",
        "index": index,
        "model": model,
    }
    list(_fields(template))
    try:
        return template.format(**values)
    except ValueError as error:
        raise UsageError(f"-o {template}: {error}") from error


def _path_of(location: str) -> PurePath:
    """A path with a name and no dots: of an address its path, without what may be secret."""
    if location == PIPE:
        return Path.cwd() / "stdin"
    if not is_address(location):
        return Path(os.path.abspath(location))
    if is_stored(location):
        path, host = stored_parts(location)[1], None
    else:
        parts = urlsplit(location)
        path, host = unquote(parts.path), parts.hostname
    named = [part for part in path.split("/") if part.strip(".")]
    return PurePosixPath("/", *(named or [host or "address"]))
