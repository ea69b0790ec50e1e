from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tests.support.tracked import HEIGHT, WIDTH, background, ids, seen, track
from videoseg.geometry import masks
from videoseg.motion.shot_cuts import CutDetector
from videoseg.tracking.iou import IouTracker
from videoseg.types import RgbImage

Levels = npt.NDArray[np.float64]
Shade = tuple[int, int, int]


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


# Soft pictures ------------------------------------------------------------------------------------


def soft(seed: int, shade: tuple[int, int, int] = (120, 110, 130), contrast: float = 40) -> Levels:
    """A blurred gradient with clouds; another seed gives another one in about the same colours."""
    rng = np.random.default_rng(seed)
    across, down = np.meshgrid(np.linspace(-1, 1, WIDTH), np.linspace(-1, 1, HEIGHT))
    turn = rng.uniform(0, 2 * np.pi)
    clouds = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH)), (0, 0), 20)
    grey = across * np.cos(turn) + down * np.sin(turn) + clouds / np.abs(clouds).max()
    tint = rng.uniform(0.7, 1.3, 3)
    base = np.array(shade) + rng.integers(-10, 10, 3)
    return np.asarray(base + contrast / 2 * grey[..., None] * tint, dtype=np.float64)


def with_ball(picture: Levels, x: float, y: float, shade: Shade, radius: float = 15) -> RgbImage:
    """A picture with a blurred ball on it."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    cover = 1 / (1 + np.exp((np.hypot(columns - x, rows - y) - radius) / 4))
    mixed = picture * (1 - cover[..., None]) + np.array(shade) * cover[..., None]
    return np.asarray(np.clip(mixed, 0, 255), dtype=np.uint8)


def plain(picture: Levels) -> RgbImage:
    return np.asarray(np.clip(picture, 0, 255), dtype=np.uint8)


@pytest.mark.parametrize("contrast", [16, 40, 60])
@pytest.mark.parametrize("seed", range(6))
def test_a_cut_between_soft_pictures_is_found(seed: int, contrast: float) -> None:
    one, other = soft(seed, contrast=contrast), soft(seed + 50, contrast=contrast)
    before = [with_ball(one, 60 + k, 60, (40, 30, 30)) for k in range(8)]
    after = [with_ball(other, 68 + k, 61, (30, 50, 60)) for k in range(8)]
    assert shots_begin([*before, *after]) == [8]


A, B = soft(1), soft(2)
WIDE: Levels = np.asarray(
    cv2.GaussianBlur(np.concatenate([soft(k) for k in range(4)], axis=1), (0, 0), 8),
    dtype=np.float64,
)
CALM = {
    "a flash": [plain(A)] * 8 + [np.full((HEIGHT, WIDTH, 3), 250, np.uint8)] + [plain(A)] * 8,
    "a soft flash": [plain(A)] * 8 + [plain(A * 0.5 + 120)] * 2 + [plain(A)] * 8,
    "less light": [plain(A)] * 8 + [plain(A * 0.6)] * 8,
    "a dissolve": [plain(A)] * 8 + [plain(A + (B - A) * k / 6) for k in range(7)] + [plain(B)] * 8,
    "a fast pan": [plain(WIDE[:, 10 * k : 10 * k + WIDTH]) for k in range(40)],
    "a pan from rest": [plain(WIDE[:, :WIDTH])] * 8
    + [plain(WIDE[:, 10 * k : 10 * k + WIDTH]) for k in range(40)],
    "a ball that appears": [plain(A)] * 8 + [with_ball(A, 80, 60, (20, 20, 20), 22)] * 8,
    "a ball that passes": [plain(A)] * 8
    + [with_ball(A, 20 * k, 60, (20, 20, 20), 35) for k in range(9)],
    "noise in the dark": [
        np.random.default_rng(k).integers(0, 6, (HEIGHT, WIDTH, 3)).astype(np.uint8)
        for k in range(20)
    ],
}


@pytest.mark.parametrize("name", CALM)
def test_what_is_no_cut_between_soft_pictures(name: str) -> None:
    assert shots_begin(CALM[name]) == []


def test_no_track_goes_on_over_a_soft_cut_onto_another_object() -> None:
    """The balls lie on the same place, 0.9 of their pixels are common, and they look different."""
    images = {k: with_ball(A, 60 + k / 4, 60, (40, 30, 30), 20) for k in range(12)}
    images |= {k: with_ball(B, 60 + k / 4, 61, (30, 50, 60), 20) for k in range(12, 24)}
    answers = [[seen(60 + k / 4, 60 + (k >= 12), 20)] for k in range(24)]
    assert masks.iou(answers[11][0].mask, answers[12][0].mask) > 0.9
    scenes = track(IouTracker(smoothing=0), answers, images=images)
    assert [scene.shot for scene in scenes] == [0] * 12 + [1] * 12
    assert [ids(scene) for scene in scenes] == [[1]] * 12 + [[2]] * 12
