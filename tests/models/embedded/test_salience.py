"""The second opinion: heard where it sees what is meant, and only there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sample_media import clips
from videoseg.geometry import masks
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts
from videoseg.models.embedded.promptable.salience import Salience
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.types import Bitmap, Box, RgbImage

HEIGHT, WIDTH = 300, 400
CENTRE, RADIUS = (180, 150), 70
WHOLE = (0, 0, WIDTH, HEIGHT)


@pytest.fixture(scope="module")
def salience() -> Salience:
    return Salience(threads=1)


@pytest.fixture(scope="module")
def ball() -> tuple[RgbImage, Bitmap]:
    """A shaded orange ball before a dim wall, and where it is."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    away = np.hypot(x - CENTRE[0], y - CENTRE[1])
    image = np.array([70.0, 75, 80]) + rng.normal(0, 3, (HEIGHT, WIDTH, 3))
    light = np.sqrt(np.clip(1 - (away / RADIUS) ** 2, 0, 1))
    image = np.where((away < RADIUS)[..., None], light[..., None] * (150, 70, 10) + 80, image)
    return np.clip(image, 0, 255).astype(np.uint8), away < RADIUS


def around(truth: Bitmap) -> Box:
    mask = masks.from_bitmap(truth)
    assert mask is not None
    return mask.crop


def overlap(one: Bitmap, other: Bitmap) -> float:
    return float((one & other).sum() / (one | other).sum())


def rough(truth: Bitmap) -> npt.NDArray[np.float32]:
    """Log odds that are about right, and in doubt about patches of the rim."""
    import cv2

    noise = np.random.default_rng(1).normal(0, 30, truth.shape).astype(np.float32)
    odds = cv2.GaussianBlur(noise, (0, 0), 6) + np.where(truth, 1.0, -1.0)
    return np.asarray(odds, dtype=np.float32)


def test_what_stands_out_is_likely_and_the_wall_is_not(
    salience: Salience, ball: tuple[RgbImage, Bitmap]
) -> None:
    image, truth = ball
    box = (60, 30, 320, 290)
    found = salience.probabilities(image, box)
    assert found.shape == (260, 260)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    assert overlap(found > 0.5, truth[30:290, 60:320]) > 0.9


@pytest.mark.parametrize(
    ("clicks", "held"),
    [
        ([CENTRE], True),
        ([CENTRE, (150, 120)], True),
        ([CENTRE, (20, 20)], False),
        ([(20, 20)], False),
        ([(-5, HEIGHT + 50)], False),
    ],
)
def test_a_whole_thing_holds_all_clicks(
    salience: Salience,
    ball: tuple[RgbImage, Bitmap],
    clicks: list[tuple[float, float]],
    held: bool,
) -> None:
    image, truth = ball
    whole = salience.salient_object(image, clicks)
    assert (whole is not None) == held
    if whole is not None:
        assert overlap(masks.to_bitmap(whole), truth) > 0.9


def test_doubts_about_the_same_thing_are_settled(
    salience: Salience, ball: tuple[RgbImage, Bitmap]
) -> None:
    image, truth = ball
    odds = rough(truth)
    together = salience.fused(image, odds, WHOLE, around(truth))
    left, top, right, bottom = around(truth)
    inside = np.zeros_like(truth)
    inside[top:bottom, left:right] = True
    assert np.array_equal(together[~inside], odds[~inside])
    before = overlap((odds > 0) & inside, truth)
    assert before < 0.9
    assert overlap((together > 0) & inside, truth) > before + 0.05


def test_a_part_of_what_stands_out_stays_a_part(
    salience: Salience, ball: tuple[RgbImage, Bitmap]
) -> None:
    image, truth = ball
    half = truth.copy()
    half[: CENTRE[1]] = False
    odds = rough(half)
    assert salience.fused(image, odds, WHOLE, around(half)) is odds


def test_an_answer_that_disagrees_is_not_heard(
    salience: Salience, ball: tuple[RgbImage, Bitmap]
) -> None:
    image, truth = ball
    odds = np.where(truth, -1, 1).astype(np.float32)
    assert salience.fused(image, odds, WHOLE, around(truth)) is odds


def test_a_box_on_a_part_of_an_animal_does_not_give_the_animal() -> None:
    clip = next(c for c in map(clips.scene, range(40)) if c.subject == "cat" and not c.cutout)
    frame, truth = next(iter(clips.frames(clip)))
    x1, y1, x2, y2 = around(truth)
    box = (float(x1), float(y1), float(x2), y1 + 0.4 * (y2 - y1), True)
    prompts = ObjectPrompts(frame.shape[1], frame.shape[0], boxes=(box,))
    found = PromptableSegmenter(1).segment(frame, prompts)
    assert found is not None
    assert masks.bounding_box(found.mask)[3] < y1 + 0.6 * (y2 - y1)
