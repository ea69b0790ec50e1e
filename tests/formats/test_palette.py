"""Colours of tracks: told apart, legible, and always the same."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from videoseg.formats.palette import colour_of, hex_of


def lab(track_id: int) -> npt.NDArray[np.float64]:
    """CIE L*a*b*, where a distance of 2.3 is just noticeable."""
    colour = np.array([[colour_of(track_id)]], dtype=np.float32) / 255
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2LAB)[0, 0], dtype=np.float64)


def test_the_first_dozen_are_far_apart() -> None:
    for one, other in itertools.combinations(range(1, 13), 2):
        assert np.linalg.norm(lab(one) - lab(other)) > 20, (one, other)


def test_ids_that_follow_one_another_always_differ() -> None:
    for first in range(1, 400):
        for other in range(first + 1, first + 6):
            assert np.linalg.norm(lab(first) - lab(other)) > 20, (first, other)


def test_hundreds_differ_at_all() -> None:
    assert len({colour_of(track_id) for track_id in range(1, 501)}) == 500


@pytest.mark.parametrize("track_id", [*range(1, 60), 255, 256, 65535, 10**9])
def test_neither_black_nor_white_nor_grey(track_id: int) -> None:
    lightness, a, b = lab(track_id)
    assert 40 < lightness < 88
    assert np.hypot(a, b) > 25


def test_an_id_keeps_its_colour() -> None:
    assert [hex_of(track_id) for track_id in (1, 2, 3)] == ["#1fdda9", "#9554d2", "#c18f13"]
