"""The whole clip as one SVG that plays by itself: ``animated.svg``.

Each track is a layer of paths. Where every frame is to be as it is, a path steps through all that
the track is on them. With a tolerance there may be a path for each part, and a new one where a hole
of it comes or goes; it moves between a few keys (SMIL, ``calcMode="linear"``). What is shorter is
taken, for each part, and for the track as a whole. Times are the frames' own, so uneven ones are
kept; time 0 is the first frame. The picture of time 0 shows where nothing animates.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Annotated, Any, TypeAlias

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.exporters._path_moves import PathMoves
from videoseg.exporters._spool import Moves, Spool
from videoseg.formats.svg_markup import (
    decimal,
    layer_attributes,
    picture,
    root_attributes,
    svg_tag,
    track_attributes,
    track_id_of,
    write_title,
)
from videoseg.formats.svg_path import format_path
from videoseg.protocols import RunReader
from videoseg.roto.ring_tracks import LONGEST, RingTrack, ring_tracks
from videoseg.system.output_files import stream_names, unnamed_file, writing
from videoseg.system.workers import InOrder, usual_threads
from videoseg.types import Scene, Shape, StreamInfo, TrackedInstance

_log = logging.getLogger(__name__)

_NAME = "animated.svg"
_UNKNOWN_LENGTH = Fraction(1, 25)
_Part: TypeAlias = "tuple[_Timeline, PathMoves, RingTrack]"
"""A part of a track that is to be drawn, and what it is drawn by."""
_PRECISE = 50
"""Microseconds to which the time of a key is written."""


@dataclass
class AnimatedSvg:
    """Writes an animation of all outlines that any browser plays.

    A track is drawn while it is present. Several streams get a file each: ``animated-NAME.svg``.
    Memory stays bounded however long the clip is; outlines wait in a temporary file.
    """

    precision: Annotated[int, Doc("decimals of the coordinates, 0 to 6"), Ge(0), Le(6)] = 1
    tolerance: Annotated[
        float,
        Doc("how far outlines may be off for a shorter file, pixels from 0; 0 = as every frame is"),
        Ge(0),
    ] = 0.0
    loop: Annotated[bool, Doc("start again at the end; else the last frame stays")] = True

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file a stream."""
        if len(streams) == 1:
            return (_NAME,)
        return tuple(f"animated-{name}.svg" for name in stream_names(streams).values())

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        self.export_scenes(run.streams, run.scenes(), folder)

    def export_scenes(
        self, streams: Mapping[str, StreamInfo], scenes: Iterable[Scene], folder: Path
    ) -> None:
        """Write the files from Scenes as they come."""
        names = dict(zip(streams, self.produces(streams), strict=True))
        with writing(folder), ExitStack() as files:
            timelines = {
                stream: _Timeline(
                    info,
                    Spool(files.enter_context(unnamed_file(folder))),
                    self.precision,
                    self.tolerance,
                )
                for stream, info in streams.items()
            }

            stretches = _Stretches()

            def noted() -> Iterator[Scene]:
                for scene in scenes:
                    timelines[scene.stream].note(scene)
                    for stream, stretch in stretches.ended_by(scene):
                        timelines[stream].add_steps(stretch)
                    yield scene

            if self.tolerance == 0:
                deque(noted(), maxlen=0)
            else:
                self._add_parts(timelines, noted())
            for stream, stretch in stretches.left():
                timelines[stream].add_steps(stretch)
            for stream, timeline in timelines.items():
                path = folder / names[stream]
                with path.open("wb") as file:
                    timeline.write(file, loop=self.loop)

    def _add_parts(self, timelines: Mapping[str, _Timeline], scenes: Iterable[Scene]) -> None:
        """Keep what parts of tracks show, each made in a thread from what is known when it ends."""

        def made(part: _Part) -> tuple[_Timeline, RingTrack, list[Moves]]:
            timeline, moves, ring_track = part
            return timeline, ring_track, moves.of_part(ring_track)

        with InOrder(made, usual_threads(), "keys") as keying:
            parts = (
                (timelines[stream], timelines[stream].moves(), ring_track)
                for stream, ring_track in ring_tracks(scenes, self.tolerance)
            )
            for timeline, ring_track, paths in keying.each(parts):
                timeline.add(ring_track.tracked, paths, whole=False)


@dataclass
class _Timeline:
    """The frames of one stream as they come, and then their animation."""

    info: StreamInfo
    spool: Spool
    precision: int
    tolerance: float
    _origin: int | None = None
    _end: Fraction = Fraction(0)
    _last: Scene | None = None
    _steps_written: bool = False
    _moves_written: bool = False

    def note(self, scene: Scene) -> None:
        """Note when a frame is shown."""
        if self._origin is None:
            self._origin = scene.pts
        self._end = self._seconds(scene.pts) + self._length(scene)
        self._last = scene

    def add_steps(self, stretch: _Stretch) -> None:
        """Keep all that a track shows over a stretch."""
        values = [format_path(shape, precision=self.precision) for shape in stretch.shapes]
        self.add(stretch.tracked, [self.moves().steps(stretch.frames, values)], whole=True)

    def moves(self) -> PathMoves:
        """What makes paths, as far as the stream is known by now."""
        last = self._last
        return PathMoves(
            self.precision,
            self.tolerance,
            (self._origin or 0) * self.info.time_base,
            None if last is None else (last.index, last.seconds),
        )

    def add(self, tracked: TrackedInstance, paths: Sequence[Moves], *, whole: bool) -> None:
        """Keep paths of a track, or of a part of it."""
        self.spool.append(tracked, paths, whole=whole)

    def write(self, file: IO[bytes], *, loop: bool) -> None:
        """Write the file, piece by piece."""
        total = max(1, int(self._end * 1_000_000))
        repeat = {"repeatCount": "indefinite"} if loop else {"fill": "freeze"}
        timing = {"dur": f"{decimal(Fraction(total, 1_000_000), 6)}s", **repeat}
        attributes = {**root_attributes(self.info), "data-seconds": decimal(self._end, 6)}
        with picture(file, attributes) as xml:
            for track_id, label, paths in self.spool.tracks():
                _write_track(xml, track_id, label, self._noted(paths), total, timing)
        if self.tolerance > 0 and self._steps_written and not self._moves_written:
            _log.warning(
                "%s: every frame is a key: with fewer keys the animation would be longer, or off "
                "by more than %g px (a larger tolerance may help)",
                self.info.stream,
                self.tolerance,
            )

    def _noted(self, paths: Iterable[Moves]) -> Iterator[Moves]:
        """Paths as they are written; notes whether some step through frames, and some move."""
        for moves in paths:
            self._steps_written |= moves.steps and len(moves.values) > 2
            self._moves_written |= not moves.steps
            yield moves

    def _seconds(self, pts: int) -> Fraction:
        return (pts - (self._origin or 0)) * self.info.time_base

    def _length(self, scene: Scene) -> Fraction:
        """Seconds that a frame is shown if none follows."""
        if scene.duration:
            return scene.duration * self.info.time_base
        if self._last is not None and scene.pts > self._last.pts:
            return (scene.pts - self._last.pts) * self.info.time_base
        return 1 / self.info.frame_rate if self.info.frame_rate else _UNKNOWN_LENGTH


@dataclass(slots=True)
class _Stretch:
    """All that a track is over frames on each of which it is there."""

    tracked: TrackedInstance
    frames: list[tuple[int, float]] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)


@dataclass(slots=True)
class _Stretches:
    """The stretches of all tracks of all streams, as they grow."""

    _going: dict[str, dict[int, _Stretch]] = field(default_factory=dict)

    def ended_by(self, scene: Scene) -> list[tuple[str, _Stretch]]:
        """Take the next frame; give the stretches that ended before it."""
        before, now = self._going.get(scene.stream, {}), {}
        for tracked in scene.instances:
            stretch = before.get(tracked.track_id)
            if stretch is None or len(stretch.shapes) == LONGEST:
                stretch = _Stretch(tracked)
            else:
                del before[tracked.track_id]
            stretch.frames.append((scene.index, float(scene.seconds)))
            stretch.shapes.append(tracked.shape)
            now[tracked.track_id] = stretch
        self._going[scene.stream] = now
        return [(scene.stream, stretch) for stretch in before.values()]

    def left(self) -> list[tuple[str, _Stretch]]:
        """Those that last to the end."""
        return [
            (stream, stretch) for stream, going in self._going.items() for stretch in going.values()
        ]


def _write_track(
    xml: Any,
    track_id: int,
    label: str,
    paths: Iterable[Moves],
    total: int,
    timing: Mapping[str, str],
) -> None:
    """One track's layer; names go on paths too, for programs that know no layers."""
    named = (track_id, label)
    name = track_id_of(*named)
    with xml.element(svg_tag("g"), {**layer_attributes(*named), **track_attributes(*named)}):
        write_title(xml, label)
        xml.write("\n")
        for number, moves in enumerate(paths, start=1):
            _write_path(xml, name if number == 1 else f"{name}_{number}", moves, total, timing)
    xml.write("\n")


def _write_path(xml: Any, name: str, moves: Moves, total: int, timing: Mapping[str, str]) -> None:
    """One path element, with what changes of it."""
    end = total if moves.end is None else moves.end
    attributes = {"id": name}
    if moves.begin > 0:
        attributes["display"] = "none"
    # What is hidden at first and has an animation needs no outline of its own.
    if moves.begin == 0 or len(set(moves.values)) == 1:
        attributes["d"] = moves.values[0]
    with xml.element(svg_tag("path"), attributes):
        if moves.begin > 0 or end < total:
            times, values = [0, moves.begin, end], ["none", "inline", "none"]
            if moves.begin == 0:
                times, values = times[1:], values[1:]
            if end == total:
                times, values = times[:-1], values[:-1]
            _write_animation(xml, "display", "discrete", times, values, total, timing)
        if len(set(moves.values)) > 1:
            times, values = list(moves.times), list(moves.values)
            if times[0] > 0:
                times, values = [0, *times], [values[0], *values]
            if not moves.steps and times[-1] < total:
                times, values = [*times, total], [*values, values[-1]]
            how = "discrete" if moves.steps else "linear"
            _write_animation(xml, "d", how, times, values, total, timing)
    xml.write("\n")


def _write_animation(
    xml: Any,
    name: str,
    how: str,
    times: Sequence[int],
    values: Sequence[str],
    total: int,
    timing: Mapping[str, str],
) -> None:
    digits = max(1, math.ceil(math.log10(total / _PRECISE)))
    shares = (decimal(Fraction(time * 10**digits // total, 10**digits), digits) for time in times)
    attributes = {
        "attributeName": name,
        "calcMode": how,
        **timing,
        "keyTimes": ";".join(shares),
        "values": ";".join(values),
    }
    with xml.element(svg_tag("animate"), attributes):
        pass


PARTS = {"animated-svg": AnimatedSvg}
