"""Compiled code finds of masks what the Python code finds."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.geometry import masks
from videoseg.kernels.masks import MaskKernel
from videoseg.motion.flow import Flow
from videoseg.tracking import appearance, tracks
from videoseg.tracking.appearance import BinnedImage
from videoseg.types import Bitmap, Instance, Mask

T = TypeVar("T")


def both(library: ctypes.CDLL, call: Callable[[], T]) -> tuple[T, T]:
    """What a call gives with compiled code, and without."""
    found = []
    for kernel in (MaskKernel(library), None):
        with pytest.MonkeyPatch.context() as patch:
            for module in (masks, appearance, tracks):
                patch.setattr(module, "mask_kernel", lambda kernel=kernel: kernel)
            found.append(call())
    return found[0], found[1]


@st.composite
def some_masks(draw: st.DrawFn, width: int = 60, height: int = 50) -> Mask:
    """A mask of few pixels or nearly all, anywhere in a frame, perhaps from border to border."""
    wide, high = draw(st.integers(1, width)), draw(st.integers(1, height))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    bitmap: Bitmap = rng.random((high, wide)) < draw(st.sampled_from([0.02, 0.5, 0.98, 1.1]))
    bitmap[rng.integers(high), rng.integers(wide)] = True
    x, y = draw(st.integers(0, width - wide)), draw(st.integers(0, height - high))
    return Mask(x, y, width, height, bitmap)


@given(some_masks(), some_masks())
def test_common_pixels(library: ctypes.CDLL, one: Mask, other: Mask) -> None:
    compiled, python = both(library, lambda: masks.intersection(one, other))
    assert compiled == python


def test_common_pixels_of_wide_masks(library: ctypes.CDLL) -> None:
    """More words in a row than fit into one sum."""
    whole = Mask(0, 0, 5003, 3, np.ones((3, 5003), np.bool_))
    assert both(library, lambda: masks.intersection(whole, whole)) == (15009, 15009)


@given(some_masks())
def test_run_lengths(library: ctypes.CDLL, mask: Mask) -> None:
    compiled, python = both(library, lambda: masks.encode_rle(mask))
    assert compiled == python
    again = both(library, lambda: masks.decode_rle(python, width=60, height=50))
    for found in again:
        assert found is not None
        assert found.crop == mask.box
        np.testing.assert_array_equal(found.to_array(), mask.to_array())


@pytest.mark.parametrize("counts", ["", "0", "\\", "X" * 12, "é", "~0", "2o", "P1P1P1"])
def test_run_lengths_that_are_wrong(counts: str, library: ctypes.CDLL) -> None:
    def said() -> str:
        try:
            return str(masks.decode_rle(counts, width=6, height=5))
        except ValueError as error:
            return str(error)

    compiled, python = both(library, said)
    assert compiled == python


@given(some_masks(), st.sampled_from([(50, 60), (13, 20), (3, 4), (1, 1)]))
def test_appearance(library: ctypes.CDLL, mask: Mask, size: tuple[int, int]) -> None:
    small = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    binned = BinnedImage.of(small)
    compiled, python = both(
        library, lambda: appearance.Appearance.of(Instance(mask, 0.9, 0), binned)
    )
    np.testing.assert_array_equal(compiled.roots, python.roots)
    assert compiled.roots.dtype == python.roots.dtype
    assert compiled.pixels == python.pixels


@given(some_masks(), st.sampled_from([(50, 60), (13, 20), (3, 4)]), st.integers(0, 100))
def test_typical_motion(library: ctypes.CDLL, mask: Mask, size: tuple[int, int], seed: int) -> None:
    backward = np.random.default_rng(seed).normal(0, 5, (*size, 2)).astype(np.float32)
    flow = Flow(backward, mask.frame_width, mask.frame_height)
    compiled, python = both(library, lambda: tracks.typical_motion(mask, flow))
    assert compiled == python
