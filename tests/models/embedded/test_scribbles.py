"""Scribbles on both sides: a cut by colour where colours tell the sides apart, and only there."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from videoseg.evaluate.metrics.region import iou
from videoseg.geometry.masks import from_bitmap, to_bitmap
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts, PointPrompt
from videoseg.models.embedded.promptable.scribbles import cut_by_scribbles
from videoseg.models.embedded.promptable.segmenter import PromptableSegmenter
from videoseg.types import Mask, RgbImage

WIDTH, HEIGHT = 240, 180


def _truth() -> npt.NDArray[np.bool_]:
    """A cross: half of it is what a poor mask has."""
    drawn = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.rectangle(drawn, (60, 70), (180, 110), 1, -1)
    cv2.rectangle(drawn, (100, 30), (140, 150), 1, -1)
    return drawn > 0


def _half() -> Mask:
    half = _truth()
    half[:, 120:] = False
    found = from_bitmap(half)
    assert found is not None
    return found


def _picture(inside: tuple[int, int, int], outside: tuple[int, int, int]) -> RgbImage:
    noise = np.random.default_rng(0).normal(0, 6, (HEIGHT, WIDTH, 3))
    flat = np.where(_truth()[..., None], inside, outside)
    return np.clip(flat + noise, 0, 255).astype(np.uint8)


def _scribbles(count: int = 60) -> list[PointPrompt]:
    """One across the cross, one around it."""
    across = [(x, 90.0, True) for x in np.linspace(65, 175, count)]
    above = [(x, 15.0, False) for x in np.linspace(10, 230, count // 2)]
    below = [(x, 165.0, False) for x in np.linspace(10, 230, count - count // 2)]
    return [*across, *above, *below]


def test_colours_that_differ_complete_the_mask() -> None:
    prompts = ObjectPrompts(WIDTH, HEIGHT, points=_scribbles())
    image = _picture((200, 60, 60), (60, 90, 180))
    found = cut_by_scribbles(image, prompts, _half())
    assert found is not None
    assert iou(found, _truth()) > 0.97
    again = cut_by_scribbles(image, prompts, _half())
    assert again is not None
    np.testing.assert_array_equal(found, again)


def test_colours_that_both_sides_share_tell_nothing() -> None:
    image = _picture((120, 120, 120), (120, 120, 120))
    assert (
        cut_by_scribbles(image, ObjectPrompts(WIDTH, HEIGHT, points=_scribbles()), _half()) is None
    )


@pytest.mark.parametrize("kept", [True, False])
def test_clicks_and_scribbles_on_one_side_alone_are_no_scribbles(kept: bool) -> None:
    image = _picture((200, 60, 60), (60, 90, 180))
    one_side = [point for point in _scribbles() if point[2] == kept]
    assert cut_by_scribbles(image, ObjectPrompts(WIDTH, HEIGHT, points=one_side), _half()) is None
    assert (
        cut_by_scribbles(image, ObjectPrompts(WIDTH, HEIGHT, points=_scribbles()[::20]), _half())
        is None
    )


def test_scribbles_out_of_sight_do_no_harm() -> None:
    image = _picture((200, 60, 60), (60, 90, 180))
    stray = [*_scribbles(), (-5.0, 9999.0, False), (1e6, 3.0, False)]
    found = cut_by_scribbles(image, ObjectPrompts(WIDTH, HEIGHT, points=stray), _half())
    assert found is not None
    assert iou(found, _truth()) > 0.97


def test_the_mask_keeps_to_the_scribbles() -> None:
    image = _picture((200, 60, 60), (60, 90, 180))
    points = _scribbles()
    found = PromptableSegmenter(1).segment(image, ObjectPrompts(WIDTH, HEIGHT, points=points))
    assert found is not None
    inside = to_bitmap(found.mask)
    assert all(inside[int(y), int(x)] == positive for x, y, positive in points)
    assert iou(inside, _truth()) > 0.95
