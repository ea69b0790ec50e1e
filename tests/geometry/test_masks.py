"""Cropped masks against numpy on full frames, and their run lengths against pycocotools."""

from __future__ import annotations

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from videoseg.geometry import masks
from videoseg.types import Bitmap

SHAPE = (7, 9)
bitmaps = arrays.arrays(np.bool_, SHAPE)
any_bitmap = st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
    lambda shape: arrays.arrays(np.bool_, shape)
)


@given(any_bitmap)
def test_crop_and_back(bitmap: Bitmap) -> None:
    mask = masks.from_bitmap(bitmap)
    if mask is None:
        assert not bitmap.any()
    else:
        assert (masks.to_bitmap(mask) == bitmap).all()
        assert masks.bounding_box(mask) == mask.crop
        assert masks.area(mask) == bitmap.sum()


@given(bitmaps, bitmaps)
def test_iou_is_that_of_the_full_frames(a: Bitmap, b: Bitmap) -> None:
    first, second = masks.from_bitmap(a), masks.from_bitmap(b)
    if first is not None and second is not None:
        assert masks.iou(first, second) == pytest.approx((a & b).sum() / (a | b).sum())


@given(any_bitmap)
def test_run_lengths_are_those_of_pycocotools(bitmap: Bitmap) -> None:
    mask = masks.from_bitmap(bitmap)
    if mask is None:
        return
    reference = coco.encode(np.asfortranarray(bitmap.astype(np.uint8)))["counts"].decode()
    assert masks.encode_rle(mask) == reference
    height, width = bitmap.shape
    decoded = masks.decode_rle(reference, width=width, height=height)
    assert decoded is not None
    assert (masks.to_bitmap(decoded) == bitmap).all()


@pytest.mark.parametrize("counts", ["", "\x00", "ä", "P", "1", "oooooooooo1"])
def test_broken_run_lengths_are_refused(counts: str) -> None:
    with pytest.raises(ValueError, match="run lengths"):
        masks.decode_rle(counts, width=4, height=4)
