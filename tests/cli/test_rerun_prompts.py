"""``videoseg rerun`` with new prompts: the model is asked about what they change, and no more."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from benchmarks.kill_resume import contents
from tests.support.commandline import captured
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg.runlog.edits import NAME, EditLog
from videoseg.types import ModelCard

FRAMES = 24
FIRST = "label=a;box=4,32,36,64"
IN_SHARES = "label=a;box=5%,33.3%,22.5%,66.7%"
LATER = "label=a;box=10,30,50,70;at=15"
LAST = 15
"""Index of the frame from which the way back begins where frames before it are asked."""
OTHER = "label=b;box=60,20,120,80;at=9"


@dataclass
class Alone(Colours):
    """Answers each prompt for itself, and notes which frames it is asked about."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="alone", independent=True)
    asked: ClassVar[list[int]] = []
    breaks_at: ClassVar[int | None] = None

    def segment(self, frames: Any, prompts: Any) -> Any:
        for frame in frames:
            if frame.pts >= 0 and frame.index == Alone.breaks_at:
                raise RuntimeError("the model broke")
            Alone.asked.append(frame.index if frame.pts >= 0 else LAST - frame.index)
        return super().segment(frames, prompts)


@dataclass
class Beside(Alone):
    """The same, without saying so."""

    card: ClassVar[ModelCard] = replace(Colours.card, name="beside")


@pytest.fixture(autouse=True)
def _afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alone, "asked", [])
    monkeypatch.setattr(Alone, "breaks_at", None)


def run(*arguments: str) -> tuple[int, str, str]:
    """One command's exit code, and what it wrote to standard output and standard error."""
    return captured(arguments, {"models": {"alone": Alone, "beside": Beside}})


def said_by(*arguments: str) -> str:
    """What a command that succeeds writes to standard error."""
    code, _, said = run(*arguments)
    assert code == 0, said
    return said


@pytest.fixture
def film(tmp_path: Path) -> str:
    path = tmp_path / "film.mp4"
    shutil.copyfile(clip(frames=FRAMES, width=160, height=96), path)
    return str(path)


def segment(film: str, out: Path, *prompts: str, model: str = "alone") -> str:
    given = (part for prompt in prompts for part in ("--prompt", prompt))
    options = ("--model", model, "--write", "svg,masks,jsonl", "-o", str(out))
    return said_by("segment", film, *given, *options)


def test_another_cue_is_asked_about_from_the_one_before_on(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "less", FIRST)
    cues = [{"box": [4, 32, 36, 64]}, {"at": 15, "box": [10, 30, 50, 70]}]
    (tmp_path / "all.json").write_text(json.dumps([{"label": "a", "cues": cues}]))
    options = ("--model", "alone", "--write", "svg,masks,jsonl", "-o", str(tmp_path / "both"))
    said_by("segment", film, "--prompts", str(tmp_path / "all.json"), *options)
    Alone.asked.clear()
    more = tmp_path / "more"
    said = said_by("rerun", str(tmp_path / "less"), "--prompt", LATER, "-o", str(more))
    assert contents(more) == contents(tmp_path / "both")
    assert Alone.asked[:1] == [15]  # and forward from there, then the way back is joined
    assert min(Alone.asked) == 1
    count = len(set(Alone.asked))
    assert f"the model was asked about {count} of 24 frames" in said
    assert f"{FRAMES - count} frames of them from an earlier run" in said


def test_another_object_is_asked_about_alone(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "less", FIRST)
    segment(film, tmp_path / "both", FIRST, OTHER)
    asked = len(Alone.asked)
    Alone.asked.clear()
    more = tmp_path / "more"
    said_by("rerun", str(tmp_path / "less"), "--prompt", OTHER, "-o", str(more))
    assert contents(more) == contents(tmp_path / "both")
    assert 0 < len(Alone.asked) < asked
    found = json.loads((more / "run.json").read_text())
    assert [prompt["label"] for prompt in found["prompts"]] == ["a", "b"]


def test_another_phrase_is_asked_about_alone(film: str, tmp_path: Path) -> None:
    both = ("--text", "red", "--text", "blue", "--model", "alone", "--write", "svg,masks,jsonl")
    said_by("segment", film, *both, "-o", str(tmp_path / "both"))
    said_by("segment", film, "red", *both[4:], "-o", str(tmp_path / "less"))
    Alone.asked.clear()
    more = tmp_path / "more"
    said = said_by("rerun", str(tmp_path / "less"), "--text", "blue", "-o", str(more))
    assert contents(more) == contents(tmp_path / "both")
    assert Alone.asked == [*range(FRAMES)]
    assert "the model was asked about 24 of 24 frames" in said


def test_a_cue_in_shares_of_the_frame_is_known_again(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "out", IN_SHARES)
    code, _, told = run("rerun", str(tmp_path / "out"), "--prompt", IN_SHARES)
    assert code == 2
    assert "nothing of these prompts is new" in told


def rows_of(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()]


def test_a_new_object_takes_no_id_that_an_edit_has_given(film: str, tmp_path: Path) -> None:
    out, more = tmp_path / "less", tmp_path / "more"
    segment(film, out, FIRST)
    said_by("edit", str(out), "split", "1", "--at", "12f")
    said_by("edit", str(out), "rename", "2", "later")
    said_by("rerun", str(out), "--prompt", OTHER, "-o", str(more))
    labels = {row["track_id"]: row["label"] for row in rows_of(more)}
    assert labels == {1: "a", 2: "later", 3: "b"}
    segment(film, tmp_path / "both", FIRST, OTHER)
    areas = [row["area"] for row in rows_of(tmp_path / "both")]
    assert sorted(row["area"] for row in rows_of(more)) == sorted(areas)


def test_an_object_that_comes_before_others_leaves_them_their_ids(
    film: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    late = ("--model", "alone", "--write", "jsonl", "--set", "run.backwards=false")
    said_by("segment", film, "--prompt", OTHER, *late, "-o", str(out))
    assert {(row["track_id"], row["label"]) for row in rows_of(out)} == {(1, "b")}
    said_by("edit", str(out), "rename", "1", "kept")
    said_by("rerun", str(out), "--prompt", FIRST, "--overwrite")
    first = rows_of(out)[0]
    assert (first["frame"], first["track_id"], first["label"]) == (0, 2, "a")
    assert {(row["track_id"], row["label"]) for row in rows_of(out)} == {(1, "kept"), (2, "a")}


def test_marks_stand_on_the_frame_of_at(film: str, tmp_path: Path) -> None:
    said_by("segment", film, "--box", "4,32,36,64", "--model", "alone", "-o", str(tmp_path / "o"))
    mask = np.zeros((96, 160), np.uint8)
    mask[30:60, 10:60] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    drawn = ("--mask", str(tmp_path / "m.png"))
    for at, more in (("15f", ("--box", "10,30,50,70")), ("0.6", drawn)):
        out = tmp_path / f"at-{at}"
        said_by("rerun", str(tmp_path / "o"), *more, "--at", at, "-o", str(out))
        (asked,) = json.loads((out / "run.json").read_text())["prompts"]
        assert [cue["frame"] for cue in asked["cues"]] == [0, 15]
        assert asked["label"] == "object"


def test_a_model_that_minds_company_is_asked_everything(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "less", FIRST, model="beside")
    segment(film, tmp_path / "both", FIRST, OTHER, model="beside")
    Alone.asked.clear()
    more = tmp_path / "more"
    said = said_by("rerun", str(tmp_path / "less"), "--prompt", OTHER, "-o", str(more))
    assert contents(more) == contents(tmp_path / "both")
    assert "note: all frames are asked anew: model 'beside' may answer a prompt otherwise" in said
    assert "the model was asked about 24 of 24 frames" in said


def test_every_nth_frame_holds_where_new_cues_are_on_such_frames(film: str, tmp_path: Path) -> None:
    every = ("--every", "3", "--model", "alone", "--write", "svg,jsonl")
    said_by("segment", film, "--prompt", FIRST, *every, "-o", str(tmp_path / "less"))
    for at, holds in ((9, True), (10, False)):
        other = OTHER.replace("at=9", f"at={at}")
        whole, more = tmp_path / f"whole-{at}", tmp_path / f"more-{at}"
        said_by("segment", film, "--prompt", FIRST, "--prompt", other, *every, "-o", str(whole))
        said = said_by("rerun", str(tmp_path / "less"), "--prompt", other, "-o", str(more))
        assert contents(more) == contents(whole)
        assert ("frame 10 is none of those that --every 3 asks about" in said) is not holds


def test_a_broken_rerun_is_gone_on_with(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "less", FIRST)
    segment(film, tmp_path / "both", FIRST, OTHER)
    more = ("rerun", str(tmp_path / "less"), "--prompt", OTHER, "-o", str(tmp_path / "more"))
    Alone.breaks_at = 18
    assert run(*more)[0] == 1
    Alone.breaks_at = None
    whole = ("segment", film, "--prompt", FIRST, "--prompt", OTHER, "--model", "alone")
    code, _, said = run(*whole, "--write", "svg,masks,jsonl", "-o", more[-1], "--resume")
    assert code == 1
    assert "cannot be gone on with: it takes answers of another finished run" in said
    assert run(*more)[0] == 1  # --resume says so
    said_by(*more, "--resume")
    assert contents(tmp_path / "more") == contents(tmp_path / "both")


def test_edits_go_on_with_new_prompts(film: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(film, out, FIRST)
    said_by("edit", str(out), "rename", "1", "hand")
    said_by("rerun", str(out), "--prompt", OTHER, "--overwrite")
    labels = {json.loads(line)["label"] for line in (out / "tracks.jsonl").read_text().splitlines()}
    assert labels == {"hand", "b"}
    assert NAME in contents(out)
    said_by("edit", str(out), "undo", "--renew")
    labels = {json.loads(line)["label"] for line in (out / "tracks.jsonl").read_text().splitlines()}
    assert labels == {"a", "b"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--at", "3f"), "--at says on which frame --box, --point or --mask lies"),
        (("--prompt", FIRST), "nothing of these prompts is new"),
        (("--prompt", "label=a;text=red"), "the run has an object 'a' with the text None"),
        (("--prompt", "label=a;box=1,1,9,9;at=3;max=2"), "max of 'a' is None in the run"),
        (("--prompt", "label=c;box=1,1,9,9;at=99"), "is anchored at frame 99"),
        (("--prompt", OTHER, "--two-pass"), "new prompts and two passes do not go together"),
        (("--resume",), "--resume is for reruns that ask the model"),
        (("--prompt", "label=c;point=5,5"), "takes box, mask, text, but prompt 'c' needs point"),
    ],
)
def test_what_does_not_fit_is_one_line(
    arguments: tuple[str, ...], said: str, film: str, tmp_path: Path
) -> None:
    segment(film, tmp_path / "out", FIRST)
    code, _, told = run("rerun", str(tmp_path / "out"), *arguments, "-o", str(tmp_path / "more"))
    assert code == 2
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "more").exists()


def test_which_of_two_objects_is_meant_must_be_clear(film: str, tmp_path: Path) -> None:
    segment(film, tmp_path / "out", "box=4,32,36,64", "box=60,20,120,80")
    code, _, said = run("rerun", str(tmp_path / "out"), "--box", "1,1,9,9", "--at", "3f")
    assert code == 2
    assert "2 objects of the run are called 'object'" in said


def test_a_finished_rerun_takes_the_edits_that_came_since(film: str, tmp_path: Path) -> None:
    out, more = tmp_path / "out", tmp_path / "more"
    segment(film, out, FIRST)
    again = ("rerun", str(out), "--prompt", OTHER, "-o", str(more), "--resume")
    said_by(*again)
    Alone.asked.clear()
    said_by("edit", str(out), "rename", "1", "hand")
    said_by(*again)
    assert {row["label"] for row in rows_of(more)} == {"hand", "b"}
    said_by("edit", str(out), "undo")
    said_by(*again)
    assert {row["label"] for row in rows_of(more)} == {"a", "b"}
    before = contents(more)
    said_by(*again)
    assert contents(more) == before
    assert not Alone.asked
    said_by("edit", str(more), "rename", "2", "own")
    said_by(*again)
    assert [entry.kind for entry in EditLog.load(more).entries] == ["rename", "undo", "rename"]
    said_by("edit", str(out), "rename", "1", "arm")
    code, _, said = run(*again)
    assert code == 1
    assert f"{more} has edits of its own and lacks some of {out}" in said
    said_by(*again[:-1], "--overwrite")
    assert {row["label"] for row in rows_of(more)} == {"arm", "b"}


def test_an_edit_leaves_an_unfinished_rerun_as_it_is(film: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    segment(film, out, FIRST)
    segment(film, tmp_path / "both", FIRST, OTHER)
    more = ("rerun", str(out), "--prompt", OTHER, "--overwrite")
    Alone.breaks_at = 18
    assert run(*more)[0] == 1
    Alone.breaks_at = None
    said_by("edit", str(out), "rename", "1", "hand")
    said = said_by(*more, "--resume")
    assert "from an earlier run" in said
    said_by("edit", str(out), "undo", "--renew")
    assert {**contents(out), NAME: ""} == {**contents(tmp_path / "both"), NAME: ""}
