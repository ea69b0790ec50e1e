"""Clicks made from the truth, and the curves and counts made from their IoUs."""

from __future__ import annotations

from collections.abc import Sequence

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.evaluate.metrics.clicks import (
    Click,
    clicks_needed,
    iou_curves,
    next_click,
    simulate,
)
from videoseg.types import Bitmap

bitmaps = arrays.arrays(np.bool_, (5, 6))


def rectangle(x1: int, y1: int, x2: int, y2: int, shape: tuple[int, int] = (30, 40)) -> Bitmap:
    bitmap = np.zeros(shape, dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = True
    return bitmap


def test_first_click_is_the_middle_of_the_object() -> None:
    # 7 x 7 at (10, 5): the only pixel 4 px from the outside is (13, 8).
    assert next_click(None, rectangle(10, 5, 17, 12)) == Click(13.5, 8.5, positive=True)


def test_the_frame_ends_an_object() -> None:
    # Against the left border: without the border counting as outside, it would lie at x = 0.5.
    assert next_click(None, rectangle(0, 5, 5, 10)) == Click(2.5, 7.5, positive=True)


def test_the_thicker_error_is_clicked_whatever_its_area() -> None:
    truth = rectangle(5, 5, 12, 12)
    surplus = rectangle(20, 20, 23, 23)  # 9 px, its middle 2 px from the outside
    thin_strip = rectangle(5, 5, 12, 7)  # 14 px, all 1 px from the outside
    assert next_click(truth & ~thin_strip | surplus, truth) == Click(21.5, 21.5, positive=False)
    thick_strip = rectangle(5, 5, 12, 8)  # 21 px, its middle row 2 px from the outside
    thin_surplus = rectangle(20, 20, 40, 22)  # 40 px, all 1 px from the outside
    click = next_click(truth & ~thick_strip | thin_surplus, truth)
    # Row 6 from column 6 to 10 is equally deep; the first in reading order is taken.
    assert click == Click(6.5, 6.5, positive=True)


def test_equal_errors_give_a_negative_click() -> None:
    click = next_click(rectangle(20, 20, 23, 23), rectangle(5, 5, 8, 8))
    assert click == Click(21.5, 21.5, positive=False)


def test_void_pixels_are_neither_missing_nor_surplus() -> None:
    truth, void = rectangle(5, 5, 12, 12), rectangle(8, 0, 40, 30)
    assert next_click(rectangle(20, 20, 30, 30), truth, ignore=void) == Click(6.5, 6.5, True)
    assert next_click(rectangle(20, 20, 30, 30), void & truth, ignore=void) is None


@given(bitmaps, bitmaps, bitmaps)
def test_a_click_always_corrects(predicted: Bitmap, truth: Bitmap, void: Bitmap) -> None:
    click = next_click(predicted, truth, ignore=void)
    if click is None:
        assert not ((predicted ^ truth) & ~void).any()
    else:
        assert truth[click.pixel] == click.positive
        assert predicted[click.pixel] != click.positive
        assert not void[click.pixel]
        again = next_click(predicted, truth, ignore=void, before=[click])
        assert again is None or again.pixel != click.pixel


@pytest.mark.slow
@given(bitmaps)
def test_a_model_that_paints_its_clicks_gets_there(truth: Bitmap) -> None:
    def paint(clicks: Sequence[Click]) -> Bitmap:
        bitmap = np.zeros_like(truth)
        for click in clicks:
            bitmap[click.pixel] = click.positive
        return bitmap

    if not truth.any():
        with pytest.raises(ValueError, match="nothing to click"):
            simulate(paint, truth)
        return
    run = simulate(paint, truth, clicks=99)
    assert len(run.clicks) == truth.sum()
    assert len({click.pixel for click in run.clicks}) == len(run.clicks)
    assert run.ious == pytest.approx(np.arange(1, len(run.clicks) + 1) / truth.sum())
    assert len(simulate(paint, truth, clicks=3).ious) == min(3, truth.sum())
    assert simulate(paint, truth, clicks=99, enough=0.5).ious[-1] >= 0.5


def test_a_stubborn_model_is_not_clicked_twice_at_one_place() -> None:
    truth = rectangle(5, 5, 7, 7)
    run = simulate(lambda clicks: None, truth)
    assert run.ious == (0, 0, 0, 0)
    assert {click.pixel for click in run.clicks} == {(5, 5), (5, 6), (6, 5), (6, 6)}


def test_curves_keep_their_last_value() -> None:
    curves = iou_curves([[0.2, 0.9], [0.1, 0.3, 0.5, 0.7]], clicks=3)
    assert curves.tolist() == [[0.2, 0.9, 0.9], [0.1, 0.3, 0.5]]
    assert iou_curves([], clicks=3).shape == (0, 3)
    with pytest.raises(ValueError, match="without a click"):
        iou_curves([[]])


def test_number_of_clicks() -> None:
    ious = [[0.2, 0.85], [0.9], [0.5] * 20, [0.1] * 19 + [0.95], [0.1] * 20 + [0.95]]
    assert clicks_needed(ious, 0.85).tolist() == [2, 1, 20, 20, 20]
    assert clicks_needed(ious, 0.9, clicks=5).tolist() == [5, 1, 5, 5, 5]


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=25), min_size=1, max_size=5))
def test_a_higher_target_never_takes_fewer_clicks(ious: list[list[float]]) -> None:
    assert (clicks_needed(ious, 0.85) <= clicks_needed(ious, 0.9)).all()
