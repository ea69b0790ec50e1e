"""``--write``: several names at once, of writers and exporters, in every verb that has it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.commandline import command
from tests.support.media import clip

COMMON = ("--box", "4,32,40,60", "--model", "blind")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip(frames=4), "clip.mp4")


@pytest.fixture
def run_folder(_folder: None) -> str:
    assert command("segment", "clip.mp4", *COMMON, "--write", "svg", "-o", "out").code == 0
    return "out"


def outputs(folder: str) -> set[str]:
    return {each.name for each in Path(folder).iterdir()} - {"run", "run.json"}


@pytest.mark.parametrize(
    "given",
    [
        ("--write", "svg,masks,animated-svg"),
        ("--write", "svg, masks", "--write", "animated-svg,svg"),
        ("--write=svg", "--write=masks", "--write=animated-svg"),
    ],
)
def test_names_are_separated_by_commas_or_repeated(given: tuple[str, ...]) -> None:
    said = command("segment", "clip.mp4", *COMMON, *given, "-o", "out")
    assert said.code == 0, said.lines
    assert outputs("out") == {"svg", "masks", "masks.json", "animated.svg"}


def test_write_and_rerun_take_lists_too(run_folder: str) -> None:
    said = command("write", run_folder, "--write", "masks,animated-svg")
    assert said.code == 0, said.lines
    assert outputs(run_folder) == {"svg", "masks", "masks.json", "animated.svg"}
    said = command("rerun", run_folder, "-o", "again", "--write", "masks,animated-svg")
    assert said.code == 0, said.lines
    assert outputs("again") == {"masks", "masks.json", "animated.svg"}


@pytest.mark.parametrize("verb", ["segment", "rerun", "write"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("svg,maks", "no output is called 'maks'; did you mean 'masks'?"),
        ("svg,", "no output is called ''"),
        ("", "no output is called ''"),
    ],
)
def test_a_wrong_name_in_a_list_is_said(verb: str, given: str, says: str, run_folder: str) -> None:
    words = {"segment": ("segment", "clip.mp4", *COMMON, "-o", "new")}.get(verb, (verb, run_folder))
    said = command(*words, "--write", given)
    assert said.code == 2
    assert says in said.lines[-1]
    assert outputs(run_folder) == {"svg"}


def test_frames_are_asked_for_where_the_input_is_gone(run_folder: str) -> None:
    Path("clip.mp4").rename("moved.mp4")
    said = command("write", run_folder, "--write", "masks,overlay,frames")
    assert said.code == 1
    assert "clip.mp4: no such file" in said.lines[-1]
    assert "--input says where the input is now" in said.lines[-1]
    assert said.lines[-1].endswith("its frames are needed for overlay, frames")
    assert outputs(run_folder) == {"svg"}
    assert command("write", run_folder, "--write", "masks,animated-svg").code == 0
    said = command("write", run_folder, "--write", "overlay", "--input", "moved.mp4")
    assert said.code == 0, said.lines
    assert outputs(run_folder) == {"svg", "masks", "masks.json", "animated.svg", "overlay.mp4"}
