"""The motion of a layer put into its shapes, for programs whose masks do not move as a whole."""

from __future__ import annotations

import dataclasses

import numpy as np

from videoseg.geometry.arrays import Values
from videoseg.roto.interpolation import knots_on, placed, placement_on
from videoseg.types import Knot, RotoLayer, RotoShape


def baked(layer: RotoLayer, tolerance: float) -> RotoLayer:
    """The same layer without placements: its shapes move by their own keys.

    Between keys knots move on lines, and those of a layer that turns do not; so keys are added
    until no knot and no end of a handle is further off, on any frame.

    Args:
        layer: The layer.
        tolerance: Pixels.
    """
    if not layer.placements:
        return layer
    shapes = tuple(_baked_shape(layer, shape, tolerance) for shape in layer.shapes)
    return dataclasses.replace(layer, shapes=shapes, placements={})


def _baked_shape(layer: RotoLayer, shape: RotoShape, tolerance: float) -> RotoShape:
    first, last = shape.visible
    frames = np.arange(first, last + 1)
    knots = np.stack(
        [
            placed(knots_on(shape, frame), placement_on(layer, frame), layer.pivot)
            for frame in frames.tolist()
        ]
    )
    keys = _enough_keys(knots, tolerance)
    made = {int(frames[key]): tuple(Knot(*row) for row in knots[key].tolist()) for key in keys}
    return dataclasses.replace(shape, keys=made)


def _enough_keys(knots: Values, tolerance: float) -> list[int]:
    """Frames between which the knots of all others, float64 (F, S, 6), lie on lines."""
    places = knots.reshape(*knots.shape[:2], 3, 2).copy()
    places[:, :, 1:] += places[:, :, :1]
    keys = {0, len(places) - 1}
    spans = [(0, len(places) - 1)]
    while spans:
        first, last = spans.pop()
        share = ((np.arange(first, last + 1) - first) / max(last - first, 1))[:, None, None, None]
        even = (1 - share) * places[first] + share * places[last]
        off = np.linalg.norm(places[first : last + 1] - even, axis=3).max(axis=(1, 2))
        worst = first + int(off.argmax())
        if off.max() > tolerance:
            keys.add(worst)
            spans += [(first, worst), (worst, last)]
    return sorted(keys)
