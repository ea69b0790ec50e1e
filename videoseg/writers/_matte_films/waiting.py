"""Pictures that wait for an encoder, kept in a file until one is free."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from videoseg.system.output_files import unnamed_file, writing
from videoseg.writers._matte_films.pictures import Pictures
from videoseg.writers._video.planes import AnyPlane, planes_of

if TYPE_CHECKING:
    from av import VideoFrame

_HEAD = struct.Struct("<5I")
"""Of a plane: from row, to row, from column, to column, bytes that follow."""
_LEVEL = 1
"""Of zlib: most of a picture is even, and what is not does not get much smaller."""


@dataclass(slots=True)
class _Kept:
    """Where an object's pictures are.

    Attributes:
        label: Of the object.
        places: Which picture of the film each is, rising.
        offsets: Where each begins in the file.
    """

    label: str
    places: array[int] = field(default_factory=lambda: array("q"))
    offsets: array[int] = field(default_factory=lambda: array("q"))


class WaitingPictures:
    """Pictures of many objects; of each only the part that is not as where no object is.

    In memory are 16 bytes a picture; the file has no name, and is gone with the process.

    Args:
        folder: On which disk the file is.
        pictures: What makes them.
    """

    def __init__(self, folder: Path, pictures: Pictures) -> None:
        self._folder = folder
        self._pictures = pictures
        self._kept: dict[int, _Kept] = {}
        with writing(folder):
            self._file = unnamed_file(folder)

    def __contains__(self, track_id: int) -> bool:
        return track_id in self._kept

    def labels(self) -> dict[int, str]:
        """The objects that wait, by track id."""
        return {track_id: kept.label for track_id, kept in self._kept.items()}

    def begin(self, track_id: int, label: str) -> None:
        """Take an object."""
        self._kept[track_id] = _Kept(label)

    def add(self, track_id: int, place: int, picture: VideoFrame) -> None:
        """Keep a picture of an object.

        Raises:
            OutputError: The disk is full.
        """
        kept = self._kept[track_id]
        kept.places.append(place)
        with writing(self._folder):
            kept.offsets.append(self._file.seek(0, 2))
            for plane, empty in _pairs(picture, self._pictures.empty()):
                self._file.write(_packed(plane, empty))

    def of(self, track_id: int) -> Iterator[tuple[int, VideoFrame]]:
        """Each picture of an object, with its place in the film; then it no longer waits.

        Raises:
            OutputError: The disk is broken.
        """
        kept = self._kept.pop(track_id)
        for place, offset in zip(kept.places, kept.offsets, strict=True):
            picture = self._pictures.new()
            with writing(self._folder):
                self._file.seek(offset)
                for plane in planes_of(picture):
                    _unpack(self._file, plane)
            yield place, picture

    def close(self) -> None:
        """Forget all."""
        self._kept.clear()
        # On a full disk what is still in memory cannot be written, and nobody wants it any more.
        with suppress(OSError):
            self._file.close()


def _pairs(one: VideoFrame, other: VideoFrame) -> Iterator[tuple[AnyPlane, AnyPlane]]:
    return zip(planes_of(one), planes_of(other), strict=True)


def _packed(plane: AnyPlane, empty: AnyPlane) -> bytes:
    differs = plane != empty
    rows, columns = (np.flatnonzero(differs.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return _HEAD.pack(0, 0, 0, 0, 0)
    box = (int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)
    data = zlib.compress(plane[box[0] : box[1], box[2] : box[3]].tobytes(), _LEVEL)
    return _HEAD.pack(*box, len(data)) + data


def _unpack(file: IO[bytes], plane: AnyPlane) -> None:
    top, bottom, left, right, size = _HEAD.unpack(file.read(_HEAD.size))
    if size:
        values = np.frombuffer(zlib.decompress(file.read(size)), plane.dtype)
        plane[top:bottom, left:right] = values.reshape(bottom - top, right - left)
