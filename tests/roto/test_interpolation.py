"""Layers of keyed shapes on single frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import scenes
from videoseg.geometry import masks
from videoseg.roto.interpolation import knots_on, mask_on, placed, placement_on, shapes_on
from videoseg.roto.layers import roto_layers
from videoseg.types import Knot, Placement, RotoLayer, RotoShape

SIZE = {"width": 120, "height": 80}


def rectangle(x1: float, y1: float, x2: float, y2: float) -> tuple[Knot, ...]:
    """Corners without handles: straight edges."""
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return tuple(Knot(x, y, 0, 0, 0, 0) for x, y in corners)


def shape(keys: dict[int, tuple[Knot, ...]], *, op: str = "add", part: int = 0) -> RotoShape:
    return RotoShape("clip", 1, "cat", op, part, (min(keys), max(keys)), keys)  # type: ignore[arg-type]


def layer(*shapes: RotoShape, **more: object) -> RotoLayer:
    return RotoLayer("clip", 1, "cat", shapes, **more)  # type: ignore[arg-type]


def box(made: RotoLayer, frame: int) -> tuple[int, int, int, int]:
    mask = mask_on(made, frame, **SIZE)
    assert mask is not None
    return mask.box


def test_between_keys_knots_move_evenly() -> None:
    made = layer(shape({10: rectangle(10, 10, 30, 20), 14: rectangle(30, 10, 50, 40)}))
    assert [box(made, frame) for frame in (10, 11, 12, 14)] == [
        (10, 10, 30, 20),
        (15, 10, 35, 25),
        (20, 10, 40, 30),
        (30, 10, 50, 40),
    ]
    assert shapes_on(made, 9) == shapes_on(made, 15) == []
    assert mask_on(made, 9, **SIZE) is None


def test_placements_move_evenly_and_rest_outside_their_keys() -> None:
    still = shape({0: rectangle(10, 10, 30, 20), 9: rectangle(10, 10, 30, 20)})
    made = layer(still, placements={2: Placement(x=4), 6: Placement(x=20, y=8)})
    assert [box(made, frame)[:2] for frame in (0, 2, 4, 6, 9)] == [
        (14, 10),
        (14, 10),
        (22, 14),
        (30, 18),
        (30, 18),
    ]
    assert placement_on(layer(still), 3) == Placement()


def test_a_layer_turns_clockwise_on_screen_about_its_pivot() -> None:
    still = shape({0: rectangle(40, 40, 60, 44)})
    made = layer(still, pivot=(40, 40), placements={0: Placement(rotation=90, scale=0.5)})
    (ring,) = shapes_on(made, 0)
    corners = sorted(ring.points.round(4).tolist())
    assert corners == [[38, 40], [38, 50], [40, 40], [40, 50]]
    assert box(made, 0) == (38, 40, 40, 50)


def test_handles_turn_with_their_knots() -> None:
    knots = np.array([(50.0, 50, -3, 0, 3, 0)])
    turned = placed(knots, Placement(x=1, y=2, rotation=90, scale=2), (50.0, 40.0))
    assert turned == pytest.approx(np.array([(31.0, 42, 0, -6, 0, 6)]))


def test_a_hole_is_taken_from_its_own_part_alone() -> None:
    rings = [
        shape({0: rectangle(45, 35, 55, 45)}),
        shape({0: rectangle(20, 20, 80, 60)}, part=1),
        shape({0: rectangle(30, 30, 70, 50)}, op="subtract", part=1),
    ]
    mask = mask_on(layer(*rings), 0, **SIZE)
    assert mask is not None
    assert mask.area == 60 * 40 - 40 * 20 + 10 * 10
    assert [(ring.op, ring.part) for ring in shapes_on(layer(*rings), 0)] == [
        ("add", 0),
        ("add", 1),
        ("subtract", 1),
    ]


@given(st.integers(0, 20), st.integers(1, 20), st.floats(0, 1))
def test_in_between_knots_lie_on_the_line_of_their_keys(first: int, count: int, by: float) -> None:
    one, other = rectangle(0, 0, 10, 10), rectangle(30, -10, 50, 60)
    made = shape({first: one, first + count: other})
    expected = (1 - by) * np.array(one) + by * np.array(other)
    assert knots_on(made, first + by * count) == pytest.approx(expected)


def test_layers_of_a_run_show_its_masks() -> None:
    run = scenes.moving()
    for made in roto_layers(run, 1):
        for scene in run:
            there = [each for each in scene.instances if each.track_id == made.track_id]
            drawn = mask_on(made, scene.index, scenes.WIDTH, scenes.HEIGHT)
            assert (drawn is not None) == bool(there)
            if drawn is not None:
                assert masks.iou(drawn, there[0].instance.mask) > 0.9
