"""EXR files that have the same channels on all frames, though objects appear one after another.

Programs take the layers of a sequence from one of its files, often the first. So where an object
appears late, the files before it are written again at the end, with empty channels for it.
"""

from __future__ import annotations

import os
import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from videoseg.formats.exr import (
    Channel,
    Compression,
    openexr,
    read_channels,
    stream_attributes,
    timecode_attributes,
    write_exr,
)
from videoseg.formats.frame_numbers import timecode_at
from videoseg.formats.templates import object_name
from videoseg.system.output_files import writing
from videoseg.system.workers import usual_threads
from videoseg.types import Frame, Prompt, Scene, StreamInfo
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import PictureSequence, Strip

MOST_HELD = 2**30
"""Bytes of channels that threads may hold at once; else one file at a time is written."""
_USUAL_CHANNELS = 8
"""Two layers of R, G, B and A."""


@dataclass(frozen=True, slots=True)
class Named:
    """An object: its name, unique in the run, and its label as the user wrote it."""

    name: str
    label: str


Objects = Mapping[int, Named]
"""The objects that have appeared so far, by track id."""


@dataclass(slots=True)
class _Layout:
    """What the files of one stream hold.

    Attributes:
        objects: Those that have appeared.
        channels: Names of all channels.
        of: For each number how many objects were known and channels written.
    """

    objects: dict[int, Named] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)
    of: dict[int, tuple[int, int]] = field(default_factory=dict)


@dataclass
class LayeredExr(PictureSequence):
    """One EXR for each frame."""

    suffix: ClassVar[str] = ".exr"
    sample: ClassVar[type[np.floating[Any]]]
    """The type of all samples."""

    _layouts: dict[str, _Layout] = field(init=False, repr=False, default_factory=dict)
    _lock: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)

    @property
    @abstractmethod
    def way(self) -> Compression:
        """How to compress."""

    @abstractmethod
    def channels(
        self, strip: Strip, scene: Scene, objects: Objects, plate: Plate | None
    ) -> dict[str, Channel]:
        """The channels of one frame; called in any thread."""

    def channel_count(self, scene: Scene) -> int:
        """About how many channels of a frame are in memory while it is written."""
        del scene
        return _USUAL_CHANNELS

    @abstractmethod
    def about(self, objects: Objects) -> dict[str, str]:
        """Attributes that say which objects there are."""

    def plate(self, strip: Strip, frame: Frame | None) -> Plate | None:
        """The picture of a frame, where files show it."""
        del strip, frame
        return None

    def colours(self, strip: Strip) -> dict[str, Any]:
        """Attributes that say which colours the picture has, where files show it."""
        del strip
        return {}

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            UsageError: The template cannot be used.
            MissingDependencyError: A package is missing.
        """
        openexr()
        return super().produces(streams)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders.

        Raises:
            UsageError: The template cannot be used.
            OutputError: A folder cannot be made.
        """
        self._layouts = {stream: _Layout() for stream in streams}
        super().open(folder, streams, prompts)

    def make(self, strip: Strip, scene: Scene, frame: Frame | None, numbers: Sequence[int]) -> None:
        """Write the files of one frame."""
        known = self._layouts[scene.stream].objects
        for tracked in scene.instances:
            if tracked.track_id not in known:
                name = object_name(tracked.label, tracked.track_id)
                known[tracked.track_id] = Named(name, tracked.label)
        plate = self.plate(strip, frame)
        task = partial(self._write, strip, scene, dict(known), plate, numbers)
        self._do_as_memory_allows(task, strip, self.channel_count(scene))

    def complete(self, strip: Strip) -> None:
        """Give all files the channels of the last one."""
        layout = self._layouts[strip.info.stream]
        wanted = (len(layout.objects), len(layout.channels))
        for number, found in sorted(layout.of.items()):
            if found != wanted:
                task = partial(self._write_again, strip, layout, number)
                self._do_as_memory_allows(task, strip, len(layout.channels))

    def _do_as_memory_allows(self, task: partial[None], strip: Strip, channels: int) -> None:
        """Hand over a task; with hundreds of objects one for each thread would not fit."""
        size = channels * strip.info.width * strip.info.height * np.dtype(self.sample).itemsize
        if size * (self.threads or usual_threads()) <= MOST_HELD:
            self.do(task)
        else:
            task()

    def _write(
        self,
        strip: Strip,
        scene: Scene,
        objects: Objects,
        plate: Plate | None,
        numbers: Sequence[int],
    ) -> None:
        channels = self.channels(strip, scene, objects, plate)
        layout = self._layouts[scene.stream]
        with self._lock:
            layout.channels.update(channels)
            layout.of.update(dict.fromkeys(numbers, (len(objects), len(channels))))
        for number in numbers:
            self._put(strip, number, channels, objects)

    def _write_again(self, strip: Strip, layout: _Layout, number: int) -> None:
        found = read_channels(strip.path(number))
        empty = np.zeros((strip.info.height, strip.info.width), self.sample)
        channels = {name: found.get(name, empty) for name in sorted(layout.channels)}
        self._put(strip, number, channels, layout.objects)

    def _put(
        self, strip: Strip, number: int, channels: Mapping[str, Channel], objects: Objects
    ) -> None:
        info, path = strip.info, strip.path(number)
        timecode = timecode_at(number - strip.rate.first, info)
        attributes = {
            **stream_attributes(info),
            **timecode_attributes(timecode, info.frame_rate),
            **self.colours(strip),
            **self.about(objects),
        }
        with writing(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        write_exr(path, channels, attributes, self.way)
