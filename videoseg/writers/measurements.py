"""Sizes, places and speeds as tables: ``measurements.csv`` and ``tracks.csv``."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import IO, Annotated

from annotated_types import Gt
from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.output_files import writing
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance
from videoseg.writers._measure import Measure, measured

_FRAMES, _TRACKS = "measurements.csv", "tracks.csv"
_IDENTITY = ("stream", "track_id", "label")
_PLACES = (
    *("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px"),
    *("centroid_x_px", "centroid_y_px", "orientation_deg"),
)
_SIZES = (("area", 2), ("perimeter", 1), ("diameter", 1), ("major_axis", 1), ("minor_axis", 1))
"""Columns that come in pixels and in millimetres, and the power of the unit."""
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
    last frame, and ``path_length`` adds up the centroid's ways.

    Comma-separated UTF-8 as in RFC 4180, with a decimal point. A label or stream that a spreadsheet
    would run as a formula (``=``, ``+``, ``-``, ``@``), or that begins with an apostrophe, has one
    apostrophe put in front: take one away from every text that begins with it to have it back.
    """

    millimetres_per_pixel: Annotated[
        float | None, Doc("adds columns in millimetres; mm, > 0, of a pixel's height"), Gt(0)
    ] = None
    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: dict[str, _Stream] = field(init=False, repr=False, default_factory=dict)
    _folder: Path = field(init=False, repr=False, default=Path())
    _file: IO[str] | None = field(init=False, repr=False, default=None)

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
        self._streams = {name: _Stream(info) for name, info in streams.items()}
        with writing(folder / _FRAMES):
            self._file = _opened(folder / _FRAMES)
            header = (*_IDENTITY, "frame", "pts", "seconds", "state", "score")
            sizes = self._headings(*_SIZES)
            speeds = self._headings(("speed", 1), suffix="_per_s")
            csv.writer(self._file).writerow((*header, *_PLACES, *sizes, *speeds, "in_view_s"))

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write a row for each outline."""
        del frame
        if self._file is None:
            raise OutputError(f"{self._folder / _FRAMES} is not open")
        rows = [self._row(scene, *seen) for seen in self._streams[scene.stream].see(scene)]
        with writing(self._folder / _FRAMES):
            csv.writer(self._file).writerows(rows)

    def close(self, *, complete: bool) -> None:
        """End the first table and write the second."""
        file, self._file = self._file, None
        if file is None:
            return
        with writing(self._folder / _FRAMES):
            file.close()
        if complete:
            with writing(self._folder / _TRACKS), _opened(self._folder / _TRACKS) as tracks:
                csv.writer(tracks).writerows(self._tracks())

    def _row(
        self, scene: Scene, tracked: TrackedInstance, track: _Track, found: Measure | None
    ) -> list[object]:
        head: list[object] = [_safe(scene.stream), tracked.track_id, _safe(tracked.label)]
        head += [scene.index, scene.pts, _seconds(scene.seconds), tracked.state]
        head.append(_number(tracked.instance.score, 4))
        if found is None:
            count = len(_PLACES) + len(self._headings(*_SIZES, ("speed", 1)))
            return [*head, *[""] * count, _seconds(track.in_view)]
        places = (*found.box, *found.centroid, found.orientation)
        sizes = [(getattr(found, name), power) for name, power in _SIZES]
        speed = self._values((track.speed, 1))
        return [
            *head,
            *(_number(place, 3) for place in places),
            *self._values(*sizes),
            *speed,
            _seconds(track.in_view),
        ]

    def _tracks(self) -> list[list[object]]:
        sizes = self._headings(("mean_area", 2), ("max_area", 2), ("path_length", 1))
        spans = ("frames", "first_frame", "last_frame", "first_s", "last_s", "in_view_s")
        rows: list[list[object]] = [[*_IDENTITY, *spans, *sizes]]
        for stream in self._streams.values():
            stream.end()
            for number, track in sorted(stream.tracks.items()):
                mean = track.area / track.frames
                rows.append(
                    [
                        *(_safe(stream.info.stream), number, _safe(track.label), track.frames),
                        *(track.first.index, track.last.index),
                        *(_seconds(each.seconds) for each in (track.first, track.last)),
                        _seconds(track.in_view),
                        *self._values((mean, 2), (track.most, 2), (track.way, 1)),
                    ]
                )
        return rows

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
    """What is known of a track so far; lengths as in ``Measure``."""

    label: str
    first: Scene
    last: Scene
    frames: int = 0
    in_view: Fraction = Fraction(0)
    centroid: tuple[float, float] | None = None
    speed: float | None = None
    area: float = 0.0
    most: float = 0.0
    way: float = 0.0

    def move(self, scene: Scene, found: Measure | None, aspect: float) -> None:
        """Take the next row in."""
        self.speed = None
        if found is not None:
            if self.centroid is not None and scene.shot == self.last.shot:
                (x, y), (u, v) = self.centroid, found.centroid
                step = math.hypot((u - x) * aspect, v - y)
                self.way += step
                passed = scene.seconds - self.last.seconds
                self.speed = step / float(passed) if passed > 0 else None
            self.area += found.area
            self.most = max(self.most, found.area)
        self.centroid = None if found is None else found.centroid
        self.frames += 1
        self.last = scene


@dataclass(slots=True)
class _Stream:
    """The tracks of one stream."""

    info: StreamInfo
    tracks: dict[int, _Track] = field(default_factory=dict)
    latest: Scene | None = None
    in_sight: list[int] = field(default_factory=list)

    def see(self, scene: Scene) -> list[tuple[TrackedInstance, _Track, Measure | None]]:
        """Take the next Scene in; each outline with its track and its measures."""
        if self.latest is not None:
            self._pass(scene.seconds - self.latest.seconds)
        # Outlines are let go, the rest of a Scene is small.
        self.latest = bare = replace(scene, instances=())
        self.in_sight = [tracked.track_id for tracked in scene.instances]
        aspect = float(self.info.sample_aspect_ratio)
        seen = []
        for tracked in scene.instances:
            new = _Track(tracked.label, bare, bare)
            track = self.tracks.setdefault(tracked.track_id, new)
            found = measured(tracked.shape, aspect)
            track.move(bare, found, aspect)
            seen.append((tracked, track, found))
        return seen

    def end(self) -> None:
        """The last frame has been shown for as long as it lasts."""
        if self.latest is not None and self.latest.duration is not None:
            self._pass(self.latest.duration * self.latest.time_base)
        self.in_sight = []

    def _pass(self, time: Fraction) -> None:
        for number in self.in_sight:
            self.tracks[number].in_view += time


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
