"""The whole clip as one SVG that plays by itself: ``animated.svg``.

Each track is a group of paths, one for each stretch of time over which a part of it keeps its
topology. A path moves between a few keys (SMIL, ``calcMode="linear"``) where that is shorter than
to step through the outline of every frame. Times are the frames' own, so uneven ones are kept; time
0 is the first frame. The picture of time 0 shows where nothing animates.
"""

from __future__ import annotations

import itertools
import json
import operator
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.geometry.paths import format_path
from videoseg.outlines.keyframes import Keyed
from videoseg.outlines.markup import decimal, group_start, svg_start, title
from videoseg.outlines.strands import Strand, strands, unseen_area
from videoseg.output_files import stream_names, writing
from videoseg.protocols import RunReader
from videoseg.types import Bezier, Part, Scene, Shape, StreamInfo

_NAME = "animated.svg"
_UNKNOWN_LENGTH = Fraction(1, 25)
_KEY_TIME_DECIMALS = 9
_SCALE = 10**_KEY_TIME_DECIMALS

_EARLY = 600
"""Microseconds by which each change comes before its frame. Browsers round time, Firefox to whole
milliseconds; so what is shown at a frame's own time is that frame and not the one before."""


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
        names = dict(zip(run.streams, self.produces(run.streams), strict=True))
        with writing(folder), ExitStack() as files:
            timelines = {
                stream: _Timeline(
                    info,
                    _Spool(files.enter_context(tempfile.TemporaryFile())),
                    self.precision,
                    self.tolerance,
                )
                for stream, info in run.streams.items()
            }

            def noted() -> Iterator[Scene]:
                for scene in run.scenes():
                    timelines[scene.stream].note(scene)
                    yield scene

            for stream, strand in strands(noted(), ignored=unseen_area(self.tolerance)):
                timelines[stream].add(strand)
            for stream, timeline in timelines.items():
                path = folder / names[stream]
                with path.open("w", encoding="utf-8", newline="\n") as picture:
                    picture.writelines(timeline.picture(loop=self.loop))


@dataclass
class _Spool:
    """Paths of many tracks in one file, as they come; in memory are 16 bytes for each."""

    file: IO[bytes]
    _tracks: array[int] = field(default_factory=lambda: array("q"))
    _offsets: array[int] = field(default_factory=lambda: array("q"))

    def append(self, track_id: int, head: str, moves: _Moves) -> None:
        """Add a path of a track, and what a group of its paths begins with."""
        self._tracks.append(track_id)
        self._offsets.append(self.file.tell())
        record = [head, moves.steps, moves.begin, moves.end, moves.times, moves.values]
        self.file.write(f"{json.dumps(record)}\n".encode("ascii"))

    def groups(self) -> Iterator[tuple[str, Iterator[_Moves]]]:
        """What each track begins with, and its paths in the order in which they came."""
        order = np.argsort(np.asarray(self._tracks), kind="stable")
        records = map(self._read, np.asarray(self._offsets)[order].tolist())
        for head, paths in itertools.groupby(records, key=operator.itemgetter(0)):
            yield head, (_Moves(*moves) for _, *moves in paths)

    def _read(self, offset: int) -> list[Any]:
        self.file.seek(offset)
        record: list[Any] = json.loads(self.file.readline())
        return record


@dataclass(frozen=True, slots=True)
class _Moves:
    """What a path shows from when on.

    Attributes:
        steps: Whether values hold until the next; else they move to the next.
        begin: Microseconds from which on it is drawn,
        end: and from which on no longer; None = to the end.
        times: Microseconds of each value.
        values: Path data.
    """

    steps: bool
    begin: int
    end: int | None
    times: list[int]
    values: list[str]


@dataclass
class _Timeline:
    """The frames of one stream as they come, and then their animation."""

    info: StreamInfo
    spool: _Spool
    precision: int
    tolerance: float
    _origin: int | None = None
    _end: Fraction = Fraction(0)
    _last: Scene | None = None

    def note(self, scene: Scene) -> None:
        """Note when a frame is shown."""
        if self._origin is None:
            self._origin = scene.pts
        self._end = self._seconds(scene.pts) + self._length(scene)
        self._last = scene

    def add(self, strand: Strand) -> None:
        """Keep what a strand shows."""
        tracked = strand.tracked
        head = f"{group_start(tracked)}>{title(tracked)}\n"
        self.spool.append(tracked.track_id, head, self._moves(strand))

    def picture(self, *, loop: bool) -> Iterator[str]:
        """The file, in pieces."""
        microseconds = max(1, int(self._end * 1_000_000))
        repeat = 'repeatCount="indefinite"' if loop else 'fill="freeze"'
        timing = f' dur="{decimal(Fraction(microseconds, 1_000_000), 6)}s" {repeat}'
        yield '<?xml version="1.0" encoding="UTF-8"?>\n'
        yield f'{svg_start(self.info)} data-seconds="{decimal(self._end, 6)}">\n'
        for head, paths in self.spool.groups():
            yield head
            for moves in paths:
                yield from _path(moves, microseconds, timing)
            yield "</g>\n"
        yield "</svg>\n"

    def _moves(self, strand: Strand) -> _Moves:
        """The shorter of keys and of steps."""
        frames = [self._microseconds(seconds) for _, seconds in strand.scenes]
        times = [max(0, time - _EARLY) for time in frames]
        values = [format_path(Shape((part,)), precision=self.precision) for part in strand.parts]
        changes = [n for n, value in enumerate(values) if n == 0 or value != values[n - 1]]
        end = None
        # It ends with the frame before the latest, or goes on to the end of all.
        if self._last is not None and strand.scenes[-1][0] != self._last.index:
            end = max(0, self._microseconds(float(self._last.seconds)) - _EARLY)
        steps = _Moves(
            True, times[0], end, [times[n] for n in changes], [values[n] for n in changes]
        )
        if self.tolerance == 0 or len(changes) < 3:
            return steps
        keyed = strand.keyed(self.tolerance, in_seconds=True)
        keys = keyed.keys.tolist()
        moving = _Moves(
            False,
            steps.begin,
            steps.end,
            [frames[key] for key in keys],
            [
                format_path(_shape(keyed, place), precision=self.precision, uniform=True)
                for place in range(len(keys))
            ],
        )
        return min(moving, steps, key=_size)

    def _seconds(self, pts: int) -> Fraction:
        return (pts - (self._origin or 0)) * self.info.time_base

    def _microseconds(self, seconds: float) -> int:
        origin = float((self._origin or 0) * self.info.time_base)
        return max(0, round((seconds - origin) * 1_000_000))

    def _length(self, scene: Scene) -> Fraction:
        """Seconds that a frame is shown if none follows."""
        if scene.duration:
            return scene.duration * self.info.time_base
        if self._last is not None and scene.pts > self._last.pts:
            return (scene.pts - self._last.pts) * self.info.time_base
        return 1 / self.info.frame_rate if self.info.frame_rate else _UNKNOWN_LENGTH


def _size(moves: _Moves) -> int:
    """Characters of all values; ends that a path holds when it is hidden are written twice."""
    size = sum(map(len, moves.values))
    if not moves.steps:
        size += len(moves.values[0]) * (moves.begin > 0) + len(moves.values[-1])
    return size


def _shape(keyed: Keyed, key: int) -> Shape:
    """What all rings of a strand are at a key."""
    rings = []
    for control in keyed.control:
        knots = control[key].reshape(-1, 3, 2)
        ends = np.roll(knots[:, 0], -1, axis=0)
        segments = np.stack([knots[:, 1], knots[:, 2], ends], axis=1)
        rings.append(Bezier(segments.astype(np.float32)))
    return Shape((Part(rings[0], tuple(rings[1:])),))


def _path(moves: _Moves, total: int, timing: str) -> Iterator[str]:
    """One path element, with what changes of it."""
    end = total if moves.end is None else moves.end
    hidden = "" if moves.begin == 0 else ' display="none"'
    # What is hidden at first and has an animation needs no outline of its own.
    still = "" if hidden and len(set(moves.values)) > 1 else f' d="{moves.values[0]}"'
    yield f"<path{hidden}{still}>"
    if moves.begin > 0 or end < total:
        times, values = [0, moves.begin, end], ["none", "inline", "none"]
        if moves.begin == 0:
            times, values = times[1:], values[1:]
        if end == total:
            times, values = times[:-1], values[:-1]
        yield _animation("display", "discrete", times, values, total, timing)
    if len(set(moves.values)) > 1:
        times, values = list(moves.times), list(moves.values)
        if times[0] > 0:
            times, values = [0, *times], [values[0], *values]
        if not moves.steps and times[-1] < total:
            times, values = [*times, total], [*values, values[-1]]
        how = "discrete" if moves.steps else "linear"
        yield _animation("d", how, times, values, total, timing)
    yield "</path>\n"


def _animation(
    name: str, how: str, times: Sequence[int], values: Sequence[str], total: int, timing: str
) -> str:
    shares = (decimal(time * _SCALE // total / _SCALE, _KEY_TIME_DECIMALS) for time in times)
    return (
        f'<animate attributeName="{name}" calcMode="{how}" begin="0s"{timing}'
        f' keyTimes="{";".join(shares)}" values="{";".join(values)}"/>'
    )


PARTS = {"animated-svg": AnimatedSvg}
