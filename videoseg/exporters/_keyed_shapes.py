"""What all exporters of keyed shapes share: settings, names of files, tracks by frame numbers."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.formats.frame_numbers import FIRST, Numbering, Timeline, timelines
from videoseg.geometry.arrays import Values
from videoseg.protocols import RunReader
from videoseg.roto.baking import baked
from videoseg.roto.numbered import Clip, NumberedLayer, NumberedShape, numbered
from videoseg.system.output_files import stream_names, writing
from videoseg.types import Knot, RotoLayer, StreamInfo

_log = logging.getLogger(__name__)

_NAME = "shapes"
_BAKING_SHARE = 0.25
"""Share of the tolerance that a layer's motion may be off, where its shapes take it over."""


@dataclass
class KeyedShapes:
    """The base of exporters that write keyed shapes, one layer at a time.

    Several streams get files of their own. A subclass has the endings of its files and
    ``_write``.
    """

    tolerance: Annotated[
        float, Doc("how far shapes may be off the outlines, pixels from 0.1"), Ge(0.1)
    ] = 1.0
    _endings: ClassVar[tuple[str, ...]]
    _moves_layers: ClassVar[bool] = False
    """Whether the format has layers that move; else shapes take the motion over."""
    _shifts_layers: ClassVar[bool] = False
    """Whether it has layers that move without turning; then shapes take over the rest alone."""

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """For each stream a file of each ending."""
        return tuple(name for names in self._names(streams).values() for name in names)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from two passes over the run's Scenes."""
        found = timelines(run.scenes(), run.streams, *self._numbers())
        uneven = [stream for stream, timeline in found.items() if timeline.uneven]
        if uneven:
            _log.warning(
                "%s: frames come at uneven times, and keys lie at the nearest frame of a constant "
                "rate",
                ", ".join(uneven),
            )
        left = dict(found)
        for stream, layers in itertools.groupby(
            run.layers(self.tolerance), lambda each: each.stream
        ):
            self._write_stream(folder, run.streams, left.pop(stream), layers)
        for timeline in left.values():
            self._write_stream(folder, run.streams, timeline, ())

    def _numbers(self) -> tuple[Numbering, int]:
        """How frames are numbered, and the first number where that is by shot."""
        return "shot", 0

    def _names(self, streams: Mapping[str, StreamInfo]) -> dict[str, list[str]]:
        if len(streams) == 1:
            bases = dict.fromkeys(streams, _NAME)
        else:
            bases = {stream: f"{_NAME}-{name}" for stream, name in stream_names(streams).items()}
        return {
            stream: [f"{base}{ending}" for ending in self._endings_of(streams[stream])]
            for stream, base in bases.items()
        }

    def _endings_of(self, info: StreamInfo) -> Sequence[str]:  # noqa: ARG002 -- for subclasses
        return self._endings

    def _write_stream(
        self,
        folder: Path,
        streams: Mapping[str, StreamInfo],
        timeline: Timeline,
        layers: Iterable[RotoLayer],
    ) -> None:
        names = self._names(streams)[timeline.info.stream]
        with writing(folder), ExitStack() as opened:
            files = [
                opened.enter_context((folder / name).open("w", encoding="utf-8", newline="\n"))
                for name in names
            ]
            self._write(files, Clip.of(timeline), self._numbered(layers, timeline))

    def _numbered(self, layers: Iterable[RotoLayer], timeline: Timeline) -> Iterator[NumberedLayer]:
        # Programs turn layers in the shape that pixels have on screen, placements turn pixels.
        moves = self._moves_layers and timeline.info.sample_aspect_ratio == 1
        frames, tolerance = tuple(timeline.numbers), _BAKING_SHARE * self.tolerance
        for layer in layers:
            if not moves:
                layer = baked(layer, tolerance, frames, shifts=self._shifts_layers)
            yield numbered(layer, timeline)

    def _write(self, files: Sequence[IO[str]], clip: Clip, layers: Iterator[NumberedLayer]) -> None:
        """Write one stream, into a file for each ending."""
        raise NotImplementedError


@dataclass
class NumberedShapes(KeyedShapes):
    """The base of exporters for programs whose frames have numbers."""

    start_frame: Annotated[int, Doc("number of the first frame, where numbering is by shot")] = (
        FIRST
    )
    numbering: Annotated[
        Numbering, Doc("numbers of frames: from start_frame on, or those that the source has")
    ] = "shot"

    def _numbers(self) -> tuple[Numbering, int]:
        return self.numbering, self.start_frame


def covered(shapes: Sequence[NumberedShape], clip: Clip) -> tuple[int, int, int, int]:
    """The frame and all that shapes reach, left, top, right and bottom in whole pixels."""
    rows = np.concatenate([absolute(knots) for shape in shapes for knots in shape.keys.values()])
    low, high = rows.reshape(-1, 2).min(axis=0), rows.reshape(-1, 2).max(axis=0)
    left, top = (min(0, math.floor(value)) for value in low.tolist())
    right = max(clip.info.width, math.ceil(high[0]))
    bottom = max(clip.info.height, math.ceil(high[1]))
    return left, top, right, bottom


def absolute(knots: Sequence[Knot]) -> Values:
    """Knots as places: position, end of the handle in, end of the handle out, float64 (S, 6)."""
    rows = np.array(knots, dtype=np.float64)
    rows[:, 2:4] += rows[:, :2]
    rows[:, 4:] += rows[:, :2]
    return rows


def upside_down(knots: Sequence[Knot], height: int) -> Values:
    """Knots where y counts from the bottom, float64 (S, 6) as ``Knot``."""
    rows = np.array(knots, dtype=np.float64)
    rows[:, 1] = height - rows[:, 1]
    rows[:, 3::2] *= -1
    return rows
