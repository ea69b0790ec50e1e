"""One of several things, or another extent of what a click means."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.models.embedded import Embedded
from videoseg.models.embedded.detected_box import DetectedBox
from videoseg.models.embedded.pick import Choice, picked
from videoseg.models.embedded.promptable.click_choice import holding, likeliest, nested
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.protocols import Keyframed
from videoseg.types import Mask


def _square(x: int, y: int, side: int) -> ScoredMask:
    return ScoredMask(Mask(x, y, 100, 100, np.ones((side, side), dtype=np.bool_)), 0.9)


_LEFT, _MIDDLE, _RIGHT = _square(0, 50, 10), _square(30, 0, 30), _square(80, 80, 15)
_THREE = (_MIDDLE, _RIGHT, _LEFT)


@pytest.mark.parametrize(
    ("choice", "meant"),
    [
        ("largest", _MIDDLE),
        ("smallest", _LEFT),
        ("left", _LEFT),
        ("right", _RIGHT),
        ("top", _MIDDLE),
        ("bottom", _RIGHT),
        ("1", _LEFT),
        ("3", _RIGHT),
    ],
)
def test_one_of_several_is_picked(choice: Choice, meant: ScoredMask) -> None:
    assert picked(_THREE, choice) == [meant]


@pytest.mark.parametrize("choice", ["all", "part", "whole"])
def test_extents_leave_several_things_alone(choice: Choice) -> None:
    assert picked(_THREE, choice) == list(_THREE)


def test_a_number_beyond_what_there_is_picks_nothing() -> None:
    assert picked(_THREE, "4") == []
    assert picked((), "left") == []


def test_parts_lie_in_the_likeliest_mask_and_wholes_around_it() -> None:
    head, body, beside = _square(12, 12, 10), _square(5, 5, 40), _square(60, 60, 10)
    likeliest = _square(10, 10, 20)
    nearly = _square(10, 10, 19)
    seen = [head, body, beside, nearly, likeliest]
    assert nested(seen, likeliest, "part") == [head]
    assert nested(seen, likeliest, "whole") == [body]


def test_a_click_means_what_most_looks_agree_on_or_the_thing_that_is_detected_there() -> None:
    part, again, whole = _square(30, 30, 20), _square(30, 30, 21), _square(10, 10, 60)
    seen = [part, again, whole]
    assert likeliest(seen) in (part, again)
    thing = DetectedBox((11.0, 9.0, 70.0, 71.0), 0.8)
    assert likeliest(seen, [thing]) is whole
    assert likeliest(seen, [DetectedBox(thing.box, 0.2)]) in (part, again)
    assert likeliest([]) is None


def test_things_count_where_all_clicks_lie_in_them() -> None:
    sure, doubtful = DetectedBox((10, 10, 50, 50), 0.8), DetectedBox((10, 10, 50, 50), 0.1)
    assert holding([sure, doubtful], [(20, 20), (50, 30)]) == [sure]
    assert holding([sure], [(20, 20), (60, 30)]) == []


def test_phrases_are_searched_on_every_frame_unless_a_run_asks_otherwise() -> None:
    model = Embedded()
    assert isinstance(model, Keyframed)
    assert model.keyframe_every == 1
    assert Embedded(redetect=5).keyframe_every == 5
