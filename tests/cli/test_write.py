"""``videoseg write``: what it may change of a run, and what only ``videoseg rerun`` may."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commandline import captured
from tests.support.fakes import Colours
from tests.support.media import clip


def run(*arguments: str) -> tuple[int, str]:
    """One command's exit code, and what it wrote to standard error."""
    code, _, said = captured(arguments, {"models": {"colours": Colours}})
    return code, said


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    film = str(clip(frames=3, width=96, height=64))
    out = tmp_path / "out"
    made = run("segment", film, "red", "--model", "colours", "--write", "svg", "-o", str(out))
    assert made[0] == 0
    return out


@pytest.mark.parametrize(
    "setting",
    ["outlines.tolerance=3", "tracking.iou.smoothing=0.2", "run.tracker=two-pass"],
)
def test_what_would_change_shapes_is_refused(finished: Path, setting: str) -> None:
    before = (finished / "run.json").read_bytes()
    path = setting.partition("=")[0]
    assert run("write", str(finished), "--write", "masks", "--set", setting) == (
        2,
        f"videoseg: {path}: `videoseg write` takes the shapes as they are in {finished}; "
        "`videoseg rerun` makes them again\n",
    )
    assert (finished / "run.json").read_bytes() == before
    assert not (finished / "masks").exists()
    other = finished.with_name("again")
    assert run("rerun", str(finished), "--set", setting, "-o", str(other))[0] == 0


def test_settings_of_outputs_are_taken(finished: Path) -> None:
    again = ("write", str(finished), "--write", "masks", "--overwrite")
    assert run(*again)[0] == 0
    usual = (finished / "masks.json").read_bytes()
    assert run(*again, "--set", "writers.masks.segmentation=polygon")[0] == 0
    assert (finished / "masks.json").read_bytes() != usual
