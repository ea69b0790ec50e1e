"""Sizes, places and speeds as tables: ``measurements.csv`` and ``tracks.csv``."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Annotated

from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.formats.frame_numbers import number_of, timecode_at
from videoseg.system.output_files import writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance
from videoseg.writers.measurements.geometry import Measure, measured
from videoseg.writers.measurements.ledger import Ledger

_FRAMES = "measurements.csv"
"""File with a row for each object and frame."""
_TRACKS = "tracks.csv"
"""File with a row for each object."""
_IDENTITY = ("stream", "track_id", "label")
_PLACES = (
    *("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"),
    *("centroid_x_px", "centroid_y_px", "orientation_deg"),
)
_SIZES = (("area", 2), ("perimeter", 1), ("diameter", 1), ("major_axis", 1), ("minor_axis", 1))
"""Columns that come in pixels and in millimetres, and the power of the unit."""
_LAST = ("in_view_s", "source")
_RECORDED = ("stamp", "topic", "frame_id")
"""Columns of what comes from the log of a robot."""
_RECORDED_TRACK = ("first_stamp", "last_stamp", "topic", "frame_id")
_FORMULA = frozenset("=+-@\t\r＝＋－＠'")
"""First characters of what spreadsheets run, or take for a mark of their own."""


@dataclass
class Measurements:
    """Writes a row for every outline on every frame, and one for every track.

    All is measured on the outline as it is drawn, with its holes, in sub-pixels. Places (box,
    centroid: the centre of gravity of the area) are coordinates in the frame. Areas and lengths are
    in units of a pixel's height: where pixels are not square (``sample_aspect_ratio``), x is
    stretched first, so that they are true in every direction. ``diameter`` is that of the disc of
    the same area; ``major_axis``, ``minor_axis`` and ``orientation`` (0 to 180 degrees, clockwise
    from the x axis) are of the ellipse with the same second moments.

    ``speed`` is the way of the centroid from the track's row before, over the time between their
    frames; empty on its first row and after a cut. ``in_view_s`` is how long the track has been
    seen before this frame; a frame counts until the next begins. In ``tracks.csv`` it includes the
    last frame, and ``path_length`` adds up the centroid's ways. ``source`` is the file name of the
    picture, empty for videos.

    Where the source has a start timecode, ``timecode`` is that of the frame, in the last column.
    Where it is the log of a robot, the last columns are ``stamp``, when the frame was taken as the
    header of its message says (ns; 0 where it says nothing), ``topic`` and ``frame_id``; in
    ``tracks.csv`` they are ``first_stamp``, ``last_stamp``, ``topic`` and ``frame_id``.

    Comma-separated UTF-8 as in RFC 4180, with a decimal point. A text that a spreadsheet would run
    as a formula (``=``, ``+``, ``-``, ``@``), or that begins with an apostrophe, has one apostrophe
    put in front: take one away from every text that begins with it to have it back.
    """

    millimetres_per_pixel: Annotated[
        float | None, Doc("adds columns in millimetres; mm, > 0, of a pixel's height"), Gt(0)
    ] = None
    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: dict[str, _Stream] = field(init=False, repr=False, default_factory=dict)
    _folder: Path = field(init=False, repr=False, default=Path())
    _file: IO[str] | None = field(init=False, repr=False, default=None)
    _recorded: bool | None = field(init=False, repr=False, default=None)
    """Whether Scenes come from a log; None before the first, which the heading waits for."""

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """Two tables."""
        del streams
        return (_FRAMES, _TRACKS)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Begin ``measurements.csv``."""
        del prompts
        self._folder = folder
        with writing(folder / _FRAMES):
            self._file = _opened(folder / _FRAMES)
            self._streams = {
                name: _Stream(info, Ledger(_ROW, folder)) for name, info in streams.items()
            }
        self._recorded = None

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write a row for each outline."""
        del frame
        if self._file is None:
            raise OutputError(f"{self._folder / _FRAMES} is not open")
        with writing(self._folder / _FRAMES):
            if self._recorded is None:
                self._begin(self._file, recorded=scene.recorded is not None)
            seen = self._streams[scene.stream].see(scene)
            rows = ([*self._row(scene, *each), *self._last(scene)] for each in seen)
            csv.writer(self._file).writerows(rows)

    def close(self, *, complete: bool) -> None:
        """End the first table and write the second."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with writing(self._folder / _FRAMES), file:
                if self._recorded is None:
                    self._begin(file, recorded=False)
            if complete:
                with writing(self._folder / _TRACKS), _opened(self._folder / _TRACKS) as tracks:
                    csv.writer(tracks).writerows(self._tracks())
        finally:
            for stream in self._streams.values():
                stream.close()

    def _begin(self, file: IO[str], *, recorded: bool) -> None:
        """Write the heading of ``measurements.csv``."""
        self._recorded = recorded
        header = (*_IDENTITY, "frame", "pts", "seconds", "state", "score")
        sizes = self._headings(*_SIZES)
        speeds = self._headings(("speed", 1), suffix="_per_s")
        last = (*(_RECORDED if recorded else ()), *(["timecode"] if self._is_counted() else ()))
        csv.writer(file).writerow((*header, *_PLACES, *sizes, *speeds, *_LAST, *last))

    def _is_counted(self) -> bool:
        """Whether a stream has a timecode."""
        return any(stream.info.timecode for stream in self._streams.values())

    def _last(self, scene: Scene) -> Iterator[object]:
        """The columns that not every source has."""
        if self._recorded:
            said = scene.recorded
            yield from (said.stamp, _safe(said.topic), _safe(said.frame_id)) if said else [""] * 3
        if self._is_counted():
            info = self._streams[scene.stream].info
            yield timecode_at(number_of(scene, info, 0), info) or ""

    def _row(
        self,
        scene: Scene,
        tracked: TrackedInstance,
        in_view: Fraction,
        found: Measure | None,
        speed: float | None,
    ) -> list[object]:
        head: list[object] = [_safe(scene.stream), tracked.track_id, _safe(tracked.label)]
        head += [scene.index, scene.pts, _seconds(scene.seconds), tracked.state]
        head.append(_number(tracked.instance.score, 4))
        tail = (_seconds(in_view), _safe(scene.name or ""))
        if found is None:
            count = len(_PLACES) + len(self._headings(*_SIZES, ("speed", 1)))
            return [*head, *[""] * count, *tail]
        places = (*found.box, *found.centroid, found.orientation)
        sizes = [(getattr(found, name), power) for name, power in _SIZES]
        return [
            *head,
            *(_number(place, 3) for place in places),
            *self._values(*sizes),
            *self._values((speed, 1)),
            *tail,
        ]

    def _tracks(self) -> Iterator[list[object]]:
        sizes = self._headings(("mean_area", 2), ("max_area", 2), ("path_length", 1))
        spans = ("frames", "first_frame", "last_frame", "first_s", "last_s", "in_view_s")
        yield [*_IDENTITY, *spans, *sizes, *(_RECORDED_TRACK if self._recorded else ())]
        for stream in self._streams.values():
            name, unit = _safe(stream.info.stream), stream.info.time_base
            said = stream.latest and stream.latest.recorded
            place = [_safe(said.topic), _safe(said.frame_id)] if said else []
            for number, track in stream.ended():
                mean = track.area / track.frames
                times = (track.first_pts, track.last_pts, track.in_view)
                yield [
                    *(name, number, _safe(stream.labels[track.label]), track.frames),
                    *(track.first_index, track.last_index),
                    *(_seconds(units * unit) for units in times),
                    *self._values((mean, 2), (track.most, 2), (track.way, 1)),
                    *((track.first_stamp, track.last_stamp) if place else ()),
                    *place,
                ]

    def _headings(self, *columns: tuple[str, int], suffix: str = "") -> list[str]:
        """Names with their units: all in pixels, then all in millimetres."""
        units = ("px",) if self.millimetres_per_pixel is None else ("px", "mm")
        return [
            f"{name}_{unit}{'2' if power == 2 else ''}{suffix}"
            for unit in units
            for name, power in columns
        ]

    def _values(self, *columns: tuple[float | None, int]) -> list[str]:
        """Values as ``_headings`` orders them."""
        scales = (1.0,) if self.millimetres_per_pixel is None else (1.0, self.millimetres_per_pixel)
        return [
            "" if value is None else _number(value * scale**power, 3 if scale == 1 else 6)
            for scale in scales
            for value, power in columns
        ]


@dataclass(slots=True)
class _Track:
    """What is known of a track so far, in numbers alone: all but the few in sight wait in a file.

    Attributes:
        label: Place of its label among those of its stream.
        first_index: Its first frame,
        first_pts: and when that was shown.
        last_index: Its latest frame,
        last_pts: when that was shown,
        shot: and its shot.
        frames: How many there were.
        in_view: For how long it was seen, in units of the stream's time base.
        first_stamp: Stamp of the message that its first frame was in, ns; 0 without,
        last_stamp: and of that of its latest.
        x: Where its centroid was on the latest, not a number where it had no area.
        y: Likewise.
        area: Sum of its areas; lengths are as in ``Measure``.
        most: Greatest of them.
        way: How far the centroid has gone.
    """

    label: int
    first_index: int
    first_pts: int
    last_index: int
    last_pts: int
    shot: int
    frames: int = 0
    in_view: int = 0
    first_stamp: int = 0
    last_stamp: int = 0
    x: float = math.nan
    y: float = math.nan
    area: float = 0.0
    most: float = 0.0
    way: float = 0.0

    def move(self, scene: Scene, found: Measure | None, aspect: float) -> float | None:
        """Take the next row in; gives the speed."""
        x, y = (math.nan, math.nan) if found is None else found.centroid
        step = math.hypot((x - self.x) * aspect, y - self.y)
        passed = (scene.pts - self.last_pts) * scene.time_base
        moved = not math.isnan(step) and scene.shot == self.shot
        if moved:
            self.way += step
        if found is not None:
            self.area += found.area
            self.most = max(self.most, found.area)
        self.x, self.y = x, y
        self.last_index, self.last_pts, self.shot = scene.index, scene.pts, scene.shot
        self.last_stamp = scene.recorded.stamp if scene.recorded else 0
        if not self.frames:
            self.first_stamp = self.last_stamp
        self.frames += 1
        return step / float(passed) if moved and passed > 0 else None


_ROW = "10q5d"
"""A track as a row of the ledger."""


@dataclass(slots=True)
class _Stream:
    """The tracks of one stream.

    Attributes:
        info: The stream.
        away: Tracks that were seen before the latest Scene.
        labels: Of its tracks.
        in_sight: Those of the latest Scene.
        latest: That Scene, without its outlines.
    """

    info: StreamInfo
    away: Ledger
    labels: list[str] = field(default_factory=list)
    in_sight: dict[int, _Track] = field(default_factory=dict)
    latest: Scene | None = None

    def see(
        self, scene: Scene
    ) -> Iterator[tuple[TrackedInstance, Fraction, Measure | None, float | None]]:
        """Take the next Scene in; each outline with its time in view, its measures and speed."""
        if self.latest is not None:
            self._pass(scene.pts - self.latest.pts)
        self.latest = replace(scene, instances=())
        self._keep(self.in_sight.keys() - {tracked.track_id for tracked in scene.instances})
        aspect = float(self.info.sample_aspect_ratio)
        for tracked in scene.instances:
            track = self._track(tracked, scene)
            found = measured(tracked.shape, aspect)
            speed = track.move(scene, found, aspect)
            yield tracked, track.in_view * scene.time_base, found, speed

    def ended(self) -> Iterator[tuple[int, _Track]]:
        """Every track by its id, once the last frame has been shown for as long as it lasts."""
        if self.latest is not None and self.latest.duration is not None:
            self._pass(self.latest.duration)
        self._keep(list(self.in_sight))
        return ((number, _Track(*row)) for number, row in self.away.items())

    def close(self) -> None:
        """Forget them."""
        self.away.close()

    def _track(self, tracked: TrackedInstance, scene: Scene) -> _Track:
        """A track, which is in sight from now on."""
        number = tracked.track_id
        if number not in self.in_sight:
            self.in_sight[number] = (
                _Track(*self.away[number])
                if number in self.away
                else self._begun(tracked.label, scene)
            )
        return self.in_sight[number]

    def _begun(self, label: str, scene: Scene) -> _Track:
        if label not in self.labels:
            self.labels.append(label)
        place = self.labels.index(label)
        return _Track(place, scene.index, scene.pts, scene.index, scene.pts, scene.shot)

    def _keep(self, gone: Iterable[int]) -> None:
        """Put tracks aside."""
        for number in gone:
            self.away[number] = astuple(self.in_sight.pop(number))

    def _pass(self, units: int) -> None:
        for track in self.in_sight.values():
            track.in_view += units


def _opened(path: Path) -> IO[str]:
    # Text from a command line may hold bytes that are no UTF-8, as lone surrogates.
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")


def _safe(text: str) -> str:
    return f"'{text}" if text[:1] in _FORMULA else text


def _seconds(time: Fraction) -> str:
    return _number(float(time), 6)


def _number(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if not text.strip("-0.") else text


PARTS = {"measurements": Measurements}
