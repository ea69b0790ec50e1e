"""Names of output files, and errors that say which of them could not be written."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Annotated, Literal, TypeAlias

from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.types import Scene, StreamInfo

FRAMES = "frames"
"""Folder of the frames themselves, of which ``masks.json`` speaks, too."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 64
_UNSAFE_IN_FILES = re.compile(r"[^\w.-]+")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)", re.IGNORECASE)
"""What Windows takes for devices."""
_LONGEST_FILE = 200
"""Bytes of UTF-8; file systems take 255."""

Naming: TypeAlias = Annotated[
    Literal["number", "source"],
    Doc("names of files: the frame's number, or the name of the picture that it comes from"),
]


def is_reserved(name: str) -> bool:
    """Whether Windows takes the name of a file, with any ending, for a device."""
    return _RESERVED.match(name) is not None


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn what the file system refuses into an error that names ``path``.

    Raises:
        OutputError: The block raised an ``OSError``.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def unnamed_file(folder: Path) -> IO[bytes]:
    """A file for what has to wait, on the disk of the outputs; it is gone once it is closed.

    The system's own folder for such files is memory on many machines, and memory must not grow with
    the clip.

    Raises:
        OSError: There can be none in this folder.
    """
    return tempfile.TemporaryFile(dir=folder)


def stream_names(streams: Mapping[str, StreamInfo]) -> dict[str, str]:
    """For each stream a name that every file system takes, no two alike even without case.

    A stream's own name may hold anything, slashes too.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for stream in streams:
        plain = _UNSAFE.sub("_", stream).strip("_")[:_LONGEST] or "stream"
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        names[stream] = name
    return names


def frame_folders(streams: Mapping[str, StreamInfo], top: str) -> dict[str, str]:
    """Where each stream's numbered files go: ``top``, or a folder in it if there are several."""
    if len(streams) == 1:
        return dict.fromkeys(streams, top)
    return {stream: f"{top}/{name}" for stream, name in stream_names(streams).items()}


def make_frame_folders(folder: Path, streams: Mapping[str, StreamInfo], top: str) -> dict[str, str]:
    """Make the folders of ``frame_folders`` below ``folder``; give their names, relative to it.

    Raises:
        OutputError: One cannot be made.
    """
    names = frame_folders(streams, top)
    for name in names.values():
        with writing(folder / name):
            (folder / name).mkdir(parents=True, exist_ok=True)
    return names


def frame_name(scene: Scene, info: StreamInfo, suffix: str) -> str:
    """File name of a frame, numbered as the source's own files where these are: ``000012.svg``."""
    return f"{info.start_number + scene.index:06d}{suffix}"


class FrameNames:
    """Names for the files of frames, unique in each stream, also without case.

    Args:
        naming: ``number`` as ``frame_name``; ``source`` takes the name of the picture that a frame
            comes from, where it has one, in characters that every file system takes.
    """

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._taken: dict[str, set[str]] = {}

    def of(self, scene: Scene, info: StreamInfo, suffix: str) -> str:
        """The name for the next frame, with this ending; asked once a frame."""
        if self._naming == "number" or scene.name is None:
            return frame_name(scene, info, suffix)
        plain = _UNSAFE_IN_FILES.sub("_", PurePath(scene.name).stem).strip(".") or "picture"
        if is_reserved(plain):
            plain = f"_{plain}"
        plain = plain.encode("utf-8", "replace")[:_LONGEST_FILE].decode("utf-8", "ignore")
        taken = self._taken.setdefault(scene.stream, set())
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}"
        taken.add(name.lower())
        return f"{name}{suffix}"
