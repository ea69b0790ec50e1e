"""Shapes of a track in groups that programs may draw one shape after another.

A hole is taken from its own part alone. Programs take it from all that is drawn before it, also
from a part that lies inside the hole; so such a part goes into another group.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from videoseg.geometry.rings import flatten
from videoseg.roto.interpolation import knots_on, ring_of
from videoseg.types import RotoLayer, RotoShape

_LEAST_CUT = 2.0
"""Square pixels that a hole must cut from another part to matter."""
_LEAST_SHARE = 0.01
"""Least share that these must have in the smaller of the two."""


def matte_groups(layer: RotoLayer) -> list[list[RotoShape]]:
    """Groups of shapes; the track is all groups together, each its parts without its holes.

    Drawn one after another on the same picture, too, groups give the track: a part in a hole is in
    a later group than the hole. Only where two parts lie in holes of each other, at different
    times, no order does.

    Returns:
        In each group the parts first, and then the holes.
    """
    parts: dict[int, list[RotoShape]] = {}
    for shape in layer.shapes:
        parts.setdefault(shape.part, []).append(shape)
    cuts = functools.cache(lambda one, other: one != other and _cuts(parts[one], parts[other]))
    groups: list[list[int]] = []
    waiting = list(parts)
    while waiting:
        free = (each for each in waiting if not any(cuts(other, each) for other in waiting))
        part = next(free, waiting[0])
        waiting.remove(part)
        apart = [
            place
            for place, group in enumerate(groups)
            if any(cuts(part, other) or cuts(other, part) for other in group)
        ]
        place = max(apart, default=-1) + 1
        groups[place:] = groups[place:] or [[]]
        groups[place].append(part)
    return [
        sorted(
            (shape for part in group for shape in parts[part]), key=lambda each: each.op != "add"
        )
        for group in groups
    ]


def _cuts(part: Sequence[RotoShape], other: Sequence[RotoShape]) -> bool:
    """Whether a hole of a part would take something from another part."""
    holes = [shape for shape in part if shape.op == "subtract"]
    rings = [shape for shape in other if shape.op == "add"]
    return any(_cut_by(hole, ring, other) for hole in holes for ring in rings)


def _cut_by(hole: RotoShape, ring: RotoShape, other: Sequence[RotoShape]) -> bool:
    first = max(hole.visible[0], ring.visible[0])
    last = min(hole.visible[1], ring.visible[1])
    if first > last or not _boxes_meet(_box(hole), _box(ring)):
        return False
    return any(_cut_on(frame, hole, ring, other) for frame in range(first, last + 1))


def _cut_on(frame: int, hole: RotoShape, ring: RotoShape, other: Sequence[RotoShape]) -> bool:
    from shapely import Polygon
    from shapely.ops import unary_union

    def region(shape: RotoShape) -> Polygon:
        return Polygon(flatten(ring_of(knots_on(shape, frame)))).buffer(0)

    cutting, cut = region(hole), region(ring)
    if not cutting.intersects(cut):
        return False
    own = [
        region(shape)
        for shape in other
        if shape.op == "subtract" and shape.visible[0] <= frame <= shape.visible[1]
    ]
    lost = float(cutting.intersection(cut.difference(unary_union(own))).area)
    return lost > max(_LEAST_CUT, _LEAST_SHARE * min(cutting.area, cut.area))


def _box(shape: RotoShape) -> tuple[float, float, float, float]:
    """What a shape stays within over its whole span."""
    knots = np.concatenate([np.array(knots) for knots in shape.keys.values()])
    places = np.concatenate(
        [knots[:, :2], knots[:, :2] + knots[:, 2:4], knots[:, :2] + knots[:, 4:]]
    )
    (x1, y1), (x2, y2) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return x1, y1, x2, y2


def _boxes_meet(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
