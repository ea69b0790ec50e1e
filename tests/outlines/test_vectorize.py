"""Outlines of masks: exact at tolerance 0, bounded and sound above it."""

from __future__ import annotations

import itertools
import math

import cv2
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.support import scenes
from tests.support.examples import examples
from videoseg.formats.svg_path import format_path
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.raster import rasterise, wrong_pixels
from videoseg.outlines.simplify import middle_line
from videoseg.outlines.trace import trace
from videoseg.outlines.vectorize import (
    SMALL,
    SMALL_WRONG,
    WRONG,
    outline_of,
    outlines_of,
    shape_area,
)
from videoseg.types import Bezier, Bitmap, Mask, Part, Polygon, Shape

ROUNDING = 0.1
TOLERANCES = (0.25, 0.5, 1.0, 3.0)
bitmaps = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: arrays.arrays(np.bool_, shape)
)
some_masks = bitmaps.filter(lambda bitmap: bool(bitmap.any())).map(scenes.mask_of)


def polygons(shape: Shape) -> shapely.MultiPolygon:
    """The shape as shapely sees it."""
    return shapely.MultiPolygon(
        [
            shapely.Polygon(flatten(part.outer), [flatten(hole) for hole in part.holes])
            for part in shape.parts
        ]
    )


def boundary(shape: Shape) -> shapely.MultiLineString:
    return shapely.MultiLineString([shapely.LinearRing(flatten(ring)) for ring in shape.rings])


def count_parts_and_holes(bitmap: Bitmap) -> tuple[int, int]:
    parts, _ = cv2.connectedComponents(bitmap.astype(np.uint8), connectivity=8)
    outside = np.pad(~bitmap, 1, constant_values=True).astype(np.uint8)
    holes, _ = cv2.connectedComponents(outside, connectivity=4)
    return parts - 1, holes - 2


def blob(seed: int, *, size: int = 160, scale: float = 5.0) -> Mask:
    """A rough mask with several parts and holes."""
    noise = np.random.default_rng(seed).standard_normal((size, size))
    smooth = cv2.GaussianBlur(noise, (0, 0), scale)
    return scenes.mask_of(smooth > np.quantile(smooth, 0.75))


def check_pixels(mask: Mask, again: Mask, tolerance: float) -> None:
    area = masks.area(mask)
    wrong = area + masks.area(again) - 2 * masks.intersection(mask, again)
    few = 0 if area >= SMALL else SMALL_WRONG * area
    assert wrong <= max(WRONG * tolerance * max(area, SMALL), few)


@examples(40)
@given(some_masks)
def test_tolerance_0_is_exact(mask: Mask) -> None:
    shape = outline_of(mask, tolerance=0)
    assert shape_area(shape) == masks.area(mask)
    again = rasterise(shape, mask.frame_width, mask.frame_height)
    assert again is not None
    assert (masks.to_bitmap(again) == masks.to_bitmap(mask)).all()


@examples(40)
@given(some_masks, st.sampled_from((0.0, *TOLERANCES)))
def test_parts_are_8_connected_and_holes_4_connected(mask: Mask, tolerance: float) -> None:
    shape = outline_of(mask, tolerance=tolerance)
    holes = sum(len(part.holes) for part in shape.parts)
    assert (len(shape.parts), holes) == count_parts_and_holes(masks.to_bitmap(mask))


@examples(40)
@given(some_masks, st.sampled_from((0.0, *TOLERANCES)))
def test_outer_rings_run_clockwise_and_holes_against_it(mask: Mask, tolerance: float) -> None:
    for part in outline_of(mask, tolerance=tolerance).parts:
        assert signed_area(part.outer) > 0
        assert all(signed_area(hole) < 0 for hole in part.holes)


@examples(40)
@given(some_masks, st.sampled_from(TOLERANCES))
def test_rings_neither_touch_nor_cross(mask: Mask, tolerance: float) -> None:
    made = polygons(outline_of(mask, tolerance=tolerance))
    assert shapely.is_valid(made), shapely.is_valid_reason(made)
    rings = boundary(outline_of(mask, tolerance=tolerance))
    assert shapely.is_simple(rings)


@examples(40)
@given(some_masks, st.sampled_from(TOLERANCES))
def test_the_outline_stays_within_the_tolerance(mask: Mask, tolerance: float) -> None:
    _check_distance(mask, tolerance)


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_the_outline_of_a_large_mask_stays_within_the_tolerance(tolerance: float) -> None:
    _check_distance(blob(1, size=96), tolerance)


def _check_distance(mask: Mask, tolerance: float) -> None:
    exact = boundary(outline_of(mask, tolerance=0))
    found = boundary(outline_of(mask, tolerance=tolerance))
    distance = shapely.hausdorff_distance(exact, found, densify=0.2)
    # Points on pixel edges are no further than half a pixel from their middles.
    assert distance <= tolerance + 0.5 + ROUNDING


@pytest.mark.parametrize("density", [0.3, 0.5, 0.6])
def test_the_middle_line_of_noise_is_sound(density: float) -> None:
    """Noise has every corner there is; the middle line is what all outlines fall back to."""
    bitmap = np.random.default_rng(7).random((60, 60)) < density
    traced = trace([bitmap])
    points, starts, _ = middle_line(traced)
    rings = [shapely.LinearRing(points[a:b]) for a, b in itertools.pairwise(starts.tolist())]
    assert shapely.is_simple(shapely.MultiLineString(rings))
    exact = boundary(outline_of(scenes.mask_of(bitmap), tolerance=0))
    middles = (points + np.roll(points, -1, axis=0)) / 2
    middles = np.delete(middles, starts[1:] - 1, axis=0)  # what lies between two rings is none
    shapely.prepare(exact)
    assert shapely.dwithin(exact, shapely.points(points), 0.5).all()
    assert shapely.dwithin(exact, shapely.points(middles), 0.5).all()
    line = Shape(
        tuple(Part(Polygon(flat.astype(np.float32))) for flat in np.split(points, starts[1:-1]))
    )
    pixels = rasterise(line, *bitmap.shape[::-1])
    assert pixels is not None
    assert (masks.to_bitmap(pixels) == bitmap).all()
    found = outline_of(scenes.mask_of(bitmap))
    assert shapely.is_valid(polygons(found))
    assert len(found.rings) == len(rings)


@pytest.mark.parametrize("tolerance", [0.0, *TOLERANCES])
def test_a_square_keeps_its_corners_and_its_area(tolerance: float) -> None:
    shape = outline_of(scenes.rectangle(3, 4, 13, 14), tolerance=tolerance)
    assert shape_area(shape) == 100
    corners = {tuple(point) for point in flatten(shape.parts[0].outer).tolist()}
    assert corners == {(3, 4), (13, 4), (13, 14), (3, 14)}


@pytest.mark.parametrize("slope", [0.1, 0.37, 0.5, 0.618, 0.9, 1.0, 1.7])
def test_a_slanted_edge_comes_out_smooth(slope: float) -> None:
    rows, columns = np.mgrid[:200, :200] + 0.5
    mask = scenes.mask_of(rows - 101 > slope * (columns - 99))
    exact, found = (outline_of(mask, tolerance=t).parts[0].outer for t in (0, 0.5))
    assert len(format_path(Shape((Part(found),)))) < len(format_path(Shape((Part(exact),)))) * 0.6
    slanted = flatten(found)
    slanted = slanted[(np.abs(slanted - 100) < 85).all(axis=1)]
    distance = np.abs((slanted - (99, 101)) @ (-slope, 1)) / math.hypot(1, slope)
    assert distance.max(initial=0) < 0.71  # what the corners of the pixels reach


def test_a_disc_keeps_its_area_in_few_curves() -> None:
    for radius in (20.2, 41.7, 90.5):
        mask = scenes.disc(100.3, 99.6, radius, width=200, height=200)
        shape = outline_of(mask)
        assert shape_area(shape) == pytest.approx(math.pi * radius**2, rel=0.01)
        (ring,) = shape.rings
        assert isinstance(ring, Bezier)
        assert len(ring.segments) <= radius / 2


@pytest.mark.parametrize("seed", range(6))
def test_the_default_tolerance_keeps_the_pixels(seed: int) -> None:
    mask = blob(seed, scale=3 + seed)
    again = rasterise(outline_of(mask), mask.frame_width, mask.frame_height)
    assert again is not None
    check_pixels(mask, again, 0.5)


def test_a_crop_lies_where_it_lies_in_the_frame() -> None:
    mask = Mask(40, 30, 200, 100, np.ones((5, 7), dtype=np.bool_))
    ring = flatten(outline_of(mask).parts[0].outer)
    assert (*ring.min(axis=0), *ring.max(axis=0)) == (40, 30, 47, 35)


def test_small_parts_and_holes_go_only_when_asked() -> None:
    bitmap = np.zeros((40, 60), dtype=np.bool_)
    bitmap[5:30, 5:30] = True
    bitmap[10:12, 10:12] = False
    bitmap[20, 20] = False
    bitmap[35, 50] = True
    mask = scenes.mask_of(bitmap)
    assert count_rings(outline_of(mask)) == [3, 1]
    assert count_rings(outline_of(mask, min_area=2)) == [2]
    assert count_rings(outline_of(mask, min_area=5)) == [1]
    assert count_rings(outline_of(mask, min_area=10_000)) == [1]


def count_rings(shape: Shape) -> list[int]:
    return [1 + len(part.holes) for part in shape.parts]


def test_a_part_in_a_hole_is_a_part() -> None:
    bitmap = np.zeros((40, 40), dtype=np.bool_)
    bitmap[2:38, 2:38] = True
    bitmap[8:32, 8:32] = False
    bitmap[14:26, 14:26] = True
    bitmap[18:22, 18:22] = False
    shape = outline_of(scenes.mask_of(bitmap))
    assert count_rings(shape) == [2, 2]
    assert shape_area(shape) == np.count_nonzero(bitmap)


@pytest.mark.parametrize("tolerance", [-1, math.nan, math.inf])
def test_a_senseless_tolerance_is_refused(tolerance: float) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        outline_of(scenes.rectangle(0, 0, 4, 4), tolerance=tolerance)


def test_an_absurd_tolerance_still_gives_a_sound_outline() -> None:
    shape = outline_of(blob(3), tolerance=1000)
    assert shapely.is_valid(polygons(shape))
    assert all(signed_area(part.outer) > 0 for part in shape.parts)


@examples(40)
@given(st.lists(some_masks, max_size=5), st.sampled_from((0.0, *TOLERANCES)), st.integers(0, 6))
def test_outlines_made_together_are_those_made_one_by_one(
    found: list[Mask], tolerance: float, min_area: int
) -> None:
    together = outlines_of(found, tolerance=tolerance, min_area=min_area)
    for mask, shape in zip(found, together, strict=True):
        alone = outline_of(mask, tolerance=tolerance, min_area=min_area)
        assert [len(part.holes) for part in shape.parts] == [
            len(part.holes) for part in alone.parts
        ]
        for one, other in zip(shape.rings, alone.rings, strict=True):
            assert np.array_equal(flatten(one), flatten(other))


def test_the_same_mask_gives_the_same_outline() -> None:
    one, other = (outline_of(blob(5)) for _ in range(2))
    for a, b in zip(one.rings, other.rings, strict=True):
        assert (flatten(a) == flatten(b)).all()


@given(some_masks, some_masks, st.integers(0, 12), st.integers(0, 12))
def test_wrong_pixels_are_those_that_drawing_shows(
    one: Mask, other: Mask, right: int, down: int
) -> None:
    mask = Mask(6, 6, 26, 26, one.bitmap)
    outline = outline_of(Mask(right, down, 26, 26, other.bitmap), tolerance=1)
    drawn = rasterise(outline, 26, 26)
    shown = np.zeros((26, 26), np.bool_) if drawn is None else masks.to_bitmap(drawn)
    assert wrong_pixels(outline, mask) == np.count_nonzero(shown ^ masks.to_bitmap(mask))
    assert wrong_pixels(Shape(()), mask) == masks.area(mask)


def test_rasterise_clips_to_the_frame() -> None:
    ring = Polygon(np.array([(-50, -50), (5, -50), (5, 60), (-50, 60)], dtype=np.float32))
    mask = rasterise(Shape((Part(ring),)), 20, 10)
    assert mask is not None
    assert mask.crop == (0, 0, 5, 10)
    assert mask.bitmap.all()


@pytest.mark.parametrize(
    "points",
    [
        [(-9, -9), (-2, -9), (-2, -2)],
        [(30, 30), (40, 30), (40, 40)],
        [(3.6, 3.6), (4.4, 3.6), (4.4, 4.4)],
    ],
)
def test_nothing_to_rasterise(points: list[tuple[float, float]]) -> None:
    ring = Polygon(np.array(points, dtype=np.float32))
    assert rasterise(Shape((Part(ring),)), 20, 10) is None
    assert rasterise(Shape(()), 20, 10) is None


def test_curves_are_rasterised() -> None:
    kappa = 4 / 3 * (math.sqrt(2) - 1)
    quarter = [[(1, kappa), (kappa, 1), (0, 1)]]
    for _ in range(3):
        quarter.append([(-y, x) for x, y in quarter[-1]])
    ring = Bezier(np.array(quarter, dtype=np.float32) * 25 + 32)
    mask = rasterise(Shape((Part(ring),)), 64, 64)
    assert mask is not None
    assert masks.iou(mask, scenes.disc(32, 32, 25, width=64, height=64)) > 0.995
    assert shape_area(Shape((Part(ring),))) == pytest.approx(math.pi * 25**2, rel=1e-3)


def comb(teeth: int = 24) -> Bitmap:
    """A back with teeth a pixel wide and a pixel apart."""
    bitmap = np.zeros((30, 2 * teeth + 3), dtype=np.bool_)
    bitmap[2:6, 1:-1] = True
    bitmap[6:26, 1:-1:2] = True
    return bitmap


def sieve(holes: int = 50) -> Bitmap:
    """A plate with so many holes of one pixel and more."""
    bitmap = np.ones((60, 120), dtype=np.bool_)
    for number in range(holes):
        y, x = 3 + 11 * (number // 10), 3 + 11 * (number % 10)
        bitmap[y : y + 1 + number % 5, x : x + 1 + number % 3] = False
    return bitmap


def chain() -> Bitmap:
    """Squares that touch at corners all around a hole, which touches itself."""
    bitmap = np.zeros((40, 40), dtype=np.bool_)
    for n in range(6):
        for y, x in ((n, 6 + n), (6 + n, 11 - n), (11 - n, 5 - n), (5 - n, n)):
            bitmap[3 * y : 3 * y + 3, 3 * x : 3 * x + 3] = True
    return bitmap


ODD = {
    "one pixel": np.ones((1, 1), dtype=np.bool_),
    "full frame": np.ones((48, 64), dtype=np.bool_),
    "a line": np.ones((1, 300), dtype=np.bool_),
    "fifty holes": sieve(),
    "a comb": comb(),
    "touches itself": chain(),
    "noise": np.random.default_rng(3).random((70, 70)) < 0.5,
    "thin noise": np.random.default_rng(4).random((70, 70)) < 0.2,
}


@pytest.mark.parametrize("tolerance", [0.3, 0.5, 2.0])
@pytest.mark.parametrize("name", ODD)
def test_odd_shapes_have_sound_outlines(name: str, tolerance: float) -> None:
    mask = scenes.mask_of(ODD[name])
    shape = outline_of(mask, tolerance=tolerance)
    assert shapely.is_valid(polygons(shape))
    assert shapely.is_simple(boundary(shape))
    holes = sum(len(part.holes) for part in shape.parts)
    assert (len(shape.parts), holes) == count_parts_and_holes(ODD[name])
    again = rasterise(shape, mask.frame_width, mask.frame_height)
    assert again is not None
    check_pixels(mask, again, tolerance)


def test_logits_place_the_edge_between_pixels() -> None:
    rows, columns = np.mgrid[:64, :64] + 0.5
    for x, y, radius in ((32.2, 31.6, 20.3), (30.7, 33.1, 11.45)):
        logits = (radius - np.hypot(columns - x, rows - y)).astype(np.float16)
        mask = Mask(0, 0, 64, 64, logits > 0, logits)
        off = np.abs(np.hypot(*(flatten(outline_of(mask).parts[0].outer) - (x, y)).T) - radius)
        plain = outline_of(Mask(0, 0, 64, 64, logits > 0))
        before = np.abs(np.hypot(*(flatten(plain.parts[0].outer) - (x, y)).T) - radius)
        assert off.max() < 0.3
        assert off.mean() < before.mean() / 2


def test_a_box_of_logits_at_the_frame_s_border_keeps_it() -> None:
    logits = np.full((20, 30), 4, dtype=np.float16)
    logits[:, 18:] = -4
    shape = outline_of(Mask(0, 0, 30, 20, logits > 0, logits))
    assert shape_area(shape) == pytest.approx(18 * 20, abs=0.5)
