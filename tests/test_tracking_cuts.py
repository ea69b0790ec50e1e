from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from tests.tracked import background
from videoseg.tracking.cuts import CutDetector
from videoseg.types import RgbImage


def shots_begin(images: Iterable[RgbImage], patience: int = 2) -> list[int]:
    detector = CutDetector(patience)
    verdicts: list[bool] = []
    count = 0
    for image in images:
        count += 1
        verdicts += detector.push(image)
        assert count - len(verdicts) <= patience
    verdicts += detector.flush()
    assert len(verdicts) == count
    return [index for index, begins in enumerate(verdicts) if begins]


def wide(seed: int) -> RgbImage:
    """A picture four times as wide, to pan over."""
    return np.concatenate([background(seed + k) for k in range(4)], axis=1)


def lit(image: RgbImage, gain: float, offset: float = 0) -> RgbImage:
    return np.asarray(np.clip(image * gain + offset, 0, 255), dtype=np.uint8)


def test_cuts_are_found_where_they_are() -> None:
    assert shots_begin([background(k) for k in (0, 0, 0, 1, 1, 2, 2, 2)]) == [3, 5]


def test_every_frame_a_shot() -> None:
    assert shots_begin([background(k) for k in range(7)]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length: int) -> None:
    still = background(3)
    white = np.full_like(still, 255)
    assert shots_begin([still] * 5 + [white] * length + [still] * 5) == []


def test_a_cut_under_a_flash_is_one_cut() -> None:
    white = np.full_like(background(), 255)
    begins = shots_begin([background(0)] * 5 + [white] + [background(1)] * 5)
    assert 1 <= len(begins) <= 2
    assert begins[-1] in (5, 6)


def test_a_fast_pan_is_no_cut() -> None:
    scenery = wide(10)
    assert shots_begin([scenery[:, 12 * k : 12 * k + 160] for k in range(30)]) == []


def test_dimmed_light_is_no_cut() -> None:
    still = background(4)
    assert shots_begin([lit(still, gain) for gain in (1, 1, 0.6, 0.6, 1, 1)]) == []


def test_shake_is_no_cut() -> None:
    scenery = wide(20)
    rng = np.random.default_rng(0)
    places = rng.integers(0, 40, 20)
    assert shots_begin([scenery[:, x : x + 160] for x in places]) == []


def test_black_frames_and_one_pixel_frames() -> None:
    black = np.zeros((40, 60, 3), np.uint8)
    assert shots_begin([black] * 4) == []
    assert shots_begin([np.zeros((1, 1, 3), np.uint8)] * 4) == []


def test_without_patience_every_verdict_comes_at_once() -> None:
    assert shots_begin([background(k) for k in (0, 0, 1, 1)], patience=0) == [2]
