"""Words that look like options, and what the summary says about time."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.commandline import command
from tests.support.media import clip

RUN = ("--box", "4,32,40,60", "--model", "blind", "--write", "svg", "-o", "out")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("clip.mp4", "-clip.mp4", "--overwrit"):
        shutil.copy(clip(frames=4), name)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["segment", "-clip.mp4", "cat"], "-clip.mp4 looks like an option; write ./-clip.mp4 for"),
        (["preview", "-clip.mp4", "cat"], "write ./-clip.mp4 for the file"),
        (["info", "-clip.mp4"], "write ./-clip.mp4 for the file"),
        (["segment", "--overwrit", "cat"], "write ./--overwrit for the file"),
        (["segment", "clip.mp4", "-the dog"], "write --text='-the dog' for a phrase"),
    ],
)
def test_names_and_phrases_with_a_dash(arguments: list[str], says: str) -> None:
    said = command(*arguments)
    assert said.code == 2
    assert len(said.lines) == 1
    assert says in said.lines[0]


def test_what_is_suggested_works() -> None:
    assert command("segment", "./-clip.mp4", *RUN).code == 0
    said = command("segment", "clip.mp4", "--text=-the dog", *RUN, "--overwrite")
    assert said.code == 0, said.lines
    assert any(line.startswith("not found: -the dog") for line in said.lines)


def test_other_unknown_options_are_explained_by_the_parser() -> None:
    said = command("segment", "clip.mp4", "cat", "--overwritee")
    assert said.code == 2
    assert any("No such option: --overwritee" in line for line in said.lines)


def test_milliseconds_a_frame() -> None:
    said = command("segment", "clip.mp4", *RUN, "--json")
    assert said.code == 0
    made = json.loads(said.out)
    each = made["milliseconds_per_frame"]
    assert each["total"] == pytest.approx(1000 * made["elapsed_seconds"] / 4, abs=0.3)
    assert {"decode", "model", "track", "log", "svg"} <= set(each)
    assert not {"wait", "load model"} & set(each)
    for name, spent in made["seconds"].items():
        if name in each:
            assert each[name] == pytest.approx(1000 * spent / 4, abs=0.3)
    (line,) = (line for line in said.lines if line.startswith("4 frames in "))
    assert re.fullmatch(r"4 frames in \d+\.\d s, \d+\.\d ms a frame", line)
    (stages,) = (line for line in said.lines if line.startswith("stages"))
    assert re.search(r"model \d+\.\d s, \d+\.\d ms a frame", stages)
    for verb in (("rerun", "out", "--overwrite"), ("write", "out", "--write", "masks")):
        said = command(*verb, "--json")
        assert said.code == 0, said.lines
        assert json.loads(said.out)["milliseconds_per_frame"]["total"] > 0
        assert any(line.startswith("4 frames in ") for line in said.lines)


@pytest.mark.parametrize("source", ["video", "images"])
def test_progress_counts_the_frames_that_are_read(source: str) -> None:
    """Every second frame of a source is all of what a run has to do."""
    given = "clip.mp4"
    if source == "images":
        given = "pics"
        Path(given).mkdir()
        for n in range(9):
            cv2.imwrite(f"pics/{n}.png", np.zeros((64, 96, 3), np.uint8))
    every = ("--set", f"sources.{source}.every=2", "--progress", "plain")
    said = command("segment", given, *RUN, *every, "--start", "1f")
    assert said.code == 0, said.lines
    (line,) = (line for line in said.lines if line.startswith("done: "))
    frames = {"video": 2, "images": 4}[source]
    assert f"done: {frames}/{frames} (100 %) frames" in line


def test_the_model_is_measured_on_the_frames_that_it_was_asked_about() -> None:
    from videoseg.cli._summary import per_frame
    from videoseg.runlog.summary import Summary

    seconds = {"model": 1.0, "decode": 2.0, "wait": 3.0, "load model": 4.0}
    summary = Summary(Path(), (), 10, (), (), (), seconds, known=5)
    assert per_frame(summary, 8.0) == {"total": 800, "model": 200, "decode": 200}
    assert per_frame(Summary(Path(), (), 0, (), (), (), seconds), 8.0) == {}
