"""Outlines through time: points that stay on their place, and keys that are enough."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support import scenes
from videoseg.geometry import masks
from videoseg.geometry.arrays import Points, Values
from videoseg.geometry.rings import flatten
from videoseg.outlines.raster import rasterise
from videoseg.roto.correspondence import FollowedRing, corresponding_points
from videoseg.roto.keyframes import KeyedRing, keyed, keyed_span
from videoseg.roto.knotted_rings import KnottedRing, ring_spans
from videoseg.roto.layer_maps import LayerMaps
from videoseg.roto.layers import roto_shapes
from videoseg.roto.ring_tracks import LONGEST, ring_tracks
from videoseg.roto.shared_knots import shared_curves
from videoseg.roto.target_ring import TargetRing, at_lengths, evenly
from videoseg.types import Bezier, Mask, Part, Polygon, RotoShape, Scene, Shape

SIZE = {"width": 160, "height": 120}


def star(turn: float, x: float, y: float, size: float = 30, start: int = 0) -> Points:
    """A star of five points; ``start`` is the number of its first corner."""
    angle = np.arange(10) * np.pi / 5 + turn
    radius = np.where(np.arange(10) % 2, 0.5, 1) * size
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    return np.roll(ring, -start, axis=0)


def turning(count: int = 12) -> list[Points]:
    """A star that turns and wanders, its first corner another one on each frame."""
    return [star(0.05 * n, 60 + 2 * n, 60 + n, start=n % 10) for n in range(count)]


def scenes_of(found: Sequence[Mask | None]) -> list[Scene]:
    return [
        scenes.scene(*([] if mask is None else [scenes.tracked(mask)]), index=index)
        for index, mask in enumerate(found)
    ]


def keys_of(rings: Sequence[Points], times: Values, tolerance: float) -> KeyedRing:
    bounds = np.full(len(rings), tolerance)
    return keyed(KnottedRing.of(FollowedRing.of(rings), bounds), times, bounds)


def shown(shapes: Sequence[RotoShape], frame: int) -> Mask | None:
    """The pixels of keyed shapes on a frame, by hand."""
    parts = []
    for shape in shapes:
        first, last = shape.visible
        if not first <= frame <= last:
            continue
        after = next(key for key in shape.keys if key >= frame)
        before = max(key for key in shape.keys if key <= frame)
        share = (frame - before) / max(after - before, 1)
        knots = (1 - share) * np.array(shape.keys[before]) + share * np.array(shape.keys[after])
        ends = np.roll(knots, -1, axis=0)
        segments = np.stack(
            [knots[:, :2] + knots[:, 4:], ends[:, :2] + ends[:, 2:4], ends[:, :2]], axis=1
        )
        parts.append(Part(Bezier(segments.astype(np.float32))))
    return rasterise(Shape(tuple(parts)), **SIZE)


def test_points_stay_on_the_same_place_of_a_turning_outline() -> None:
    rings = turning()
    made = corresponding_points(rings, [TargetRing.of(ring) for ring in rings], 100)
    for number in range(len(rings)):
        expected = evenly(star(0.05 * number, 60 + 2 * number, 60 + number), 100)
        slip = np.linalg.norm(made[number] - expected, axis=1)
        assert slip.mean() < 0.4
        assert slip.max() < 1.5


def test_what_is_between_two_frames_is_the_outline_between_them() -> None:
    rings = [star(0, 60, 60), star(0.2, 66, 60, 33)]
    one, other = corresponding_points(rings, [TargetRing.of(ring) for ring in rings], 120)
    middle = TargetRing.of(star(0.1, 63, 60, 31.5))
    distance, _ = middle.tree.query((one + other) / 2)
    assert distance.max() < 1


def test_at_lengths_goes_around_more_than_once() -> None:
    square = np.array([(0, 0), (4, 0), (4, 4), (0, 4)], dtype=np.float64)
    made = at_lengths(square, np.array([0.0, 2, 6, 15, 18, -1]))
    assert made.tolist() == [[0, 0], [2, 0], [4, 2], [0, 1], [2, 0], [0, 1]]


def test_curves_share_their_knots_and_stay_close() -> None:
    rings = turning()
    points = corresponding_points(rings, [TargetRing.of(ring) for ring in rings], 160)
    curves = shared_curves(points, 0.5)
    assert 5 <= curves.knots <= 40
    apart = np.linalg.norm(curves.drawn(curves.control(points)) - points, axis=2)
    assert np.quantile(apart, 0.9) < 0.5


def test_what_moves_evenly_takes_two_keys() -> None:
    rings = [star(0, 50 + 3 * n, 60 - n, 30 + 0.5 * n, start=n % 10) for n in range(15)]
    made = keys_of(rings, np.arange(15.0), 0.5)
    assert made.keys.tolist() == [0, 14]


def test_keys_come_where_the_motion_turns() -> None:
    places = np.abs(np.arange(21) - 10)
    rings = [star(0, 50 + 4 * place, 60) for place in places]
    made = keys_of(rings, np.arange(21.0), 0.5)
    assert made.keys.tolist() == [0, 10, 20]
    assert len(keys_of(rings, np.arange(21.0), 50).keys) == 2


def test_jitter_asks_for_no_keys() -> None:
    rng = np.random.default_rng(2)
    rings = [star(0, 50 + 2 * n, 60) + rng.normal(0, 0.3, (10, 2)) for n in range(20)]
    assert len(keys_of(rings, np.arange(20.0), 1).keys) == 2


def test_uneven_times_count() -> None:
    times = np.array([0.0, 1, 2, 10, 11, 20])
    rings = [star(0, 50 + 2 * time, 60) for time in times]
    assert keys_of(rings, times, 0.5).keys.tolist() == [0, 5]
    assert len(keys_of(rings, np.arange(6.0), 0.5).keys) > 2


@pytest.mark.parametrize("tolerance", [1.0, 2.0])
def test_shapes_show_every_frame(tolerance: float) -> None:
    found = [scenes.disc(40 + 3 * n, 60, 22, hole=9, **SIZE) for n in range(16)]
    made = list(roto_shapes(scenes_of(found), tolerance))
    assert [shape.op for shape in made] == ["add", "subtract"]
    assert {tuple(shape.keys) for shape in made} == {tuple(made[0].keys)}
    assert len(made[0].keys) <= 4
    for frame, mask in enumerate(found):
        again = shown(made, frame)
        assert again is not None
        assert masks.iou(again, mask) > 1 - 0.1 * tolerance


def test_a_hole_that_comes_and_goes_ends_only_itself() -> None:
    whole = scenes.disc(60, 60, 30, **SIZE)
    holed = scenes.disc(60, 60, 30, hole=12, **SIZE)
    found = scenes_of([whole, holed, holed, whole, holed, None, whole])
    spans = [(shape.visible, shape.op, shape.part) for shape in roto_shapes(found, 1)]
    assert spans == [
        ((0, 4), "add", 0),
        ((1, 2), "subtract", 0),
        ((4, 4), "subtract", 0),
        ((6, 6), "add", 1),
    ]


def test_a_hole_has_keys_of_its_own() -> None:
    """Each ring is close enough by itself; keys of the other would be more than it takes."""
    places = [40 + 4 * abs(n - 8) for n in range(16)]
    outer = [scenes.disc(x, 60, 22, **SIZE) for x in places]
    hole = [masks.to_bitmap(scenes.disc(56, 60, 5, **SIZE))] * 16
    pierced = (
        masks.from_bitmap(masks.to_bitmap(one) & ~two) for one, two in zip(outer, hole, strict=True)
    )
    whole, still = roto_shapes(scenes_of(list(pierced)), 0.5)
    assert len(whole.keys) > 2
    assert list(still.keys) == [0, 15]


def test_specks_beside_a_part_are_left_out() -> None:
    whole = scenes.disc(60, 60, 30, **SIZE)
    specked = scenes.rectangle(10, 10, 13, 13, **SIZE)
    both = masks.from_bitmap(masks.to_bitmap(whole) | masks.to_bitmap(specked))
    assert [shape.visible for shape in roto_shapes(scenes_of([whole, both, whole]), 1)] == [(0, 2)]
    assert len(list(roto_shapes(scenes_of([specked]), 1))) == 1


def test_a_hole_too_small_to_matter_ends_no_span() -> None:
    whole = scenes.disc(60, 60, 30, **SIZE)
    pierced = dataclasses.replace(whole, bitmap=whole.bitmap.copy())
    pierced.bitmap[30, 30] = False
    made = list(roto_shapes(scenes_of([whole, pierced, whole]), 1))
    assert [shape.visible for shape in made] == [(0, 2)]


def test_long_strands_are_cut() -> None:
    square = scenes.rectangle(10, 10, 30, 30, **SIZE)
    count = LONGEST + 10
    lengths = [len(ring_track.rings) for _, ring_track in ring_tracks(scenes_of([square] * count))]
    assert lengths == [LONGEST, 10]


def test_the_same_tracks_give_the_same_shapes() -> None:
    found = scenes_of([scenes.disc(40 + 3 * n, 60, 22, **SIZE) for n in range(6)])
    one, other = (list(roto_shapes(found, 1)) for _ in range(2))
    assert [shape.keys for shape in one] == [shape.keys for shape in other]


def test_distances_are_to_the_ring_and_not_to_its_places() -> None:
    """A tolerance below half the distance between places would make a key of every frame."""
    ring = star(0.3, 60, 50)
    along = at_lengths(ring, np.arange(0, 150, 0.11))
    away = TargetRing.of(ring).distances(along)
    # Only places next to the star's corners are not on straight stretches between places.
    assert np.percentile(away, 95) < 0.1


def test_a_small_tolerance_makes_no_key_of_every_frame() -> None:
    """Outlines that tremble by less than it ask for no keys."""
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    rings = []
    for n in range(16):
        radius = 40 + 3 * np.sin(3 * angle) + 0.1 * rng.standard_normal()
        x, y = 80 + 1.37 * n + radius * np.cos(angle), 70 + 0.61 * n + radius * np.sin(angle)
        rings.append(np.stack([x, y], axis=1))
    made = keys_of(rings, np.arange(16.0), 0.2)
    assert len(made.keys) <= 3
    for n, ring in enumerate(rings):
        off = TargetRing.of(ring).distances(flatten(made.ring(n)))
        assert np.percentile(off, 90) < 0.3


def test_an_outline_that_becomes_another_is_another_shape() -> None:
    """No knots are the same places on both; each is as close as it ought to be."""
    plain = evenly(star(0, 60, 60, 30), 60)
    legs = np.array(
        [(20, 20), (100, 20), (100, 110), (80, 110), (80, 40), (40, 40), (40, 110), (20, 110)]
    )
    rings = [plain] * 3 + [legs.astype(np.float64)] * 3
    bounds = np.full(6, 0.3)
    polygons = [Polygon(ring.astype(np.float32)) for ring in rings]
    spans = ring_spans(polygons, FollowedRing.of(rings), bounds)
    assert [each.first for each in spans] == [0, *(each.after for each in spans[:-1])]
    assert spans[-1].after == 6
    still = LayerMaps.still(6)
    for span in spans:
        frames = slice(span.first, span.after)
        times = np.arange(6.0)[frames]
        made = keyed_span(span, times, bounds[frames], np.array([], np.int64), still)
        for place, ring in enumerate(rings[frames]):
            drawn = flatten(made.ring(place))
            both = [TargetRing.of(drawn).distances(evenly(ring, 300))]
            both.append(TargetRing.of(ring).distances(evenly(drawn, 300)))
            assert np.percentile(np.concatenate(both), 95) <= 0.32
