"""A track as keyed shapes, for programs in which people go on drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple


class Knot(NamedTuple):
    """A corner of a keyed shape, in pixels of the frame, and its two handles relative to it.

    Attributes:
        x: Position.
        y: Position.
        in_dx: Handle of the curve that ends here.
        in_dy: Handle of the curve that ends here.
        out_dx: Handle of the curve that begins here.
        out_dy: Handle of the curve that begins here.
    """

    x: float
    y: float
    in_dx: float
    in_dy: float
    out_dx: float
    out_dy: float


@dataclass(frozen=True, slots=True, eq=False)
class RotoShape:
    """One ring of a track over a span of frames, by keys; in between, knots move evenly.

    A track is the shapes that are added, without those that are subtracted from them. A hole has
    the ``part`` that it is in, and, while it is there, the key frames of that part among its own.

    Attributes:
        stream: Name of the stream.
        track_id: The track that it is part of.
        label: The track's label.
        op: ``subtract`` for a hole, else ``add``.
        part: Counts the parts of a track over the whole run from 0.
        visible: First and last frame of the span, both included.
        keys: Knots by frame index, ascending, first and last frame of the span with them; as many
            on each, and one knot the same place of the outline on all.
        closed: Whether the last knot is joined to the first.
    """

    stream: str
    track_id: int
    label: str
    op: Literal["add", "subtract"]
    part: int
    visible: tuple[int, int]
    keys: Mapping[int, tuple[Knot, ...]]
    closed: bool = True

    def __post_init__(self) -> None:
        first, last = self.visible
        frames = list(self.keys)
        if frames != sorted(frames) or frames[:1] != [first] or frames[-1:] != [last]:
            raise ValueError(f"keys rise from {first} to {last}, got {frames}")
        counts = {len(knots) for knots in self.keys.values()}
        if len(counts) != 1 or 0 in counts:
            raise ValueError(f"all keys have as many knots, got {counts}")
