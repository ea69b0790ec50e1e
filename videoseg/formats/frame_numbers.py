"""Numbers of frames on a timeline of constant rate, as media programs count them.

A frame's number is the one of its file, and of a key that stands on it. The first frame of the
source has the first number, also under ``--start``: mattes and shapes then lie on the frames of a
plate that is numbered alike. Where frames come at uneven times, a frame has the number that is
nearest to its time; so some numbers may have no frame, and some two.

A frame's timecode is that of its number, in every output and under ``--start``: as many frames
after the timecode of the source as its number is after the first one. So a film, an EXR and an edit
list say the same of one frame.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from videoseg.formats.timecode import timecode_of
from videoseg.types import Scene, StreamInfo

FIRST = 1001
"""The number of a shot's first frame by convention."""
USUAL_RATE = Fraction(25)
"""Frames per second where a source does not say."""
Numbering: TypeAlias = Literal["shot", "source"]
"""``shot``: from a number that is set; ``source``: as the files of the source are, else from 0."""


def first_number(info: StreamInfo, numbering: Numbering, start_frame: int = FIRST) -> int:
    """The number of a stream's first frame."""
    return start_frame if numbering == "shot" else info.start_number


def rate_of(info: StreamInfo) -> Fraction:
    """Frames per second of a stream's timeline."""
    return info.frame_rate or USUAL_RATE


def number_of(scene: Scene, info: StreamInfo, first: int) -> int:
    """A frame's number on the timeline of its stream.

    Args:
        scene: The frame.
        info: Its stream.
        first: The number of the stream's first frame.
    """
    return number_at(scene.index, scene.seconds, info, first)


def number_at(index: int, seconds: Fraction, info: StreamInfo, first: int) -> int:
    """The number of the frame with an index that is shown at a time of its source.

    Args:
        index: The frame, from 0.
        seconds: When it is shown.
        info: Its stream.
        first: The number of the stream's first frame.
    """
    if info.frame_rate is None or info.still:
        return first + index
    passed = (seconds - info.start_pts * info.time_base) * info.frame_rate
    return first + _nearest(passed)


def time_of(number: int, info: StreamInfo) -> Fraction:
    """Seconds at which frames begin to have a number, counted from 0; the rate must be known."""
    if info.frame_rate is None:
        raise ValueError(f"{info.stream} has no frame rate")
    return info.start_pts * info.time_base + (number - Fraction(1, 2)) / info.frame_rate


def frames_in(seconds: Fraction, info: StreamInfo) -> int:
    """How many frames at the stream's rate are nearest to a span of time."""
    return _nearest(seconds * rate_of(info))


def timecode_at(number: int, info: StreamInfo) -> str | None:
    """The timecode of a number, counted from 0; None where the source has none that fits."""
    return timecode_of(number, info.timecode, info.frame_rate)


def _nearest(frames: Fraction) -> int:
    return math.floor(frames + Fraction(1, 2))


@dataclass(slots=True)
class Timeline:
    """The numbers of a stream's frames.

    Attributes:
        info: The stream.
        first: The number of its first frame.
        numbers: Of each frame of the run, by index.
        uneven: Whether frames come at uneven times: a number has no frame of its own, or two.
    """

    info: StreamInfo
    first: int
    numbers: dict[int, int] = field(default_factory=dict)
    uneven: bool = False
    _last: tuple[int, int] | None = None

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return rate_of(self.info)

    @property
    def last(self) -> int:
        """The number of the last frame of the run; of the stream's first where it has none."""
        return self._last[1] if self._last else self.first

    def add(self, scene: Scene) -> int:
        """Take the next frame of the stream; give its number."""
        number = number_of(scene, self.info, self.first)
        if self._last is not None:
            index, before = self._last
            self.uneven |= number - before != scene.index - index
        self._last = scene.index, number
        self.numbers[scene.index] = number
        return number


def timelines(
    scenes: Iterable[Scene], streams: Mapping[str, StreamInfo], numbering: Numbering, first: int
) -> dict[str, Timeline]:
    """The timeline of each stream of a run.

    Args:
        scenes: All of the run, in order.
        streams: Its streams.
        numbering: How frames are numbered.
        first: The first number where they are numbered by shot.
    """
    found = {
        name: Timeline(info, first_number(info, numbering, first)) for name, info in streams.items()
    }
    for scene in scenes:
        found[scene.stream].add(scene)
    return found
