"""What is suggested for names that do not exist."""

from __future__ import annotations

import pytest

from videoseg.cli._app import run
from videoseg.errors import nearest
from videoseg.registry import names

MODELS = [
    ("sam2", "'sam2.1-base-plus', 'sam2.1-large', 'sam2.1-small' or 'sam2.1-tiny'?"),
    ("sam-2", "'sam2.1-base-plus', 'sam2.1-large', 'sam2.1-small' or 'sam2.1-tiny'?"),
    ("sam", "'sam2.1-tiny' or 5 more?"),
    ("SAM3", "did you mean 'sam3'?"),
    ("grounding_dino", "did you mean 'grounding-dino'?"),
    ("dino", "'mm-grounding-dino' or 'mm-grounding-dino-base'?"),
    ("sam2-tiny", "did you mean 'sam2.1-tiny'?"),
    ("embeded", "did you mean 'embedded'?"),
    ("yolo", "there are: agent, clipseg,"),
    ("", "there are: agent, clipseg,"),
]


@pytest.mark.parametrize(("name", "says"), MODELS)
def test_models(name: str, says: str) -> None:
    assert says in nearest(name, names("models"))


def test_short_pieces_are_no_family() -> None:
    assert nearest("s", ["svg", "masks"]) == "there are: svg, masks"
    assert nearest("x", []) == "it has no settings"


def test_from_the_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments, says in (
        (["segment", "x.mp4", "cat", "--model", "sam2"], "no model is called 'sam2'; did you mean"),
        (["segment", "x.mp4", "cat", "--write", "mask"], "did you mean 'masks'?"),
        (["segment", "x.mp4", "cat", "--preset", "roto"], "did you mean 'rotoscope'?"),
        (["show", "animated"], "no part is called 'animated'; did you mean 'animated-svg'?"),
        (["segment", "x.mp4", "cat", "--set", "writers.svgs.precision=1"], "no writer is called"),
    ):
        assert run(arguments) == 2
        assert says in capfd.readouterr().err
