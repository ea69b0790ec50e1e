"""Pictures with one file for each object, or one for all of them, without holes in time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.formats.templates import FIELDS, object_name, safe_name
from videoseg.geometry.alphas import alpha_of, united
from videoseg.types import Alpha, Frame, Prompt, Scene, StreamInfo
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import PictureSequence, Strip, write_file

Matte: TypeAlias = npt.NDArray[np.uint16]
"""uint16 (H, W): coverage of the whole frame."""
Objects: TypeAlias = Annotated[
    Literal["each", "all"], Doc("one file for each object, or one for all of them together")
]
ALL_NAMES: Mapping[str, str | int] = {"object": "all", "label": "all", "track": 0}
"""What an object is called in names of files that show all of them."""


@dataclass(slots=True)
class _Seen:
    """An object that has appeared.

    Attributes:
        names: What it is called in names of files.
        before: How many numbers of the stream were written before it appeared.
    """

    names: Mapping[str, str | int]
    before: int


@dataclass
class ObjectFiles(PictureSequence):
    """Files of objects; each object that appears has one for every number from first to last."""

    objects: Objects = "each"
    _seen: dict[str, dict[int, _Seen]] = field(init=False, repr=False, default_factory=dict)

    @abstractmethod
    def picture(self, strip: Strip, matte: Matte, plate: Plate | None) -> bytes:
        """The file of a matte on a frame; called in any thread."""

    @abstractmethod
    def nothing(self, strip: Strip) -> bytes:
        """The file of an object that is not there."""

    def plate(self, strip: Strip, frame: Frame | None) -> Plate | None:
        """The picture of a frame, where files show it; all files of the frame share it."""
        del strip, frame
        return None

    def fields(self) -> tuple[Collection[str], Sequence[Collection[str]]]:
        """All fields; each object's files must have names of their own."""
        apart = [("frame",), ("object", "track")] if self.objects == "each" else [("frame",)]
        return list(FIELDS), apart

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders.

        Raises:
            UsageError: The template cannot be used.
            OutputError: A folder cannot be made.
        """
        self._seen.clear()
        super().open(folder, streams, prompts)

    def make(self, strip: Strip, scene: Scene, frame: Frame | None, numbers: Sequence[int]) -> None:
        """Write a file for each object that has appeared so far, or one for all."""
        plate = self.plate(strip, frame)
        if self.objects == "all":
            alphas = tuple(alpha_of(tracked) for tracked in scene.instances)
            paths = [strip.path(number, **ALL_NAMES) for number in numbers]
            self.do(partial(self._write, strip, alphas, plate, paths))
            return
        seen = self._seen.setdefault(scene.stream, {})
        here = {tracked.track_id: tracked for tracked in scene.instances}
        for track_id, tracked in here.items():
            if track_id not in seen:
                names = object_names(tracked.label, track_id)
                seen[track_id] = _Seen(names, len(strip.numbers))
        for track_id, one in seen.items():
            paths = [strip.path(number, **one.names) for number in numbers]
            if track_id in here:
                alpha = alpha_of(here[track_id])
                self.do(partial(self._write, strip, [alpha], plate, paths))
            else:
                self.do(partial(self._write_nothing, strip, paths))

    def complete(self, strip: Strip) -> None:
        """Fill in the numbers before each object appeared."""
        for one in self._seen.pop(strip.info.stream, {}).values():
            for number in strip.numbers[: one.before]:
                path = strip.path(number, **one.names)
                self.do(partial(self._write_nothing, strip, [path]))

    def _write(
        self,
        strip: Strip,
        alphas: Sequence[Alpha],
        plate: Plate | None,
        paths: Sequence[str],
    ) -> None:
        matte = united(alphas, strip.info.width, strip.info.height)
        _write_same(paths, self.picture(strip, matte, plate))

    def _write_nothing(self, strip: Strip, paths: Sequence[str]) -> None:
        _write_same(paths, self.nothing(strip))


def object_names(label: str, track_id: int) -> dict[str, str | int]:
    """What an object is called in names of its files."""
    return {
        "object": object_name(label, track_id),
        "label": safe_name(label, other="object"),
        "track": track_id,
    }


def _write_same(paths: Sequence[str], data: bytes) -> None:
    for path in paths:
        write_file(path, data)
