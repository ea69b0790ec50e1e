"""Outputs that an earlier run made in a folder, and a later run there does not make."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import media
from tests.support.commandline import command
from videoseg.runlog.output_names import outputs_of


@pytest.fixture
def clip() -> Path:
    return media.clip(frames=3)


def test_what_an_earlier_run_made_can_still_be_replaced(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def run(*write: str) -> None:
        names = [f"--write={name}" for name in write]
        ran = command(
            "segment", str(clip), "dog", "-o", str(out), "--model=blind", *names, "--overwrite"
        )
        assert ran.code == 0, ran.lines

    run("svg", "masks")
    run("masks")
    made = json.loads((out / "run.json").read_text())
    assert made["earlier_outputs"] == ["svg"]
    assert (out / "svg").is_dir()
    run("svg")
    made = json.loads((out / "run.json").read_text())
    assert made["earlier_outputs"] == ["masks", "masks.json"]
    run("svg", "masks")
    assert "earlier_outputs" not in json.loads((out / "run.json").read_text())


@pytest.mark.parametrize(
    "text", ["[]", "null", '{"outputs": 3}', '{"outputs": [], "earlier_outputs": 4}', '{"a": 1}']
)
def test_a_manifest_that_is_none_names_nothing(text: str) -> None:
    assert outputs_of(text.encode()) == frozenset()


def test_names_from_a_stranger_are_not_taken_over(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret").write_text("mine")
    names = ["../secret", "/etc/passwd", 7, "masks"]
    (out / "run.json").write_text(json.dumps({"outputs": [], "earlier_outputs": names}))
    ran = command(
        "segment", str(clip), "dog", "-o", str(out), "--model=blind", "--write=svg", "--overwrite"
    )
    assert ran.code == 0, ran.lines
    assert "earlier_outputs" not in json.loads((out / "run.json").read_text())
    assert (tmp_path / "secret").read_text() == "mine"
