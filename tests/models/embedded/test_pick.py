"""One of several things, or another extent of what a click means."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.models.embedded import Embedded
from videoseg.models.embedded.pick import Choice, picked
from videoseg.models.embedded.promptable.segmenter import _nested
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
    assert _nested(seen, likeliest, "part") == [head]
    assert _nested(seen, likeliest, "whole") == [body]


def test_phrases_are_searched_on_every_frame_unless_a_run_asks_otherwise() -> None:
    model = Embedded()
    assert isinstance(model, Keyframed)
    assert model.keyframe_every == 1
    assert Embedded(redetect=5).keyframe_every == 5
