"""The motion of a layer put into its shapes, for programs whose masks do not move as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Values
from videoseg.roto.interpolation import knots_on, placed, placement_between, placement_on
from videoseg.types import Knot, Placement, RotoLayer, RotoShape


def baked(
    layer: RotoLayer, tolerance: float, frames: Sequence[int], *, shifts: bool = False
) -> RotoLayer:
    """The same layer without placements, or without their turns: shapes move by their own keys.

    Between keys knots move on lines, and those of a layer that turns do not; so keys are added
    until no knot and no end of a handle is further off, on any frame of the run.

    Args:
        layer: The layer.
        tolerance: Pixels.
        frames: Of the run, rising; keys lie on no others, which have no number.
        shifts: Whether the placements stay as far as they move the layer without turning it.
    """
    if not layer.placements:
        return layer
    known = np.asarray(frames, dtype=np.int64)
    left = {at: Placement(each.x, each.y) for at, each in layer.placements.items() if shifts}
    shapes = tuple(_baked_shape(layer, left, shape, tolerance, known) for shape in layer.shapes)
    return dataclasses.replace(layer, shapes=shapes, placements=left)


def _baked_shape(
    layer: RotoLayer,
    left: Mapping[int, Placement],
    shape: RotoShape,
    tolerance: float,
    known: npt.NDArray[np.int64],
) -> RotoShape:
    first, last = shape.visible
    frames = known[(known >= first) & (known <= last)]
    knots = np.stack(
        [
            placed(
                knots_on(shape, frame),
                _without(placement_on(layer, frame), placement_between(left, frame)),
                layer.pivot,
            )
            for frame in frames.tolist()
        ]
    )
    keys = _enough_keys(knots, frames, tolerance)
    made = {int(frames[key]): tuple(Knot(*row) for row in knots[key].tolist()) for key in keys}
    return dataclasses.replace(shape, keys=made)


def _without(placement: Placement, shift: Placement) -> Placement:
    return placement._replace(x=placement.x - shift.x, y=placement.y - shift.y)


def _enough_keys(knots: Values, frames: npt.NDArray[np.int64], tolerance: float) -> list[int]:
    """Places in ``frames`` between which all other knots, float64 (F, S, 6), lie on lines."""
    places = knots.reshape(*knots.shape[:2], 3, 2).copy()
    places[:, :, 1:] += places[:, :, :1]
    keys = {0, len(places) - 1}
    spans = [(0, len(places) - 1)]
    while spans:
        first, last = spans.pop()
        passed = frames[first : last + 1] - frames[first]
        share = (passed / max(passed[-1], 1))[:, None, None, None]
        even = (1 - share) * places[first] + share * places[last]
        off = np.linalg.norm(places[first : last + 1] - even, axis=3).max(axis=(1, 2))
        worst = first + int(off.argmax())
        if off.max() > tolerance:
            keys.add(worst)
            spans += [(first, worst), (worst, last)]
    return sorted(keys)
