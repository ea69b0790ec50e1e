"""Layers of keyed shapes by the numbers of frames on a timeline, ready to be written."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from videoseg.formats.frame_numbers import Timeline
from videoseg.formats.literals import track_name
from videoseg.formats.palette import colour_of
from videoseg.roto.matte_groups import matte_groups
from videoseg.types import Knot, Placement, RotoLayer, RotoShape, StreamInfo


@dataclass(frozen=True, slots=True)
class Clip:
    """A stream as media programs see it.

    Attributes:
        info: The stream.
        first: The number of its first frame.
        last: The number of the run's last frame.
        rate: Frames per second.
    """

    info: StreamInfo
    first: int
    last: int
    rate: Fraction

    @classmethod
    def of(cls, timeline: Timeline) -> Clip:
        """The clip of a timeline that has all its frames."""
        return cls(timeline.info, timeline.first, timeline.last, timeline.rate)


@dataclass(frozen=True, slots=True, eq=False)
class NumberedShape:
    """One ring of a track.

    Attributes:
        name: Unique in the stream: ASCII letters, digits and ``_``.
        op: ``subtract`` for a hole, else ``add``.
        part: Counts the parts of a track from 0; a hole has the part's that it is in.
        keys: Knots by number, ascending; in between they move evenly, outside they rest.
        on: The first number on which it is there.
        off: The first number after it.
    """

    name: str
    op: Literal["add", "subtract"]
    part: int
    keys: Mapping[int, tuple[Knot, ...]]
    on: int
    off: int

    def presence(self, first: int) -> list[tuple[int, bool]]:
        """Whether it is there, by numbers that rise; right between keys of any kind.

        Args:
            first: The number of the clip's first frame, before which none is needed.
        """
        before = [(self.on - 1, False)] if self.on > first else []
        after = [(self.off - 1, True)] if self.off - 1 > self.on else []
        return [*before, (self.on, True), *after, (self.off, False)]


@dataclass(frozen=True, slots=True, eq=False)
class NumberedLayer:
    """A track.

    Attributes:
        name: Unique in the stream: ASCII letters, digits and ``_``.
        label: The track's label, as the user wrote it.
        track_id: The track.
        colour: Red, green and blue, 0 to 255.
        groups: The track is all of them together, each its parts without its holes, which follow.
        pivot: As in ``RotoLayer``.
        placements: As in ``RotoLayer``, by number.
    """

    name: str
    label: str
    track_id: int
    colour: tuple[int, int, int]
    groups: tuple[tuple[NumberedShape, ...], ...]
    pivot: tuple[float, float]
    placements: Mapping[int, Placement]

    def group_name(self, group: int) -> str:
        """The name of a group; of the only one, or the first, the layer's own."""
        return self.name if group == 0 else f"{self.name}_group{group + 1}"


def numbered(layer: RotoLayer, timeline: Timeline) -> NumberedLayer:
    """A layer by the numbers of its stream's frames."""
    name = track_name(layer.track_id, layer.label)
    holes: dict[int, int] = {}

    def shape_name(shape: RotoShape) -> str:
        part = f"{name}_part{shape.part + 1}"
        if shape.op == "add":
            return part
        holes[shape.part] = holes.get(shape.part, 0) + 1
        return f"{part}_hole{holes[shape.part]}"

    groups = tuple(
        tuple(_numbered_shape(shape, shape_name(shape), timeline) for shape in group)
        for group in matte_groups(layer)
    )
    return NumberedLayer(
        name=name,
        label=layer.label,
        track_id=layer.track_id,
        colour=colour_of(layer.track_id),
        groups=groups,
        pivot=layer.pivot,
        placements={timeline.numbers[frame]: each for frame, each in layer.placements.items()},
    )


def _numbered_shape(shape: RotoShape, name: str, timeline: Timeline) -> NumberedShape:
    on = timeline.numbers[shape.visible[0]]
    return NumberedShape(
        name=name,
        op=shape.op,
        part=shape.part,
        keys={timeline.numbers[frame]: knots for frame, knots in shape.keys.items()},
        on=on,
        off=max(_number_after(timeline, shape.visible[1]), on + 1),
    )


def _number_after(timeline: Timeline, frame: int) -> int:
    """The number of the frame of the run that follows, or the one after the last."""
    frames = list(timeline.numbers)
    place = bisect.bisect_right(frames, frame)
    return timeline.numbers[frames[place]] if place < len(frames) else timeline.last + 1
