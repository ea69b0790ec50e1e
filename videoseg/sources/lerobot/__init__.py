"""Data sets of LeRobot in a folder: every camera of every episode is a stream."""

from __future__ import annotations

import bisect
import math
import weakref
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, TypeAlias

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.formats.images.colour import Background
from videoseg.formats.images.picture import decoded, rgb8
from videoseg.formats.lerobot import TIME_BASE, DataSet, Stream, is_lerobot
from videoseg.sources._av.decoding import OnBadFrame, OnTruncation
from videoseg.sources.lerobot.losses import Losses
from videoseg.sources.lerobot.reel import EXACT, Reel
from videoseg.sources.lerobot.selection import chosen_cameras, chosen_episodes
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, RgbImage, StreamInfo

Reels: TypeAlias = dict[str, Reel]
"""Videos that are open, by camera."""
Picture: TypeAlias = tuple[RgbImage, object]
"""An upright picture, and the decoder's own frame or None."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of an episode that is shown.

    Attributes:
        number: Which, from 0.
        pts: Its time in units of ``TIME_BASE``.
        duration: How long it is shown, likewise.
    """

    number: int
    pts: int
    duration: int


@dataclass
class LeRobotSource:
    """Frames of data sets of LeRobot, v3.0 and v2.1, in a folder.

    The streams are ``ep000003.observation.images.top``, episode by episode; each is read to its end
    before the next begins. A frame is a row of the data set: ``Frame.index`` is its number in the
    episode, and its time is the row's timestamp, to 1 / 90,000 s. Pictures that are kept in rows
    are read as they are. Of a video, which several episodes may share, the frame is taken whose own
    time is nearest, at most half a frame away; a row without one is left out and counted.

    Attributes:
        notes: Lines for people about what was found; grows while frames are read.
        beside: The files of the data set that are read.
        dropped: Rows that the latest reading left out.
        repeated: Damaged frames of videos that it replaced by the one before.
    """

    cameras: Annotated[
        str, Doc("cameras to read: names or wildcards, separated by commas; top, wrist*")
    ] = "*"
    episodes: Annotated[str, Doc("episodes to read: numbers and ranges as 0-3,7; empty = all")] = ""
    on_bad_frame: Annotated[
        OnBadFrame, Doc("damaged frame of a video: fail, skip it, or repeat the one before it")
    ] = "skip"
    on_truncation: Annotated[
        OnTruncation, Doc("video that breaks off: fail, or accept what is there")
    ] = "fail"
    background: Background = "#000000"
    every: Annotated[int, Ge(1), Doc("yield every n-th frame only, from the first on")] = 1
    beside: tuple[Path, ...] = field(init=False, repr=False, default=())
    _data: DataSet | None = field(init=False, repr=False, default=None)
    _streams: Mapping[str, Stream] = field(init=False, repr=False, default_factory=dict)
    _infos: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _found: tuple[str, ...] = field(init=False, repr=False, default=())
    _losses: Losses = field(init=False, repr=False, default_factory=Losses)
    _running: weakref.WeakSet[Generator[Frame]] = field(
        init=False, repr=False, default_factory=weakref.WeakSet
    )

    @classmethod
    def accepts(cls, location: str) -> float:
        """How well it fits: perfectly for a folder that says it is such a data set."""
        return 1.0 if is_lerobot(Path(location)) else 0.0

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about this input; see the class."""
        return (*self._found, *self._losses.notes())

    @property
    def dropped(self) -> int:
        """Rows that the latest reading left out."""
        return self._losses.dropped

    @property
    def repeated(self) -> int:
        """Damaged frames that the latest reading replaced by the one before them."""
        return self._losses.repeated

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Read what the data set says of itself, and one picture of each camera.

        Raises:
            SourceNotFoundError: There is no such folder.
            MissingDependencyError: pyarrow is not installed.
            ConfigError: The episodes to read are given as no numbers.
            SourceError: It is no data set that can be read, or what was asked for is not in it.
        """
        self.close()
        data = DataSet.at(Path(location))
        if not data.info.cameras:
            raise SourceError(f"{location}: the data set has no camera")
        cameras = chosen_cameras(data.info.cameras, self.cameras)
        episodes = chosen_episodes(data.episodes, self.episodes)
        streams = list(data.streams(cameras, [each for each in episodes if each.length]))
        there = [each for each in streams if data.file_of(each).is_file()]
        if not there:
            first = f"; {data.file_of(streams[0])} is missing" if streams else ""
            raise SourceError(f"{location}: there is nothing to read of these episodes{first}")
        self._found = tuple(_about_missing(data, streams, there))
        self._data, self._streams = data, {each.name: each for each in there}
        self._infos = self._described(data, there)
        self.beside = tuple(dict.fromkeys(data.files_of(there)))
        return dict(self._infos)

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield every n-th of the rows ``start <= index < stop`` of each stream, one by one.

        Raises:
            SourceError: Nothing is open, or a file cannot be read.
        """
        if self._data is None:
            raise SourceError("no data set is open; call open() with a folder first")
        self._losses = Losses()
        frames = self._frames(self._data, self._losses, start, stop)
        self._running.add(frames)
        return frames

    def index_at(self, seconds: Fraction) -> int:
        """Index of the first row of the first stream at this time or later; its length if none is.

        Raises:
            SourceError: Nothing is open, or the rows cannot be read.
        """
        if self._data is None:
            raise SourceError("no data set is open; call open() with a folder first")
        rows = _rows(self._data, next(iter(self._streams.values())), Losses())
        place = bisect.bisect_left(rows, math.ceil(seconds / TIME_BASE), key=lambda row: row.pts)
        if place < len(rows):
            return rows[place].number
        return rows[-1].number + 1 if rows else 0

    def close(self) -> None:
        """End every iteration that still runs. A second call does nothing."""
        for frames in tuple(self._running):
            frames.close()
        self._running.clear()
        self._data, self._streams, self._infos = None, {}, {}
        self._found, self._losses = (), Losses()

    def _described(self, data: DataSet, streams: Sequence[Stream]) -> Mapping[str, StreamInfo]:
        """Each stream, as the first of its camera is."""
        first: dict[str, StreamInfo] = {}
        for each in streams:
            if each.camera not in first:
                first[each.camera] = self._info_of(data, each)
        return {
            each.name: replace(
                first[each.camera],
                stream=each.name,
                time_base=TIME_BASE,
                frame_rate=data.info.fps,
                frame_count=each.episode.length,
                start_pts=0,
                has_audio=False,
                location=str(data.folder),
            )
            for each in streams
        }

    def _info_of(self, data: DataSet, stream: Stream) -> StreamInfo:
        if data.info.is_video(stream.camera):
            reel = self._reel(data.file_of(stream))
            reel.close()
            return reel.info
        for _, content in data.pictures(stream, range(stream.episode.length)):
            if content is not None:
                height, width = self._picture(content, data, stream).shape[:2]
                return StreamInfo(stream.name, width, height, TIME_BASE)
        raise SourceError(f"{data.file_of(stream)}: {stream.name} holds no picture")

    def _reel(self, path: Path) -> Reel:
        policy = {"on_bad_frame": self.on_bad_frame, "on_truncation": self.on_truncation}
        return Reel(path, VideoSource(background=self.background, **policy))  # type: ignore[arg-type]

    def _picture(self, content: bytes, data: DataSet, stream: Stream) -> RgbImage:
        path = data.file_of(stream) / stream.name
        return rgb8(decoded(np.frombuffer(content, np.uint8), path), self.background)

    def _frames(
        self, data: DataSet, losses: Losses, start: int, stop: int | None
    ) -> Generator[Frame]:
        reels: Reels = {}
        try:
            for name, stream in self._streams.items():
                info = self._infos[name]
                rows = [
                    row
                    for row in _rows(data, stream, losses)
                    if row.number >= start
                    and (stop is None or row.number < stop)
                    and (row.number - start) % self.every == 0
                ]
                if data.info.is_video(stream.camera):
                    shown = self._of_video(data, stream, rows, reels, losses)
                else:
                    shown = self._of_rows(data, stream, rows, losses)
                for row, (image, native) in shown:
                    _check_size(image, info)
                    yield Frame(name, row.number, row.pts, TIME_BASE, image, row.duration, native)
        finally:
            for reel in reels.values():
                reel.close()

    def _of_rows(
        self, data: DataSet, stream: Stream, rows: Sequence[Row], losses: Losses
    ) -> Iterator[tuple[Row, Picture]]:
        """Pictures that are kept in rows."""
        by_number = {row.number: row for row in rows}
        for number, content in data.pictures(stream, list(by_number)):
            if content is None:
                losses.without_picture += 1
            else:
                yield by_number[number], (self._picture(content, data, stream), None)

    def _of_video(
        self,
        data: DataSet,
        stream: Stream,
        rows: Sequence[Row],
        reels: Reels,
        losses: Losses,
    ) -> Iterator[tuple[Row, Picture]]:
        """Frames of a video that are nearest to rows."""
        if not rows:
            return
        path, begin = data.file_of(stream), stream.episode.clips[stream.camera].begin
        reel = reels.get(stream.camera)
        if reel is None or reel.path != path:
            if reel is not None:
                reel.close()
            reel = reels[stream.camera] = self._reel(path)
        half = float(1 / data.info.fps) / 2
        reel.go_to(begin + float(rows[0].pts * TIME_BASE))
        already = reel.video.repeated
        for row in rows:
            time = begin + float(row.pts * TIME_BASE)
            frame = reel.nearest(time)
            away = half if frame is None else abs(float(frame.seconds) - time)
            if frame is None or away >= half:
                losses.without_picture += 1
                continue
            if away > EXACT:
                losses.inexact(away)
            yield row, (frame.image, frame.native)
        losses.repeated += reel.video.repeated - already


PARTS = {"lerobot": LeRobotSource}


def _about_missing(
    data: DataSet, streams: Sequence[Stream], there: Sequence[Stream]
) -> Iterator[str]:
    """What people should know about videos that are not there."""
    if len(there) < len(streams):
        known = {each.name for each in there}
        first = next(each for each in streams if each.name not in known)
        yield (
            f"{len(streams) - len(there)} of {len(streams)} streams are left out, because their "
            f"file is missing; the first is {data.file_of(first)}"
        )


def _rows(data: DataSet, stream: Stream, losses: Losses) -> Sequence[Row]:
    """The rows of an episode whose times rise."""
    times = data.times(stream.episode)
    losses.missing += max(0, stream.episode.length - len(times))
    step = max(1, round(1 / (data.info.fps * TIME_BASE)))
    pts = np.rint(times / float(TIME_BASE)).astype(np.int64)
    if len(times) > 1 and times[-1] > times[0]:
        losses.compare_rate(float(data.info.fps), (len(times) - 1) / float(times[-1] - times[0]))
    highest = np.maximum.accumulate(pts)
    rises = np.concatenate(([True], pts[1:] > highest[:-1])) if len(pts) else np.zeros(0, bool)
    losses.unsorted += int((~rises).sum())
    numbers = np.flatnonzero(rises).tolist()
    kept = pts[rises].tolist()
    ends = [*kept[1:], kept[-1] + step] if kept else []
    return [Row(number, at, end - at) for number, at, end in zip(numbers, kept, ends, strict=True)]


def _check_size(image: RgbImage, info: StreamInfo) -> None:
    height, width = image.shape[:2]
    if (width, height) != (info.width, info.height):
        raise SourceError(
            f"{info.location}: {info.stream} is {width} x {height}, but the first episode of its "
            f"camera is {info.width} x {info.height}; read them apart (sources.lerobot.episodes)"
        )
