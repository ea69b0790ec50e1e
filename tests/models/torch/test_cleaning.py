"""Small holes and specks of masks, against SciPy's labels of whole frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from videoseg.geometry import masks
from videoseg.models._torch.cleaning import cleaned
from videoseg.types import Mask

CORNERS = np.ones((3, 3), bool)


def expected(bitmap: np.ndarray, holes: float, specks: float) -> np.ndarray:
    """As the formula of SAM 3's video predictor has it, on the whole frame."""
    filled = bitmap.copy()
    labels, count = ndimage.label(~bitmap, CORNERS)
    for piece in range(1, count + 1):
        if (labels == piece).sum() <= holes:
            filled |= labels == piece
    labels, count = ndimage.label(filled, CORNERS)
    most = min(specks, filled.sum() / 2)
    found = filled.copy()
    for piece in range(1, count + 1):
        if (labels == piece).sum() <= most:
            found &= labels != piece
    return found


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(np.bool_, (9, 12), elements=st.booleans()),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_it_gives_what_labelling_the_whole_frame_gives(
    part: np.ndarray, holes: int, specks: int
) -> None:
    """The object lies in a larger frame, of which the mask is a crop."""
    whole = np.zeros((20, 30), bool)
    whole[:9, 8:20] = part  # it touches the upper edge
    mask = masks.from_bitmap(whole)
    if mask is None:
        return
    found = cleaned(mask, holes, specks)
    wanted = expected(whole, holes, specks)
    assert np.array_equal(np.zeros_like(whole) if found is None else found.to_array(), wanted)


def test_logits_agree_with_what_was_changed() -> None:
    logits = np.full((9, 9), -4, np.float16)
    logits[2:7, 2:7] = 4
    logits[4, 4] = -1
    logits[0, 0] = 2
    found = cleaned(Mask(3, 3, 20, 20, logits > 0, logits), 2, 2)
    assert found is not None
    assert found.logits is not None
    assert np.array_equal(found.bitmap, found.logits > 0)
    assert found.bitmap[4, 4]
    assert not found.bitmap[0, 0]
    assert np.array_equal(found.logits[1:4], logits[1:4])


def test_what_needs_nothing_is_given_back_as_it_is() -> None:
    mask = Mask(0, 0, 9, 9, np.ones((5, 5), bool))
    assert cleaned(mask, 16, 16) is mask


@pytest.mark.parametrize("size", [1, 3])
def test_a_small_object_is_no_speck(size: int) -> None:
    mask = Mask(4, 4, 20, 20, np.ones((size, size), bool))
    assert cleaned(mask, 0, 16) is mask
