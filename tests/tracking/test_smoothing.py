from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.support.tracked import HEIGHT, WIDTH, background, disc, track
from videoseg.geometry import masks
from videoseg.motion import distance_fields as fields
from videoseg.motion.evidence import motion_between, slope_of
from videoseg.motion.flow import Flow, flow_of_greys
from videoseg.outlines.vectorize import outline_of
from videoseg.tracking.iou import IouTracker
from videoseg.tracking.smoothing import blend as smooth
from videoseg.tracking.smoothing.jitter import Jitter
from videoseg.tracking.smoothing.observation import Observation
from videoseg.tracking.tracks import shifted, typical_motion
from videoseg.types import Bitmap, Instance, Mask, RgbImage


def smoothed(
    found: Sequence[Mask], *, strength: float = 0.5, images: Sequence[RgbImage] | None = None
) -> list[Mask]:
    """What is drawn of one object, found as these masks."""
    pictures = dict(enumerate(images)) if images is not None else None
    scenes = track(
        IouTracker(smoothing=strength), [[Instance(m, 0.9, 0)] for m in found], images=pictures
    )
    return [scene.instances[0].instance.mask for scene in scenes]


def jittered(mask: Mask, rng: np.random.Generator, pixels: float = 2.0) -> Mask:
    """The mask with an edge that is off by about ``pixels``, smoothly along the edge."""
    field = fields.field_of(mask)
    rows, columns = np.mgrid[: field.values.shape[0], : field.values.shape[1]] / 20
    noise = sum(
        np.sin(a * rows + b * columns + c) for a, b, c in rng.uniform(-6.3, 6.3, (6, 3)).tolist()
    )
    values = field.values + (noise * pixels / 3**0.5).astype(np.float32)
    found = fields.mask_of(fields.Field(field.box, values, field.frame_width, field.frame_height))
    assert found is not None
    return found


def unsteadiness(found: Sequence[Mask]) -> float:
    """Mean share of pixels that differ between two frames of a still object."""
    return float(np.mean([1 - masks.iou(a, b) for a, b in itertools.pairwise(found)]))


def same(a: Mask, b: Mask) -> bool:
    return bool((masks.to_bitmap(a) == masks.to_bitmap(b)).all())


@given(
    arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))),
    st.integers(0, 30),
    st.integers(0, 30),
)
def test_fields_and_masks_invert_each_other(bitmap: Bitmap, x: int, y: int) -> None:
    if not bitmap.any():
        return
    height, width = bitmap.shape
    mask = Mask(x, y, x + width + 5, y + height, bitmap)
    field = fields.field_of(mask)
    assert np.abs(field.values).max() <= fields.BAND
    back = fields.mask_of(field)
    assert back is not None
    assert same(back, mask)


def test_distances_are_pixels_from_the_edge() -> None:
    bitmap = np.zeros((60, 60), np.bool_)
    bitmap[20:40, 20:40] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    field = fields.field_of(mask)
    row = field.values[30 - field.box[1], :]
    band = fields.BAND
    expected = [x + 0.5 if x < 10 else 19.5 - x for x in range(-band, 20 + band)]
    np.testing.assert_allclose(row, np.clip(expected, -band, band), atol=0.05)


def test_strength_zero_leaves_masks_and_outlines_untouched() -> None:
    rng = np.random.default_rng(0)
    found = [
        Instance(mask, 0.9, 0, outline=outline_of(mask))
        for mask in (jittered(disc(80, 60, 30), rng) for _ in range(6))
    ]
    scenes = track(IouTracker(smoothing=0), [[instance] for instance in found])
    for scene, instance in zip(scenes, found, strict=True):
        (only,) = scene.instances
        assert only.instance is instance


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_still_exact_object_stays_as_it_is(strength: float) -> None:
    found = [Instance(mask, 0.9, 0, outline=outline_of(mask)) for mask in [disc(80, 60, 30)] * 10]
    scenes = track(IouTracker(smoothing=strength), [[instance] for instance in found])
    for scene, instance in zip(scenes, found, strict=True):
        (only,) = scene.instances
        assert only.instance is instance


def test_jitter_of_a_still_object_is_about_halved() -> None:
    rng = np.random.default_rng(1)
    found = [jittered(disc(80, 60, 30), rng) for _ in range(30)]
    steady = smoothed(found)
    assert unsteadiness(steady) < 0.55 * unsteadiness(found)
    truth = disc(80, 60, 30)
    assert np.mean([masks.iou(m, truth) for m in steady]) > np.mean(
        [masks.iou(m, truth) for m in found]
    )
    little = unsteadiness(smoothed(found, strength=0.05))
    assert unsteadiness(steady) < little < unsteadiness(found)
    # Half the strength takes most of what there is to take of mere jitter.
    assert unsteadiness(smoothed(found, strength=1)) < 1.05 * unsteadiness(steady)


@pytest.mark.parametrize("speed", [0.5, 1, 2, 4, 8])
def test_a_moving_object_is_not_dragged_behind(speed: float) -> None:
    """Over a picture that does not show it: nothing but the masks tells of the motion."""
    found = [disc(30 + speed * i, 60, 14) for i in range(12)]
    for drawn, truth in zip(smoothed(found), found, strict=True):
        assert masks.iou(drawn, truth) > 0.95


@pytest.mark.parametrize("speed", [1, 3, 6])
def test_a_moving_object_is_steadied_along_its_way(speed: int) -> None:
    rng = np.random.default_rng(2)
    ground, surface = background(5), background(9)
    truth = [disc(30 + speed * i, 60, 24) for i in range(14)]
    images = []
    for i, mask in enumerate(truth):
        inside = masks.to_bitmap(mask)[..., None]
        images.append(np.where(inside, np.roll(surface, speed * i, axis=1), ground))
    found = [jittered(mask, rng) for mask in truth]
    drawn = smoothed(found, images=images)
    ours = np.mean([masks.iou(a, b) for a, b in zip(drawn, truth, strict=True)])
    raw = np.mean([masks.iou(a, b) for a, b in zip(found, truth, strict=True)])
    assert ours > raw


def test_a_hole_or_part_that_comes_or_goes_is_taken_at_once() -> None:
    whole = disc(80, 60, 40)
    pierced = masks.from_bitmap(masks.to_bitmap(whole) & ~masks.to_bitmap(disc(80, 60, 20)))
    joined = masks.from_bitmap(masks.to_bitmap(whole) | masks.to_bitmap(disc(140, 60, 15)))
    assert pierced is not None
    assert joined is not None
    found = [whole] * 5 + [pierced] * 5 + [joined] * 5 + [whole] * 5
    for drawn, truth in zip(smoothed(found), found, strict=True):
        assert masks.iou(drawn, truth) > 0.97


def test_tiny_and_huge_masks() -> None:
    full = Mask(0, 0, WIDTH, HEIGHT, np.ones((HEIGHT, WIDTH), np.bool_))
    pixel = Mask(WIDTH - 1, HEIGHT - 1, WIDTH, HEIGHT, np.ones((1, 1), np.bool_))
    for mask in (full, pixel):
        assert all(same(drawn, mask) for drawn in smoothed([mask] * 5))


def test_frames_without_room_for_motion() -> None:
    """A one-pixel frame has neither flow nor slopes."""
    mask = Mask(0, 0, 1, 1, np.ones((1, 1), np.bool_))
    black = np.zeros((1, 1), np.uint8)
    flow = flow_of_greys(black, black, frame_width=1, frame_height=1)
    motion = motion_between(flow, black, black, slope_of(black))
    present = Observation.of(mask)
    past = smooth.SmootherState(present.field, present, jitter=Jitter(1.0))
    drawn, _ = smooth.smooth_mask(past, motion, present, (present, motion), strength=1)
    assert drawn is mask


def test_fields_are_carried_by_the_flow() -> None:
    flow = Flow(np.full((HEIGHT // 2, WIDTH // 2, 2), (-3, 2), np.float32), WIDTH, HEIGHT)
    moved = fields.warped(fields.field_of(disc(60, 60)), flow, (20, 20, 110, 100))
    found = fields.mask_of(moved)
    assert found is not None
    assert same(found, disc(66, 56))


def test_typical_motion_is_that_of_the_object() -> None:
    backward = np.zeros((HEIGHT // 2, WIDTH // 2, 2), np.float32)
    backward[masks.to_bitmap(disc(70, 55, 16))[::2, ::2]] = (-5, 2.5)
    flow = Flow(backward, WIDTH, HEIGHT)
    assert typical_motion(disc(60, 60, 12), flow) == pytest.approx((10, -5))
    outside = Flow(np.full_like(backward, -200), WIDTH, HEIGHT)
    assert typical_motion(disc(60, 60, 12), outside) is None


def test_shifted_masks_are_cut_at_the_border() -> None:
    mask = disc(20, 20, 10)
    assert shifted(mask, -40, 0) is None
    part = shifted(mask, -20, 5)
    assert part is not None
    assert same(part, disc(0, 25, 10))


def test_logits_tell_where_in_a_pixel_an_edge_lies() -> None:
    """An upright edge at 80.3: the bitmap cannot say so, a model's logits can."""
    x = np.arange(40, 120) + 0.5
    logits = np.broadcast_to((80.3 - x) * 0.8, (110, 80)).astype(np.float16)
    bitmap = np.asarray(logits > 0)
    plain = Mask(40, 5, WIDTH, HEIGHT, bitmap)
    told = Mask(40, 5, WIDTH, HEIGHT, bitmap, logits)
    edges = []
    for mask in (plain, told):
        present = Observation.of(mask)
        values = present.field.values[present.field.values.shape[0] // 2]
        column = int(np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))[-1])
        part = values[column] / (values[column] - values[column + 1])
        edges.append(present.field.box[0] + (column + 0.5 + part) * present.field.cell)
    assert edges[0] == pytest.approx(80, abs=0.3)
    assert edges[1] == pytest.approx(80.3, abs=0.15)


def test_thin_parts_are_left_as_they_were_found() -> None:
    """A pole that leans another way on every frame: no frame tells of another there."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = []
    for i in range(12):
        lean = 4 * (-1) ** i
        pole = np.abs(columns - 80 - lean * (rows - 60) / 60) < 2
        mask = masks.from_bitmap(pole & (rows > 10) & (rows < 110))
        assert mask is not None
        found.append(mask)
    for drawn, as_found in zip(smoothed(found, strength=1), found, strict=True):
        assert same(drawn, as_found)
