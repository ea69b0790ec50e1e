"""The shots of a run and when each object is in them, for programs that edit videos."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePath

from videoseg.formats.frame_numbers import frames_in, number_of, rate_of
from videoseg.formats.timecode import frame_number, timecode_of
from videoseg.protocols import RunReader
from videoseg.system.addresses import is_address, is_stored
from videoseg.types import Scene, StreamInfo

_NUMBERED = re.compile(r"(.*?)([0-9]{1,18})(\.[^.]*)", re.DOTALL)


@dataclass(slots=True)
class Appearance:
    """From when to when an object is in a shot, by numbers of frames from 0, both included."""

    track_id: int
    label: str
    first: int
    last: int


@dataclass(slots=True)
class Shot:
    """A shot of a stream, by numbers of frames from 0, both included.

    Attributes:
        first: Its first frame.
        last: Its last frame.
        objects: Those that appear in it for the first time, in the order in which they do.
    """

    first: int
    last: int
    objects: dict[int, Appearance] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """How many frames it has."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class NumberedPictures:
    """Files in a row, whose names differ by their numbers alone.

    Attributes:
        prefix: What stands before the number.
        digits: Digits of the number, at least.
        suffix: What stands behind it.
    """

    prefix: str
    digits: int
    suffix: str

    @classmethod
    def of(cls, name: str, number: int) -> NumberedPictures | None:
        """The row that the picture with a number is of; None where its name does not say so."""
        found = _NUMBERED.fullmatch(name)
        if found is None or int(found[2]) != number:
            return None
        return cls(found[1], len(found[2]), found[3])

    def name(self, number: int) -> str:
        """The file with a number."""
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"


@dataclass(slots=True)
class StreamShots:
    """The shots of one stream, its frames counted at its nominal rate; nothing lies between them.

    Attributes:
        info: The stream.
        shots: Its shots.
        numbers: The numbers of the frames that the review list names, by index.
        pictures: The files that the frames are of, where these are numbered as the frames are.
    """

    info: StreamInfo
    shots: list[Shot] = field(default_factory=list)
    numbers: dict[int, int] = field(default_factory=dict)
    pictures: NumberedPictures | None = None
    _shot: int = -1
    _known: set[int] = field(default_factory=set)

    @property
    def rate(self) -> Fraction:
        """Frames per second."""
        return rate_of(self.info)

    @property
    def file_name(self) -> str:
        """What programs that edit call the source: ``a.mov``, ``a.[1001-1100].exr``; or the stream.

        The stream's own name stands where it is not that of a file, as with addresses and logs.
        """
        row, info = self.pictures, self.info
        if row is not None:
            last = info.start_number + max(info.frame_count or 0, self.shots[-1].last + 1) - 1
            span = "-".join(f"{number:0{row.digits}d}" for number in (info.start_number, last))
            return f"{row.prefix}[{span}]{row.suffix}"
        location = info.location or ""
        name = PurePath(location).name
        is_file = is_stored(location) or not is_address(location)
        known = PurePath(name).stem == info.stream and is_file
        return name if known else info.stream

    @property
    def start(self) -> int:
        """Frames from timecode 0 to the first frame of the source; 0 without a timecode."""
        timecode = timecode_of(0, self.info.timecode, self.rate)
        return 0 if timecode is None else frame_number(timecode, self.rate)

    def timecode(self, number: int) -> str:
        """The timecode of a frame, with ``;`` where numbers are dropped.

        Where the source has none its first frame has 00:00:00:00.
        """
        start = timecode_of(0, self.info.timecode, self.rate) or "00:00:00:00"
        return (timecode_of(number, start, self.rate) or start).replace(".", ";")

    def add(self, scene: Scene, wanted: frozenset[int]) -> None:
        """Take the next frame; keep the number of those that are wanted."""
        number = number_of(scene, self.info, 0)
        if scene.index in wanted:
            self.numbers[scene.index] = number
        self._note_picture(scene)
        if scene.shot != self._shot:
            self._shot = scene.shot
            self._begin(number)
        shot = self.shots[-1]
        # Two frames may have one number, of which the earlier shot then has it.
        number = max(number, shot.first)
        shot.last = max(shot.last, number + _length(scene, self.info) - 1)
        for tracked in scene.instances:
            if tracked.track_id in shot.objects:
                shot.objects[tracked.track_id].last = number
            elif tracked.track_id not in self._known:
                found = Appearance(tracked.track_id, tracked.label, number, number)
                shot.objects[tracked.track_id] = found
                self._known.add(tracked.track_id)

    def _begin(self, number: int) -> None:
        """Begin a shot; the one before lasts until then, also over frames that the run left out."""
        if self.shots:
            before = self.shots[-1]
            number = max(number, before.first + 1)
            before.last = number - 1
            for found in before.objects.values():
                found.last = min(found.last, before.last)
        self.shots.append(Shot(number, number))

    def _note_picture(self, scene: Scene) -> None:
        name, number = scene.name or "", self.info.start_number + scene.index
        if not self.shots:
            self.pictures = NumberedPictures.of(name, number)
        elif self.pictures is not None and self.pictures.name(number) != name:
            self.pictures = None


def _length(scene: Scene, info: StreamInfo) -> int:
    """How many numbers a frame is shown for, at least one."""
    return max(1, frames_in((scene.duration or 0) * scene.time_base, info))


def shots_of(run: RunReader) -> dict[str, StreamShots]:
    """The shots of each stream, from one pass over a run's Scenes."""
    found = {stream: StreamShots(info) for stream, info in run.streams.items()}
    wanted = {
        stream: frozenset(
            frame
            for item in run.review
            if item.stream == stream
            for frame in (item.frame, item.until)
            if frame is not None
        )
        for stream in run.streams
    }
    for scene in run.scenes():
        found[scene.stream].add(scene, wanted[scene.stream])
    return found
