"""A track as keyed shapes, for programs in which people go on drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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

    A track is the shapes that are added, without those that are subtracted from them. Each part has
    one that is added, and a hole the ``part`` that it is in.

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


class Placement(NamedTuple):
    """How a layer lies on a frame: scaled and turned about its pivot, then moved.

    A point ``p`` of the layer is at ``pivot + (x, y) + scale * R(rotation) (p - pivot)``.

    Attributes:
        x: Move to the right, pixels.
        y: Move down, pixels.
        rotation: Turn, degrees, clockwise on screen.
        scale: Factor, > 0.
    """

    x: float = 0.0
    y: float = 0.0
    rotation: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class RotoLayer:
    """A whole track as keyed shapes on a layer that moves.

    The layer's ``placements`` carry the motion of the object as a whole; the ``shapes``, whose
    knots are in the layer's own coordinates, what is left of it. Between keys the numbers of a
    placement move evenly, each by itself, as in all programs for roto shapes; before the first
    and after the last they rest. Without placements the layer lies on the frame as it is.

    Attributes:
        stream: Name of the stream.
        track_id: The track.
        label: The track's label.
        shapes: Its parts and holes, in the order of their beginnings; a hole after its part.
        pivot: The point, x and y in pixels, about which the layer is scaled and turned.
        placements: By frame index, ascending.
    """

    stream: str
    track_id: int
    label: str
    shapes: tuple[RotoShape, ...]
    pivot: tuple[float, float] = (0.0, 0.0)
    placements: Mapping[int, Placement] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if list(self.placements) != sorted(self.placements):
            raise ValueError(f"placements rise by frame, got {list(self.placements)}")
        if any(placement.scale <= 0 for placement in self.placements.values()):
            raise ValueError("the scale of a placement is above 0")
