"""The whole clip as one SVG that plays by itself: ``animated.svg``.

Each track is one ``path`` whose ``d`` steps through its outlines at the frames' own times (SMIL,
``calcMode="discrete"``), so uneven frame times are kept. Time 0 is the start of the stream, of a
live one its first frame. The picture of time 0 shows where nothing animates.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Annotated, TypeAlias

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.geometry.paths import format_path
from videoseg.outlines.markup import decimal, path_start, svg_start, title
from videoseg.output_files import stream_names, writing
from videoseg.protocols import RunReader
from videoseg.types import Scene, StreamInfo

_NAME = "animated.svg"
_NOTHING = "M0 0"  # draws nothing, and unlike an empty value every browser takes it in a list
_UNKNOWN_LENGTH = Fraction(1, 25)
_BUFFER = 1 << 22  # characters kept in memory before they go to the spool
_KEY_TIME_DECIMALS = 9
_Key: TypeAlias = tuple[str, str, int]

_EARLY = 600
"""Microseconds by which each frame comes before its time. Browsers round time, Firefox to whole
milliseconds; so what is shown at a frame's own time is that frame and not the one before."""


@dataclass
class AnimatedSvg:
    """Writes an animation of all outlines that any browser plays.

    A track is drawn while it is present. Several streams get a file each: ``animated-NAME.svg``.
    Memory stays bounded however long the clip is; outlines wait in a temporary file.
    """

    precision: Annotated[int, Doc("decimals of the coordinates, 0 to 6"), Ge(0), Le(6)] = 1
    loop: Annotated[bool, Doc("start again at the end; else the last frame stays")] = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file a stream."""
        if len(streams) == 1:
            return (_NAME,)
        return tuple(f"animated-{name}.svg" for name in stream_names(streams).values())

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        names = dict(zip(run.streams, self.produces(run.streams), strict=True))
        with writing(folder), tempfile.TemporaryFile("w+b") as file:
            spool = _Spool(file)
            timelines = {
                stream: _Timeline(info, spool, self.precision)
                for stream, info in run.streams.items()
            }
            for scene in run.scenes():
                timelines[scene.stream].add(scene)
            for stream, timeline in timelines.items():
                path = folder / names[stream]
                with path.open("w", encoding="utf-8", newline="\n") as picture:
                    picture.writelines(timeline.picture(loop=self.loop))


@dataclass
class _Spool:
    """Many growing texts in one file; what is in memory stays below a limit."""

    file: IO[bytes]
    _waiting: dict[_Key, list[str]] = field(default_factory=dict)
    _blocks: dict[_Key, list[tuple[int, int]]] = field(default_factory=dict)
    _size: int = 0

    def append(self, key: _Key, text: str) -> None:
        """Add ASCII text to what ``key`` has."""
        self._waiting.setdefault(key, []).append(text)
        self._size += len(text)
        if self._size > _BUFFER:
            self._flush()

    def read(self, key: _Key) -> Iterator[str]:
        """The text of ``key`` in blocks, none of which splits what one ``append`` added."""
        self._flush()
        for offset, size in self._blocks.get(key, ()):
            self.file.seek(offset)
            yield self.file.read(size).decode("ascii")

    def _flush(self) -> None:
        self.file.seek(0, 2)
        for key, texts in self._waiting.items():
            block = "".join(texts).encode("ascii")
            self._blocks.setdefault(key, []).append((self.file.tell(), len(block)))
            self.file.write(block)
        self._waiting.clear()
        self._size = 0


@dataclass
class _Track:
    """The constant part of a track, what it shows at time 0, and what it showed last."""

    opening: str
    title: str
    at_start: str
    last: str
    changes: int = 0


@dataclass
class _Timeline:
    """The frames of one stream as they come, and then their animation."""

    info: StreamInfo
    spool: _Spool
    precision: int
    _origin: int = 0
    _end: Fraction = Fraction(0)
    _last: Scene | None = None
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _visible: set[int] = field(default_factory=set)

    def add(self, scene: Scene) -> None:
        """Note what changes with this frame."""
        if self._last is None:
            self._origin = scene.pts if self.info.live else min(self.info.start_pts, scene.pts)
        self._end = self._seconds(scene.pts) + self._length(scene)
        self._last = scene
        time = max(0, int(self._seconds(scene.pts) * 1_000_000) - _EARLY)
        for tracked in scene.instances:
            data = format_path(tracked.shape, precision=self.precision)
            track = self._tracks.get(tracked.track_id)
            if track is None:
                at_start = _NOTHING if time else data
                track = _Track(path_start(tracked), title(tracked), at_start, at_start)
                self._tracks[tracked.track_id] = track
            self._show(tracked.track_id, time, data)
        visible = {tracked.track_id for tracked in scene.instances}
        for gone in self._visible - visible:
            self._show(gone, time, _NOTHING)
        self._visible = visible

    def picture(self, *, loop: bool) -> Iterator[str]:
        """The file, in pieces."""
        microseconds = max(1, int(self._end * 1_000_000))
        repeat = 'repeatCount="indefinite"' if loop else 'fill="freeze"'
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
        yield f'{svg_start(self.info)} data-seconds="{decimal(self._end, 6)}">\n'
        for track_id, track in sorted(self._tracks.items()):
            yield f'{track.opening} d="{track.at_start}">{track.title}'
            if track.changes:
                yield f'<animate attributeName="d" calcMode="discrete" begin="0s" {repeat}'
                yield f' dur="{decimal(Fraction(microseconds, 1_000_000), 6)}s" keyTimes="0'
                for block in self.spool.read(("time", self.info.stream, track_id)):
                    yield _key_times(block, microseconds)
                yield f'" values="{track.at_start}'
                yield from self.spool.read(("value", self.info.stream, track_id))
                yield '"/>'
            yield "</path>\n"
        yield "</svg>\n"

    def _show(self, track_id: int, time: int, data: str) -> None:
        track = self._tracks[track_id]
        if data != track.last:
            track.last = data
            track.changes += 1
            self.spool.append(("time", self.info.stream, track_id), f";{time}")
            self.spool.append(("value", self.info.stream, track_id), f";{data}")

    def _seconds(self, pts: int) -> Fraction:
        return (pts - self._origin) * self.info.time_base

    def _length(self, scene: Scene) -> Fraction:
        """Seconds that a frame is shown if none follows."""
        if scene.duration:
            return scene.duration * self.info.time_base
        if self._last is not None and scene.pts > self._last.pts:
            return (scene.pts - self._last.pts) * self.info.time_base
        return 1 / self.info.frame_rate if self.info.frame_rate else _UNKNOWN_LENGTH


def _key_times(block: str, microseconds: int) -> str:
    """Times such as ``;40000;80000`` as fractions of the whole, rounded down."""
    scale = 10**_KEY_TIME_DECIMALS
    fractions = (int(time) * scale // microseconds for time in block[1:].split(";"))
    return "".join(f";{decimal(fraction / scale, _KEY_TIME_DECIMALS)}" for fraction in fractions)


PARTS = {"animated-svg": AnimatedSvg}
