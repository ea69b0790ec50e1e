"""Mattes are crops of a frame that say how much of each pixel an object covers."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.geometry.alphas import alpha_of, bounds, hard_alpha, to_8_bits, united
from videoseg.types import WHOLE, Alpha, Instance, Mask, Shape, TrackedInstance


def mask(x: int = 3) -> Mask:
    return Mask(x, 2, 16, 12, np.array([[True, False], [True, True]]))


def test_a_mask_is_a_matte_of_all_or_nothing() -> None:
    alpha = hard_alpha(mask())
    assert alpha.to_array().tolist() == (mask().to_array() * WHOLE).tolist()


def test_a_soft_matte_goes_before_the_mask() -> None:
    soft = Alpha(0, 0, 16, 12, np.full((1, 1), 7, np.uint16))
    instance = Instance(mask(), 1.0, 0)
    assert alpha_of(TrackedInstance(1, instance, Shape(()), "a", alpha=soft)) is soft
    assert alpha_of(TrackedInstance(1, instance, Shape(()), "a")).crop == mask().crop


def test_of_several_objects_the_largest_coverage_counts() -> None:
    a = Alpha(0, 0, 4, 2, np.array([[10, 20]], np.uint16))
    b = Alpha(1, 0, 4, 2, np.array([[5], [9]], np.uint16))
    assert united([a, b], 4, 2).tolist() == [[10, 20, 0, 0], [0, 9, 0, 0]]


def test_a_matte_stays_in_its_frame() -> None:
    with pytest.raises(ValueError, match="leaves the frame"):
        Alpha(3, 0, 4, 2, np.zeros((1, 2), np.uint16))


def test_eight_bits_are_the_nearest() -> None:
    every = np.arange(WHOLE + 1, dtype=np.uint16).reshape(256, 256)
    assert (to_8_bits(every) == np.rint(every / 257)).all()


def test_bounds_hold_every_crop() -> None:
    a = Alpha(2, 1, 9, 9, np.ones((3, 2), np.uint16))
    b = Alpha(5, 0, 9, 9, np.ones((2, 4), np.uint16))
    nothing = Alpha(0, 8, 9, 9, np.ones((0, 0), np.uint16))
    assert bounds([a, nothing, b]) == (2, 0, 9, 4)
    assert bounds([nothing]) == bounds([]) == (0, 0, 0, 0)
