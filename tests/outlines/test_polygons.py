"""Outlines without curves, as runs draw them by default: sound, close, and made of few points."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.outlines.test_vectorize import blob, boundary, chain, comb, polygons, sieve, some_masks
from tests.support import scenes
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.raster import rasterise
from videoseg.outlines.vectorize import outlines_of, shape_area
from videoseg.types import Mask, Polygon, Shape

TOLERANCES = (0.25, 0.5, 2.0)
MIDDLE_LINE_ERROR = 0.5  # px; furthest that the middle line lies from the pixels' edges


def outline_of(mask: Mask, tolerance: float = 0.5) -> Shape:
    (shape,) = outlines_of([mask], tolerance=tolerance, curves=False)
    return shape


@given(some_masks, st.sampled_from(TOLERANCES))
def test_rings_are_sound_and_wound_as_they_should_be(mask: Mask, tolerance: float) -> None:
    shape = outline_of(mask, tolerance)
    made = polygons(shape)
    assert shapely.is_valid(made), shapely.is_valid_reason(made)
    assert shapely.is_simple(boundary(shape))
    for part in shape.parts:
        assert isinstance(part.outer, Polygon)
        assert signed_area(part.outer) > 0
        assert all(signed_area(hole) < 0 for hole in part.holes)


@given(some_masks, st.sampled_from(TOLERANCES))
def test_the_outline_stays_within_the_tolerance(mask: Mask, tolerance: float) -> None:
    check_distance(mask, tolerance)


@pytest.mark.parametrize("tolerance", TOLERANCES)
@pytest.mark.parametrize(
    "make", [lambda: blob(1), *(lambda b=b: scenes.mask_of(b()) for b in (comb, sieve, chain))]
)
def test_odd_and_large_masks_stay_within_the_tolerance(make: object, tolerance: float) -> None:
    assert callable(make)
    check_distance(make(), tolerance)


def check_distance(mask: Mask, tolerance: float) -> None:
    exact, found = boundary(outline_of(mask, 0)), boundary(outline_of(mask, tolerance))
    distance = shapely.hausdorff_distance(exact, found, densify=0.05)
    assert distance <= tolerance + MIDDLE_LINE_ERROR + 0.01


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_a_square_keeps_its_corners_and_its_area(tolerance: float) -> None:
    shape = outline_of(scenes.rectangle(3, 4, 13, 14), tolerance)
    assert shape_area(shape) == 100
    corners = {tuple(point) for point in flatten(shape.parts[0].outer).tolist()}
    assert corners == {(3, 4), (13, 4), (13, 14), (3, 14)}


def test_a_disc_keeps_its_area_in_few_points() -> None:
    for radius in (20.2, 41.7, 90.5):
        shape = outline_of(scenes.disc(100.3, 99.6, radius, width=200, height=200))
        assert shape_area(shape) == pytest.approx(math.pi * radius**2, rel=0.01)
        assert len(flatten(shape.parts[0].outer)) < 2 * radius


@pytest.mark.parametrize("seed", range(6))
def test_the_default_tolerance_keeps_the_pixels(seed: int) -> None:
    mask = blob(seed, scale=3 + seed)
    again = rasterise(outline_of(mask), mask.frame_width, mask.frame_height)
    assert again is not None
    assert masks.iou(mask, again) >= 0.99


def test_logits_are_not_looked_at() -> None:
    mask = blob(2)
    logits = np.where(mask.bitmap, 3, -1).astype(np.float16)
    fine = Mask(mask.x, mask.y, mask.frame_width, mask.frame_height, mask.bitmap, logits)
    one, other = outlines_of([mask, fine], curves=False)
    assert np.array_equal(flatten(one.parts[0].outer), flatten(other.parts[0].outer))


def test_polygons_of_thin_things_show_them_too() -> None:
    """Half a pixel off all along would be a large part of a bush of twigs."""
    rng = np.random.default_rng(3)
    bitmap = np.zeros((120, 160), np.uint8)
    for angle in rng.uniform(0, np.pi, 14):
        reach = 55 * np.array([np.cos(angle), np.sin(angle)])
        one, other = (np.rint((80, 60) + way * reach).astype(int).tolist() for way in (-1, 1))
        cv2.line(bitmap, one, other, 1, 2)
    mask = masks.from_bitmap(bitmap > 0)
    assert mask is not None
    assert masks.area(mask) >= 1000
    (shape,) = outlines_of([mask], tolerance=0.5, curves=False)
    drawn = rasterise(shape, 160, 120)
    assert drawn is not None
    assert masks.iou(mask, drawn) >= 0.995
