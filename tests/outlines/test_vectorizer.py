"""The step after the tracker, which gives every mask of a Scene its outline."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.scenes import rectangle
from tests.support.tracked import bare_scene, disc
from videoseg.geometry.rings import flatten
from videoseg.outlines.vectorize import outlines_of
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.types import Bezier, Instance, Polygon, Shape


def assert_same(one: Shape, other: Shape) -> None:
    for a, b in zip(one.rings, other.rings, strict=True):
        assert type(a) is type(b)
        assert np.array_equal(flatten(a), flatten(b))


@pytest.mark.parametrize("curves", [False, True])
@pytest.mark.parametrize("tolerance", [0.0, 0.5, 3.0])
def test_masks_get_outlines_by_the_settings(tolerance: float, curves: bool) -> None:
    found = [disc(40, 60, 30), disc(90, 50, 20)]
    scene = bare_scene(*(Instance(mask, 0.9, 0) for mask in found))
    drawn = Vectorizer(tolerance=tolerance, curves=curves).vectorized(scene)
    expected = outlines_of(found, tolerance=tolerance, curves=curves)
    for tracked, shape in zip(drawn.instances, expected, strict=True):
        assert_same(tracked.shape, shape)


def test_a_models_own_vector_is_kept_and_the_others_are_made() -> None:
    (own,) = outlines_of([rectangle(3, 4, 13, 14)], tolerance=0)
    before, kept, after = (
        Instance(disc(40, 60, 30), 0.9, 0),
        Instance(rectangle(3, 4, 13, 14), 0.9, 0, outline=own),
        Instance(disc(90, 50, 20), 0.9, 0),
    )
    one, two, three = Vectorizer(curves=True).vectorized(bare_scene(before, kept, after)).instances
    assert two.shape is own
    for tracked, instance in ((one, before), (three, after)):
        (shape,) = outlines_of([instance.mask])
        assert_same(tracked.shape, shape)


def test_all_else_stays_as_it_was() -> None:
    scene = bare_scene(Instance(disc(40, 60), 0.9, 0), Instance(disc(90, 50), 0.5, 1))
    drawn = Vectorizer().vectorized(scene)
    names = ("stream", "index", "pts", "time_base", "duration", "shot", "name")
    assert [getattr(drawn, name) for name in names] == [getattr(scene, name) for name in names]
    for after, before in zip(drawn.instances, scene.instances, strict=True):
        assert after.instance is before.instance
        assert (after.track_id, after.label, after.state) == (before.track_id, "ball", before.state)
    assert not any(before.shape.parts for before in scene.instances)


def test_a_scene_without_objects_stays_empty() -> None:
    assert Vectorizer().vectorized(bare_scene()).instances == ()


@pytest.mark.parametrize(("curves", "kind"), [(False, Polygon), (True, Bezier)])
def test_lines_or_curves(curves: bool, kind: type) -> None:
    (shape,) = Vectorizer(curves=curves).shapes([Instance(disc(40, 60, 30), 0.9, 0)])
    assert all(isinstance(ring, kind) for ring in shape.rings)
