"""Numbered files, one or several for each frame, on a timeline of constant rate."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.formats.constant_rate import ConstantRate
from videoseg.formats.frame_numbers import FIRST, Numbering, first_number
from videoseg.formats.templates import FIELDS, Shot, Template, Version, shot_name
from videoseg.system.output_files import stream_names, writing
from videoseg.system.workers import Workers, usual_threads
from videoseg.types import Colour, Frame, Prompt, Scene, StreamInfo
from videoseg.writers._mattes.plate import Plate, colour_of, is_deep

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Strip:
    """The files of one stream.

    Attributes:
        info: The stream.
        folder: Where they go.
        template: Their names.
        names: Values for the fields of the template that are the same for all.
        rate: Gives frames their numbers.
        numbers: Those that were written, rising.
        held: The frame that was written last, since later numbers may repeat it.
        deep: Whether pictures of the source are written with 16 bits; None before the first.
    """

    info: StreamInfo
    folder: str
    template: Template
    names: Mapping[str, str | int]
    rate: ConstantRate
    numbers: array[int] = field(default_factory=lambda: array("q"))
    held: tuple[Scene, Frame | None] | None = None
    deep: bool | None = None

    def plate(self, frame: Frame | None) -> Plate:
        """The picture of a frame, of the same depth on all frames."""
        if frame is None:
            raise ValueError("a cut-out needs the frame's image")
        if self.deep is None:
            self.deep = is_deep(self.info, frame)
        return Plate(self.info, frame, deep=self.deep)

    @property
    def colour(self) -> Colour:
        """Primaries and transfer of the pictures."""
        return colour_of(self.info, deep=bool(self.deep))

    def path(self, number: int, **names: str | int) -> str:
        """The file of a frame; that of an object takes its ``object``, ``label`` and ``track``.

        Not a Path: it would keep the name of every file for good (Python 3.12).
        """
        made = self.template.path({**self.names, **names, "frame": number})
        return os.path.join(self.folder, *made.split("/"))


@dataclass
class PictureSequence(ABC):
    """A writer of numbered pictures.

    Frames are numbered on a timeline of the stream's nominal rate. Where they come at uneven times
    a number without a frame repeats the frame before, and the second of two frames with one number
    is left out; a warning at the end says so.
    """

    top: ClassVar[str]
    """The folder of all files."""
    suffix: ClassVar[str]

    template: str = ""
    shot: Shot = ""
    version: Version = 1
    start_frame: Annotated[
        int, Doc("number of the source's first frame, with numbering shot"), Ge(0), Le(10**9)
    ] = FIRST
    numbering: Annotated[
        Numbering, Doc("shot: from start_frame on; source: as the files of the source, else from 0")
    ] = "shot"
    threads: Annotated[
        int, Doc("threads that compress; 0: one for each core, at most 8"), Ge(0), Le(64)
    ] = 0

    needs_image: bool = field(init=False, repr=False, default=False)
    needs_alpha: bool = field(init=False, repr=False, default=True)
    strips: dict[str, Strip] = field(init=False, repr=False, default_factory=dict)
    _workers: Workers | None = field(init=False, repr=False, default=None)

    @abstractmethod
    def make(self, strip: Strip, scene: Scene, frame: Frame | None, numbers: Sequence[int]) -> None:
        """Hand over the work (``do``) for the files of one frame, with all these numbers."""

    @abstractmethod
    def complete(self, strip: Strip) -> None:
        """Hand over what is left to do when all frames of a stream are written."""

    def fields(self) -> tuple[Collection[str], Sequence[Collection[str]]]:
        """The fields that the template may have, and sets of which it must have one each."""
        return [name for name in FIELDS if name not in ("object", "label", "track")], [("frame",)]

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            UsageError: The template cannot be used.
        """
        del streams
        self._template()
        return (self.top,)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders.

        Raises:
            UsageError: The template cannot be used.
            OutputError: A folder cannot be made.
        """
        del prompts
        template = self._template()
        places = file_places(folder / self.top, streams, template, self.shot, self.version)
        for stream, (place, names) in places.items():
            info = streams[stream]
            rate = ConstantRate(info, first_number(info, self.numbering, self.start_frame))
            self.strips[stream] = Strip(info, place, template, names, rate)
        self._workers = Workers(self.threads or usual_threads(), self.top)

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write the files of one frame, and of the numbers before it that have none.

        Raises:
            OutputError: A file cannot be written; that may be one of an earlier frame.
        """
        strip = self.strips[scene.stream]
        numbers = strip.rate.place(scene)
        if not numbers:
            return
        if strip.held is not None and len(numbers) > 1:
            self.make(strip, *strip.held, numbers[:-1])
            strip.numbers.extend(numbers[:-1])
        self.make(strip, scene, frame, numbers[-1:])
        strip.numbers.append(numbers[-1])
        strip.held = (scene, frame)

    def close(self, *, complete: bool) -> None:
        """Write what is left, or drop what waits. A second call does nothing.

        Raises:
            OutputError: A file cannot be written.
        """
        workers, self._workers = self._workers, None
        if workers is None:
            return
        strips = list(self.strips.values())
        try:
            if complete:
                workers.wait()
                self._workers = workers
                for strip in strips:
                    self.complete(strip)
                workers.wait()
        finally:
            self._workers = None
            self.strips.clear()
            workers.close()
        for note in filter(None, (strip.rate.note() for strip in strips if complete)):
            _log.warning("%s", note)

    def do(self, task: partial[None]) -> None:
        """Do a task in one of the threads, or here.

        Raises:
            OutputError: The writer is not open, or a task could not write its file.
        """
        if self._workers is None:
            raise OutputError(f"{self.top} is not open")
        self._workers.submit(task)

    def _template(self) -> Template:
        fields, tells_apart = self.fields()
        return Template.parse(
            self.template, suffix=self.suffix, fields=fields, tells_apart=tells_apart
        )


def file_places(
    folder: Path, streams: Mapping[str, StreamInfo], template: Template, shot: str, version: int
) -> dict[str, tuple[str, dict[str, str | int]]]:
    """For each stream the folder of its files, which is made, and the fields that all have.

    Args:
        folder: Where the files of all streams go.
        streams: The streams; several have a folder each, unless the template tells them apart.
        template: Names of files.
        shot: As the user has written it.
        version: Likewise.

    Raises:
        OutputError: A folder cannot be made.
    """
    found: dict[str, tuple[str, dict[str, str | int]]] = {}
    for stream, name in stream_names(streams).items():
        parted = len(streams) > 1 and "stream" not in template.fields
        place = os.path.join(folder, name if parted else "")
        with writing(place):
            os.makedirs(place, exist_ok=True)
        shown = shot_name(streams[stream], shot)
        found[stream] = place, {"shot": shown, "version": version, "stream": name.lower()}
    return found


def write_file(path: str, data: bytes) -> None:
    """Write a file, and its folder where there is none yet.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path):
        try:
            file = open(path, "wb")  # noqa: SIM115 - only opening may fail for want of a folder
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = open(path, "wb")  # noqa: SIM115
        with file:
            file.write(data)
