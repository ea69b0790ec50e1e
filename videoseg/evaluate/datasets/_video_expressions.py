"""What sets of videos with expressions share: ``meta_expressions.json`` and pictures by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.evaluate.readers import field, read_image, read_json, shown
from videoseg.types import RgbImage


@dataclass(frozen=True, slots=True)
class Expression:
    """What somebody said about a video.

    Attributes:
        key: Unique in its video.
        text: The words.
        entry: All that the file says of it.
        where: Its place in the file, for messages.
    """

    key: str
    text: str
    entry: Mapping[str, Any]
    where: str


@dataclass(frozen=True, slots=True)
class Described:
    """A video with its expressions.

    Attributes:
        name: Its folder of pictures.
        frames: Names of its frames without ending, in order.
        expressions: In the order of the file.
    """

    name: str
    frames: Sequence[str]
    expressions: Sequence[Expression]


def described_videos(file: Path) -> Iterator[Described]:
    """The videos of a ``meta_expressions.json``, in its order.

    Raises:
        SourceError: It cannot be read or is not of that form.
    """
    videos = field(read_json(file), "videos", dict, str(file))
    for name, entry in videos.items():
        where = f"{file}: videos.{name}"
        if Path(name).name != name:
            raise SourceError(f"{where}: is no name of a folder")
        frames = field(entry, "frames", list, where)
        for frame in frames:
            if not isinstance(frame, str) or Path(frame).name != frame:
                raise SourceError(f"{where}.frames: must be names of frames, got {shown(frame)}")
        said = field(entry, "expressions", dict, where)
        yield Described(
            name,
            sorted(frames),
            [_expression(key, one, f"{where}.expressions.{key}") for key, one in said.items()],
        )


def picture_loaders(folder: Path, frames: Sequence[str]) -> list[Callable[[], RgbImage]]:
    """Loaders of the pictures ``folder/FRAME.jpg``.

    Raises:
        SourceError: There is no such folder, or no frame.
    """
    if not folder.is_dir():
        raise SourceNotFoundError(f"{folder}: there is no folder of frames")
    if not frames:
        raise SourceError(f"{folder}: no frame is named")
    return [functools.partial(read_image, folder / f"{frame}.jpg") for frame in frames]


def _expression(key: str, entry: object, where: str) -> Expression:
    text = " ".join(field(entry, "exp", str, where).split())
    if not text:
        raise SourceError(f"{where}.exp: must be words")
    return Expression(key, text, entry if isinstance(entry, dict) else {}, where)
