"""IoU, mIoU, cIoU and P@X: values by hand, and what must hold for any masks."""

from __future__ import annotations

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.evaluate.metrics.inputs import as_mask
from videoseg.evaluate.metrics.region import (
    Overlap,
    cumulative_iou,
    iou,
    mean_iou,
    overlap_of,
    precision_at,
)
from videoseg.geometry import masks
from videoseg.types import Bitmap

SHAPE = (6, 8)
bitmaps = arrays.arrays(np.bool_, SHAPE)
overlaps = st.tuples(st.integers(0, 50), st.integers(0, 50)).map(
    lambda pair: Overlap(min(pair), max(pair))
)


def square(x: int, y: int, side: int) -> Bitmap:
    bitmap = np.zeros(SHAPE, dtype=np.bool_)
    bitmap[y : y + side, x : x + side] = True
    return bitmap


def test_two_squares_by_hand() -> None:
    # 4 x 4 each, common part 2 x 4: 8 of 16 + 16 - 8.
    assert overlap_of(square(0, 0, 4), square(2, 0, 4)) == Overlap(8, 24)
    assert iou(square(0, 0, 4), square(2, 0, 4)) == pytest.approx(1 / 3)


def test_nothing_against_nothing_is_right_and_against_something_wrong() -> None:
    assert iou(None, None) == 1
    assert iou(np.zeros(SHAPE, dtype=np.bool_), None) == 1
    assert iou(None, square(0, 0, 2)) == 0
    assert iou(square(0, 0, 2), None) == 0


def test_ignored_pixels_count_for_neither() -> None:
    # Columns 0 and 1 are void: of the prediction 2 x 4 stay, all of them true; truth 4 x 4.
    void = np.zeros(SHAPE, dtype=np.bool_)
    void[:, :2] = True
    assert overlap_of(square(0, 0, 4), square(2, 0, 4), ignore=void) == Overlap(8, 16)
    assert iou(square(0, 0, 2), None, ignore=void) == 1


@given(bitmaps, bitmaps)
def test_iou_is_symmetric_bounded_and_that_of_the_bitmaps(a: Bitmap, b: Bitmap) -> None:
    value = iou(a, b)
    assert value == iou(b, a) == iou(masks.from_bitmap(a), b) == iou(a, masks.from_bitmap(b))
    assert 0 <= value <= 1
    assert (value == 1) == bool((a == b).all())
    union = (a | b).sum()
    assert value == pytest.approx((a & b).sum() / union if union else 1)


@given(bitmaps, bitmaps, bitmaps)
def test_ignoring_pixels_is_as_if_both_were_empty_there(a: Bitmap, b: Bitmap, void: Bitmap) -> None:
    assert overlap_of(a, b, ignore=void) == overlap_of(a & ~void, b & ~void)


@given(st.lists(overlaps, min_size=1, max_size=8))
def test_means_lie_within_the_ious_and_order_is_nothing(
    pairs: list[Overlap],
) -> None:
    ious = [pair.iou for pair in pairs]
    shuffled = sorted(pairs, key=lambda pair: (pair.union, pair.intersection))
    for mean in (mean_iou, cumulative_iou):
        value = mean(pairs)
        assert value == pytest.approx(mean(shuffled))
        assert min(ious) - 1e-12 <= value <= max(ious) + 1e-12


def test_mean_and_cumulative_iou_by_hand() -> None:
    # IoUs 1/4 and 90/100; sums 91 of 104.
    pairs = [Overlap(1, 4), Overlap(90, 100)]
    assert mean_iou(pairs) == pytest.approx(0.575)
    assert cumulative_iou(pairs) == pytest.approx(91 / 104)
    assert cumulative_iou([Overlap(0, 0)]) == 1
    assert math.isnan(mean_iou([]))
    assert math.isnan(cumulative_iou([]))


def test_precision_counts_an_iou_that_just_reaches_the_threshold() -> None:
    values = precision_at([0.5, 0.49, 0.7, 0.95])
    assert values.tolist() == [0.75, 0.5, 0.5, 0.25, 0.25]
    assert precision_at([0.5, 0.2], thresholds=(0.2,)).tolist() == [1.0]
    assert np.isnan(precision_at([])).all()


def test_what_does_not_fit_is_refused() -> None:
    small = np.ones((2, 2), dtype=np.bool_)
    with pytest.raises(ValueError, match="different sizes"):
        iou(small, square(0, 0, 2))
    with pytest.raises(ValueError, match="bool"):
        as_mask(np.ones((*SHAPE, 1), dtype=np.bool_))
    with pytest.raises(ValueError, match="ignored pixels"):
        iou(square(0, 0, 2), None, ignore=small)
    with pytest.raises(ValueError, match="part of its union"):
        Overlap(3, 2)
