"""Layers whose motion their shapes have taken over."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support import roto_runs
from videoseg.roto.baking import baked
from videoseg.roto.interpolation import knots_on, placed, placement_on
from videoseg.types import RotoLayer

FRAMES = range(roto_runs.FRAMES)


@pytest.mark.parametrize("tolerance", [0.01, 0.25, 2])
def test_knots_and_handles_are_within_the_tolerance_on_every_frame(tolerance: float) -> None:
    layer = next(roto_runs.placed().layers())
    made = baked(layer, tolerance, FRAMES)
    assert made.placements == {}
    for before, after in zip(layer.shapes, made.shapes, strict=True):
        assert after.visible == before.visible
        for frame in range(before.visible[0], before.visible[1] + 1):
            knots = placed(knots_on(before, frame), placement_on(layer, frame), layer.pivot)
            off = ends(knots) - ends(knots_on(after, frame))
            assert np.linalg.norm(off, axis=-1).max() <= tolerance + 1e-9


def test_a_larger_tolerance_takes_fewer_keys() -> None:
    layer = next(roto_runs.placed().layers())
    counts = [len(baked(layer, tolerance, FRAMES).shapes[0].keys) for tolerance in (0.01, 0.25, 2)]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]
    assert len(baked(layer, 1e9, FRAMES).shapes[0].keys) == 2


def test_a_layer_at_rest_is_as_it_was() -> None:
    layer = roto_runs.nested()
    assert baked(layer, 1, FRAMES) is layer


def ends(knots: np.ndarray) -> np.ndarray:
    """Knots and the ends of their handles, (S, 3, 2)."""
    places = knots.reshape(-1, 3, 2).copy()
    places[:, 1:] += places[:, :1]
    return places


def test_motion_without_turning_needs_no_more_keys() -> None:
    moving = next(roto_runs.placed().layers())
    straight = {at: each._replace(rotation=0.0) for at, each in moving.placements.items()}
    still = RotoLayer("clip", 1, "x", moving.shapes[1:], moving.pivot, straight)
    assert sorted(baked(still, 0.01, FRAMES).shapes[0].keys) == [4, 8, 14]


def test_shifts_may_stay_on_the_layer() -> None:
    moving = next(roto_runs.placed().layers())
    made = baked(moving, 0.01, FRAMES, shifts=True)
    assert {at: each[:2] for at, each in made.placements.items()} == {
        at: each[:2] for at, each in moving.placements.items()
    }
    assert {each[2:] for each in made.placements.values()} == {(0, 1)}
    for before, after in zip(moving.shapes, made.shapes, strict=True):
        for frame in range(before.visible[0], before.visible[1] + 1):
            one, other = (
                placed(knots_on(shape, frame), placement_on(layer, frame), layer.pivot)
                for layer, shape in ((moving, before), (made, after))
            )
            assert np.linalg.norm(ends(one) - ends(other), axis=-1).max() <= 0.011


def test_an_object_that_only_shifts_takes_no_keys_when_shifts_stay() -> None:
    moving = next(roto_runs.placed().layers())
    shifts = {at: each._replace(rotation=0.0, scale=1.0) for at, each in moving.placements.items()}
    layer = RotoLayer("clip", 1, "x", moving.shapes, moving.pivot, shifts)
    made = baked(layer, 0.01, FRAMES, shifts=True)
    assert [list(shape.keys) for shape in made.shapes] == [[2, 16], [4, 14]]


def test_keys_lie_on_frames_of_the_run_alone() -> None:
    layer = next(roto_runs.placed().layers())
    known = range(0, roto_runs.FRAMES, 2)
    made = baked(layer, 0.25, known)
    assert all(set(shape.keys) <= set(known) for shape in made.shapes)
    assert len(made.shapes[0].keys) > 2
    for before, after in zip(layer.shapes, made.shapes, strict=True):
        for frame in known[before.visible[0] // 2 : before.visible[1] // 2 + 1]:
            knots = placed(knots_on(before, frame), placement_on(layer, frame), layer.pivot)
            off = ends(knots) - ends(knots_on(after, frame))
            assert np.linalg.norm(off, axis=-1).max() <= 0.25 + 1e-9
