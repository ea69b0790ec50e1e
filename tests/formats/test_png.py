"""PNGs are read by others as what was given, with the chunks that were asked for."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
import pytest

from videoseg.formats.images.png import colour_tag, pixel_aspect, png
from videoseg.types import Colour


@pytest.mark.parametrize("filtered", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("samples", [1, 3, 4])
def test_samples_come_back(samples: int, dtype: Any, filtered: bool) -> None:
    most = int(np.iinfo(dtype).max)
    pixels = np.random.default_rng(1).integers(0, most, (33, 47, samples), dtype, endpoint=True)
    data = np.frombuffer(png(pixels, filtered=filtered), np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    assert found is not None
    if samples > 1:
        order = [2, 1, 0, 3][:samples]
        found = np.asarray(found)[..., order]
    assert found.dtype == dtype
    assert (np.asarray(found).reshape(pixels.shape) == pixels).all()


def test_a_view_is_written_as_it_looks() -> None:
    pixels = np.arange(48, dtype=np.uint16).reshape(6, 8)[::-1, ::2]
    found = cv2.imdecode(np.frombuffer(png(pixels), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (np.asarray(found) == pixels).all()


@pytest.mark.parametrize(
    ("aspect", "across", "down"),
    [(Fraction(2), 1, 2), (Fraction(64, 45), 45, 64), (Fraction(10, 11), 11, 10)],
)
def test_wide_pixels_have_fewer_across(aspect: Fraction, across: int, down: int) -> None:
    assert pixel_aspect(aspect) == [(b"pHYs", struct.pack(">IIB", across, down, 0))]


@pytest.mark.parametrize(
    "aspect", [Fraction(1), Fraction(0), Fraction(-2), Fraction(1, 10**9), Fraction(10**12)]
)
def test_no_shape_is_said_where_there_is_none(aspect: Fraction) -> None:
    assert pixel_aspect(aspect) == []


def test_colours_are_said_where_both_are_known() -> None:
    assert colour_tag(Colour(9, 16)) == [(b"cICP", bytes((9, 16, 0, 1)))]
    for colour in (Colour(), Colour(1), Colour(None, 1), Colour(2, 1), Colour(1, 2)):
        assert colour_tag(colour) == []
