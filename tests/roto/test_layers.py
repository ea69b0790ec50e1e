"""Tracks as layers: the motion of the whole on placements, few keys on shapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import scenes
from videoseg.geometry import masks
from videoseg.geometry.arrays import Points
from videoseg.roto.interpolation import mask_on, placement_on, shapes_on
from videoseg.roto.layers import PLACEMENT_COST, roto_layers, roto_shapes
from videoseg.roto.placements import LayerMotion, motion_of
from videoseg.roto.ring_tracks import LONGEST, ring_groups
from videoseg.roto.target_ring import TargetRing, evenly
from videoseg.types import (
    Instance,
    Knot,
    Mask,
    Part,
    Placement,
    Polygon,
    RotoLayer,
    RotoShape,
    Scene,
    Shape,
    TrackedInstance,
)

SIZE = {"width": 200, "height": 150}
ANYWHERE = scenes.rectangle(0, 0, 1, 1, **SIZE)
"""The mask of things that are drawn by their outlines alone."""


def outlined(rings: Sequence[Points | None], *, holes: Sequence[Points | None] = ()) -> list[Scene]:
    """Scenes of one track with these outlines, frame by frame; None where it is not seen."""
    made = []
    for index, ring in enumerate(rings):
        hole = holes[index] if holes else None
        shape = None
        if ring is not None:
            inner = () if hole is None else (Polygon(hole[::-1].astype(np.float32)),)
            shape = Shape((Part(Polygon(ring.astype(np.float32)), inner),))
        there = () if shape is None else (TrackedInstance(1, Instance(ANYWHERE, 1, 0), shape, "x"),)
        made.append(scenes.scene(*there, index=index))
    return made


def square(x: float, y: float, *, size: float = 40, turn: float = 0) -> Points:
    """A square about a point, corners every 4 px along it; ``turn`` in degrees."""
    side = np.linspace(-0.5, 0.5, 11)[:-1]
    ring = np.concatenate(
        [
            np.column_stack([side, np.full(10, -0.5)]),
            np.column_stack([np.full(10, 0.5), side]),
            np.column_stack([-side, np.full(10, 0.5)]),
            np.column_stack([np.full(10, -0.5), -side]),
        ]
    )
    angle = np.deg2rad(turn)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(size * ring @ matrix.T + (x, y))


def layer_of(found: Sequence[Scene], tolerance: float = 1.0) -> RotoLayer:
    (layer,) = roto_layers(found, tolerance)
    return layer


def off(layer: RotoLayer, found: Sequence[Scene]) -> list[float]:
    """How far 95 % of the drawn corners are from the outline, on each frame that has one."""
    apart = []
    for scene in found:
        drawn = [ring.points for ring in shapes_on(layer, scene.index)]
        real = [ring for each in scene.instances for ring in each.shape.rings]
        assert len(drawn) == len(real)
        for one, other in zip(drawn, real, strict=True):
            target = TargetRing.of(other.flattened(0.02))
            back = TargetRing.of(one)
            both = [target.distances(evenly(one, 200)), back.distances(target.places)]
            apart.append(float(np.percentile(np.concatenate(both), 95)))
    return apart


def test_a_still_object_takes_one_key_where_it_begins_and_one_where_it_ends() -> None:
    layer = layer_of(outlined([square(60, 60)] * 9))
    assert layer.placements == {}
    assert [list(shape.keys) for shape in layer.shapes] == [[0, 8]]


def test_what_moves_evenly_gains_nothing_from_placements() -> None:
    layer = layer_of(outlined([square(50 + 4 * n, 60 + n) for n in range(12)]))
    assert layer.placements == {}
    assert [list(shape.keys) for shape in layer.shapes] == [[0, 11]]


def test_a_square_that_moves_as_a_whole_takes_a_placement_where_its_motion_turns() -> None:
    places = [4 * n if n < 7 else 24 - 5 * (n - 6) for n in range(13)]
    found = outlined(
        [square(60 + place, 60, turn=3.0 * abs(n - 6)) for n, place in enumerate(places)]
    )
    layer = layer_of(found, 0.5)
    assert [list(shape.keys) for shape in layer.shapes] == [[0, 12]]
    assert list(layer.placements) == [0, 6, 12]
    assert layer.pivot == pytest.approx((60, 60), abs=0.1)
    assert layer.placements[6].x == pytest.approx(24, abs=0.2)
    assert layer.placements[6].rotation == pytest.approx(-18, abs=0.3)
    assert max(off(layer, found)) < 0.55


@settings(max_examples=8)
@given(st.lists(st.tuples(*[st.floats(-4, 4)] * 2, st.floats(-5, 5)), min_size=1, max_size=3))
def test_any_motion_in_stretches_leaves_the_shape_two_keys(
    steps: list[tuple[float, float, float]],
) -> None:
    pose, rings = np.array([90.0, 70, 0]), [square(90, 70)]
    for step in steps:
        for _ in range(5):
            pose = pose + step
            rings.append(square(pose[0], pose[1], turn=float(pose[2])))
    found = outlined(rings)
    layer = layer_of(found)
    assert [len(shape.keys) for shape in layer.shapes] == [2]
    assert len(layer.placements) <= len(steps) + 1
    assert max(off(layer, found)) <= 1.05


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_layers_keep_to_the_tolerance_and_cost_no_more_than_shapes_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rings = [
        square(*(60 + rng.normal(0, 2, 2) + 3 * n), size=30 + rng.uniform(-3, 3)) for n in range(8)
    ]
    found = outlined(rings)
    layer = layer_of(found, 1.5)
    assert max(off(layer, found)) <= 1.6
    alone = sum(len(shape.keys) for shape in roto_shapes(found, 1.5))
    keys = sum(len(shape.keys) for shape in layer.shapes)
    assert keys + PLACEMENT_COST * len(layer.placements) <= alone


def test_a_hole_moves_with_its_part() -> None:
    rng = np.random.default_rng(3)
    # Edges between pixels, as those of masks are.
    places = np.round(np.cumsum(rng.normal(0, 3, (14, 2)), axis=0) + 75)
    found = outlined(
        [square(*place, size=60) for place in places],
        holes=[square(*place, size=24) for place in places],
    )
    layer = layer_of(found)
    assert [shape.op for shape in layer.shapes] == ["add", "subtract"]
    assert [len(shape.keys) for shape in layer.shapes] == [2, 2]
    assert layer.placements
    assert max(off(layer, found)) <= 1.05


def test_an_object_that_vanishes_comes_back_on_the_same_layer() -> None:
    rng = np.random.default_rng(4)
    places = np.cumsum(rng.normal(0, 3, (20, 2)), axis=0) + 75
    rings: list[Points | None] = [square(*place) for place in places]
    rings[8:11] = [None] * 3
    found = outlined(rings)
    layer = layer_of(found)
    assert [shape.visible for shape in layer.shapes] == [(0, 7), (11, 19)]
    assert [len(shape.keys) for shape in layer.shapes] == [2, 2]
    assert {0, 7, 11, 19} <= set(layer.placements)
    assert shapes_on(layer, 9) == []
    assert max(off(layer, found)) <= 1.05


def test_masks_of_layers_are_those_of_the_run() -> None:
    found = [scenes.disc(60 + 9 * np.sin(n), 60, 30, hole=12, **SIZE) for n in range(12)]
    run = [scenes.scene(scenes.tracked(mask), index=n) for n, mask in enumerate(found)]
    layer = layer_of(run)
    assert min(masks.iou(drawn(layer, n), mask) for n, mask in enumerate(found)) >= 0.97


def drawn(layer: RotoLayer, frame: int) -> Mask:
    mask = mask_on(layer, frame, **SIZE)
    assert mask is not None
    return mask


def test_rings_of_a_track_are_cut_together_so_that_memory_is_bounded() -> None:
    both = Shape(tuple(Part(Polygon(square(x, 60, size=20).astype(np.float32))) for x in (40, 120)))
    one = Shape(both.parts[:1])
    found = [
        scenes.scene(
            TrackedInstance(1, Instance(ANYWHERE, 1, 0), one if n < 9 else both, "x"), index=n
        )
        for n in range(LONGEST + 5)
    ]
    groups = [group for _, group in ring_groups(found)]
    spans = [[(each.scenes[0][0], each.scenes[-1][0]) for each in group] for group in groups]
    whole = LONGEST - 1, LONGEST + 4
    assert [sorted(each) for each in spans] == [
        [(0, whole[0]), (9, whole[0])],
        [(LONGEST, whole[1]), (LONGEST, whole[1])],
    ]


def test_what_jumps_further_than_its_size_is_still_one_ring() -> None:
    layer = layer_of(outlined([square(30 + 45 * n, 60) for n in range(4)]))
    assert [list(shape.keys) for shape in layer.shapes] == [[0, 3]]


def test_motion_counts_what_moves_otherwise_for_less() -> None:
    before = square(60, 60)
    after = square(64, 58, turn=10)
    after[:8] += (25, -30)
    motion = motion_of([4, 5], [(before, after)])
    assert motion.centres[1] == pytest.approx((64, 58), abs=0.3)
    assert motion.rotations[1] == pytest.approx(10, abs=0.7)
    assert motion.scales[1] == pytest.approx(1, abs=0.01)


@given(
    st.floats(-50, 50), st.floats(-50, 50), st.floats(-400, 400), st.floats(0.2, 5), st.floats(0, 9)
)
def test_into_a_layer_and_out_again_is_where_it_was(
    x: float, y: float, rotation: float, scale: float, frame: float
) -> None:
    placements = {0: Placement(), 9: Placement(x, y, rotation, scale)}
    ring = square(60, 60)
    maps = LayerMotion((50, 40), placements).maps([int(frame)])
    inner = maps.into_layer(0, ring)
    assert maps.onto_frame(0, inner) == pytest.approx(ring, abs=1e-6)
    knots = tuple(Knot(px, py, 0, 0, 0, 0) for px, py in inner.tolist())
    shape = RotoShape("clip", 1, "x", "add", 0, (0, 9), {0: knots, 9: knots})
    made = RotoLayer("clip", 1, "x", (shape,), (50, 40), placements)
    (again,) = shapes_on(made, int(frame))
    corners = np.roll(again.points, 1, axis=0)
    assert corners == pytest.approx(ring, abs=1e-3)
    assert placement_on(made, 9) == pytest.approx((x, y, rotation, scale))


@pytest.mark.parametrize("make", [roto_layers, roto_shapes])
def test_any_number_of_threads_gives_the_same(
    make: Callable[[Iterable[Scene], float], Iterator[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        scenes.scene(
            *(
                scenes.tracked(scenes.disc(20 + (1 + track / 3) * n, 30, 8 + track), track)
                for track in (1, 2, 3)
                if n != 6 or track == 1
            ),
            index=n,
        )
        for n in range(12)
    ]
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.append([repr(each) for each in make(made, 0.7)])
    assert len(found[0]) >= 3
    assert found[0] == found[1]
