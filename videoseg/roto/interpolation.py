"""A layer of keyed shapes on any frame: its rings in pixels of the frame, and its mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from videoseg.geometry.arrays import Points, Values
from videoseg.geometry.masks import from_bitmap
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.types import (
    Bezier,
    Bitmap,
    Knot,
    Mask,
    Part,
    Placement,
    Polygon,
    RotoLayer,
    RotoShape,
    Shape,
)


class RingOnFrame(NamedTuple):
    """One ring of a layer as it is on a frame.

    Attributes:
        op: ``subtract`` for a hole, else ``add``.
        points: float64 (P, 2), corners of its polygon in pixels of the frame.
        part: The part of the track that it is, or is a hole in.
    """

    op: Literal["add", "subtract"]
    points: Points
    part: int


def shapes_on(layer: RotoLayer, frame: int, *, error: float = 0.02) -> list[RingOnFrame]:
    """The rings of a layer that are visible on a frame, in the layer's order.

    Args:
        layer: The layer.
        frame: Index of a frame of its stream; on one without the track the list is empty.
        error: Chords of the polygons are at most this far from the curves, pixels.
    """
    placement = placement_on(layer, frame)
    return [
        RingOnFrame(
            shape.op,
            flatten(ring_of(placed(knots_on(shape, frame), placement, layer.pivot)), error=error),
            shape.part,
        )
        for shape in layer.shapes
        if shape.visible[0] <= frame <= shape.visible[1]
    ]


def mask_on(layer: RotoLayer, frame: int, width: int, height: int) -> Mask | None:
    """The pixels of a layer on a frame; None where it covers none.

    A hole is taken from its own part alone: another part may lie inside it.

    Args:
        layer: The layer.
        frame: Index of a frame of its stream.
        width: Of the frame, pixels.
        height: Of the frame, pixels.
    """
    rings = sorted(shapes_on(layer, frame), key=lambda ring: ring.op == "subtract")
    filled = [(ring, rasterise(_polygon(ring.points), width, height)) for ring in rings]
    crops = [mask.crop for _, mask in filled if mask is not None]
    if not crops:
        return None
    left, top = (min(crop[side] for crop in crops) for side in (0, 1))
    right, bottom = (max(crop[side] for crop in crops) for side in (2, 3))
    parts: dict[int, Bitmap] = {}
    for ring, mask in filled:
        if mask is not None:
            pixels = parts.setdefault(ring.part, np.zeros((bottom - top, right - left), np.bool_))
            x1, y1, x2, y2 = mask.crop
            pixels[y1 - top : y2 - top, x1 - left : x2 - left] &= ~mask.bitmap
            if ring.op == "add":
                pixels[y1 - top : y2 - top, x1 - left : x2 - left] |= mask.bitmap
    found = from_bitmap(np.logical_or.reduce(list(parts.values())))
    return found and Mask(left + found.x, top + found.y, width, height, found.bitmap)


def placement_on(layer: RotoLayer, frame: float) -> Placement:
    """How a layer lies on a frame."""
    return placement_between(layer.placements, frame)


def placement_between(placements: Mapping[int, Placement], frame: float) -> Placement:
    """Placement on a frame: each number on a line between keys, at rest outside them."""
    if not placements:
        return Placement()
    frames = list(placements)
    columns = zip(*placements.values(), strict=True)
    return Placement(*(float(np.interp(frame, frames, column)) for column in columns))


def knots_on(shape: RotoShape, frame: float) -> Values:
    """Knots of a shape on a frame of its span, as it is keyed: float64 (S, 6), as ``Knot``."""
    return _between(shape.keys, frame)


def placed(knots: Values, placement: Placement, pivot: tuple[float, float]) -> Values:
    """Knots in pixels of the frame, (S, 6) as ``Knot``, of knots in a layer's own coordinates."""
    turn = turned(placement)
    made = np.empty_like(knots)
    made[:, :2] = (knots[:, :2] - pivot) @ turn.T + np.add(pivot, placement[:2])
    made[:, 2:4] = knots[:, 2:4] @ turn.T
    made[:, 4:] = knots[:, 4:] @ turn.T
    return made


def turned(placement: Placement) -> Values:
    """The scale and rotation of a placement as a matrix, float64 (2, 2)."""
    angle = np.deg2rad(placement.rotation)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.asarray(placement.scale * np.array([[cosine, -sine], [sine, cosine]]))


def ring_of(knots: Values) -> Bezier:
    """The closed curve through knots, (S, 6) as ``Knot``."""
    ends = np.roll(knots, -1, axis=0)
    segments = np.stack(
        [knots[:, :2] + knots[:, 4:], ends[:, :2] + ends[:, 2:4], ends[:, :2]], axis=1
    )
    return Bezier(segments.astype(np.float32))


def _between(keys: Mapping[int, tuple[Knot, ...]], frame: float) -> Values:
    frames = np.array(list(keys))
    after = int(np.clip(np.searchsorted(frames, frame), 0, len(frames) - 1))
    before = max(after - 1, 0) if frames[after] > frame else after
    one, other = (np.array(keys[int(frames[place])], np.float64) for place in (before, after))
    length = max(frames[after] - frames[before], 1)
    share = np.clip((frame - frames[before]) / length, 0, 1)
    return np.asarray((1 - share) * one + share * other)


def _polygon(points: Points) -> Shape:
    return Shape((Part(Polygon(points.astype(np.float32))),))
