"""A phrase for one thing that fits several is said, once a run."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.jobs.several_found import SeveralFound
from videoseg.types import Cue, Detections, Instance, Mask, Prompt


def _answer(index: int, *prompts: int) -> Detections:
    mask = Mask(0, 0, 8, 8, np.ones((2, 2), dtype=np.bool_))
    return Detections("s", index, tuple(Instance(mask, 1.0, prompt) for prompt in prompts))


def test_it_is_said_on_the_first_frame_with_several_and_never_again() -> None:
    several = SeveralFound((Prompt("g", text="the girl"), Prompt("b", text="the ball")), True)
    assert several.look(_answer(3, 0, 1)) == []
    (line,) = several.look(_answer(4, 0, 1, 0))
    assert line == (
        "'the girl' fits 2 things on frame 4, and all are followed; to follow one, choose it with "
        "--pick left, largest or a number, or mark it with --box or --point"
    )
    assert several.look(_answer(5, 0, 0, 0)) == []
    assert len(several.look(_answer(6, 0, 0, 1, 1))) == 1


def test_a_model_without_picks_is_not_advised_to_use_them() -> None:
    (line,) = SeveralFound((Prompt("g", text="the girl"),), False).look(_answer(0, 0, 0))
    assert "--pick" not in line
    assert "--box" in line


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("g", text="girl"),
        Prompt("g", text="the girls"),
        Prompt("g", text="the girl", max_instances=1),
        Prompt("g", text="the girl", cues=(Cue(points=((1, 1, True),)),)),
    ],
)
def test_what_does_not_ask_for_one_thing_is_left_alone(prompt: Prompt) -> None:
    assert SeveralFound((prompt,), True).look(_answer(0, 0, 0)) == []
