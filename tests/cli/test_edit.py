"""``videoseg edit``: corrections of a finished run, and what is written after them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import videoseg
from benchmarks.kill_resume import contents
from tests.support.commandline import captured
from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg.errors import OutputError, RunLogError, UsageError
from videoseg.jobs.edits import RunEdits
from videoseg.jobs.finished_run import shown_run
from videoseg.jobs.rerun import Finished
from videoseg.runlog.edits import NAME, EditLog, Rename
from videoseg.runlog.reader import read_run

FRAMES = 8
WRITE = "svg,masks,jsonl,measurements,overlay"


def run(*arguments: str) -> tuple[int, str, str]:
    """One command's exit code, and what it wrote to standard output and standard error."""
    return captured(arguments, {"models": {"colours": Colours}})


def edit(out: Path, *arguments: str) -> str:
    """What an edit that is made says."""
    code, _, said = run("edit", str(out), *arguments)
    assert code == 0, said
    return said


def refused(out: Path, *arguments: str) -> str:
    """What an edit that is refused says."""
    before = (out / NAME).read_bytes() if (out / NAME).exists() else None
    code, _, said = run("edit", str(out), *arguments)
    assert code == 2
    assert said.count("\n") == 1
    assert before == ((out / NAME).read_bytes() if (out / NAME).exists() else None)
    return said.removeprefix("videoseg: ").rstrip()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    film = str(clip(frames=FRAMES, width=160, height=96))
    wanted = ("--text", "red", "--text", "blue", "--model", "colours", "--write", WRITE)
    assert run("segment", film, *wanted, "-o", str(out))[0] == 0
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "out")
    return tmp_path / "out"


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "tracks.jsonl").read_text().splitlines()]


def seen(out: Path) -> dict[int, list[int]]:
    """Frames of each track in the table."""
    found: dict[int, list[int]] = {}
    for row in rows(out):
        found.setdefault(row["track_id"], []).append(row["frame"])
    return found


def pixels(out: Path, index: int) -> set[int]:
    """Ids in the label picture of a frame."""
    return {*np.unique(np.asarray(Image.open(out / "masks" / f"{index:06d}.png"))).tolist()} - {0}


ALL = [*range(FRAMES)]


def test_an_edit_says_what_it_is_and_changes_no_output(out: Path) -> None:
    before = contents(out)
    said = edit(out, "rename", "1", "left hand")
    names = "svg, masks, measurements, overlay, jsonl"
    again = f"`videoseg write {out} --write {names.replace(', ', ',')} --overwrite`"
    assert said == (
        f'edit 1: rename 1 "left hand"\nolder than the edits: {names}; {again} renews them\n'
    )
    assert contents(out) == {**before, NAME: contents(out)[NAME]}
    assert run(*again.strip("`").split()[1:])[0] == 0
    assert {row["label"] for row in rows(out)} == {"left hand", "blue"}
    assert "left hand" in (out / "svg" / "000000.svg").read_text()
    assert "left hand" in (out / "measurements.csv").read_text()
    assert RunEdits(out).older() == ()


def test_outputs_are_renewed_at_once_if_that_is_wished(out: Path) -> None:
    said = edit(out, "delete", "1", "--from", "2f", "--to", "5f", "--renew")
    assert "older" not in said
    assert seen(out) == {1: [0, 1, 5, 6, 7], 2: ALL}
    assert [pixels(out, index) for index in (1, 2, 4, 5)] == [{1, 2}, {2}, {2}, {1, 2}]
    assert "red: 1 object, 5 outlines" in said


def test_masks_keep_the_new_label_beside_the_category(out: Path) -> None:
    """A category stands for a prompt; what an edit has named says so itself."""
    edit(out, "rename", "1", "left hand", "--renew")
    found = json.loads((out / "masks.json").read_text())
    labels = {each["track_id"]: each.get("label") for each in found["annotations"]}
    assert labels[1] == "left hand"
    assert all(label is None for track, label in labels.items() if track != 1)
    assert [each["name"] for each in found["categories"]] == ["red", "blue"]


def test_a_split_gets_the_next_free_id_for_ever(out: Path) -> None:
    assert "from there on it is 3" in edit(out, "split", "1", "--at", "3f")
    edit(out, "undo")
    assert "from there on it is 4" in edit(out, "split", "1", "--at", "5f", "--renew")
    assert seen(out) == {1: ALL[:5], 2: ALL, 4: ALL[5:]}


def test_two_tracks_become_one(out: Path) -> None:
    union = pixels_of(out, 3, {1, 2})
    edit(out, "merge", "1", "2", "--renew")
    assert seen(out) == {1: ALL}
    assert np.array_equal(pixels_of(out, 3, {1}), union)
    drawn = next(scene for scene in read_scenes(out) if scene.index == 3).instances[0]
    assert len(drawn.shape.parts) == 2


def pixels_of(out: Path, index: int, ids: set[int]) -> Any:
    found = np.asarray(Image.open(out / "masks" / f"{index:06d}.png"))
    return np.isin(found, [*ids])


def read_scenes(out: Path) -> Any:
    return videoseg.read_run(out).scenes()


def test_a_hidden_track_is_in_tables_alone(out: Path) -> None:
    edit(out, "hide", "2", "--from", "4f", "--renew")
    assert seen(out) == {1: ALL, 2: ALL}
    assert [row["frame"] for row in rows(out) if row["hidden"]] == [4, 5, 6, 7]
    assert [pixels(out, index) for index in (3, 4)] == [{1, 2}, {1}]
    assert "blue" in (out / "svg" / "000003.svg").read_text()
    assert "blue" not in (out / "svg" / "000004.svg").read_text()
    measured = (out / "measurements.csv").read_text().splitlines()
    assert sum(",2,blue," in line for line in measured) == 4
    found = [row["frame"] for row in videoseg.read_run(out).outlines() if row["hidden"]]
    assert found == [4, 5, 6, 7]


def test_an_outline_is_drawn_by_hand_on_one_frame(out: Path, tmp_path: Path) -> None:
    edit(out, "outline", "1", "--at", "2f", "--svg-path", "M10 20H40V50H10Z", "--renew")
    assert pixels_of(out, 2, {1}).sum() >= 30 * 30 - 300  # the other object may lie over it
    scene = [*read_scenes(out)][2]
    assert scene.instances[0].instance.mask.box == (10, 20, 40, 50)
    assert scene.instances[0].shape.to_svg() == "M10 20L40 20L40 50L10 50Z"
    bitmap = np.zeros((96, 160), np.uint8)
    bitmap[60:70, 100:120] = 255
    Image.fromarray(bitmap).save(tmp_path / "m.png")
    edit(out, "outline", "1", "--at", "3f", "--mask", str(tmp_path / "m.png"))
    (tmp_path / "m.png").unlink()
    boxes = [scene.instances[0].instance.mask.box for scene in read_scenes(out)]
    assert boxes[2:4] == [(10, 20, 40, 50), (100, 60, 120, 70)]
    before = [scene.instances[0].instance.mask.box for scene in read_run(out).tracked()]
    assert [n for n in ALL if boxes[n] != before[n]] == [2, 3]


def test_undo_brings_back_every_byte(out: Path) -> None:
    before = contents(out)
    edit(out, "merge", "1", "2", "--renew")
    edit(out, "rename", "1", "both", "--renew")
    assert contents(out) != before
    edit(out, "undo")
    edit(out, "undo", "--renew")
    assert {**contents(out), NAME: ""} == {**before, NAME: ""}
    edit(out, "redo", "--renew")
    assert seen(out) == {1: ALL}


def test_edits_are_listed(out: Path) -> None:
    edit(out, "rename", "1", 'a "b"')
    edit(out, "split", "1", "--at", "0.2")
    edit(out, "undo")
    edit(out, "hide", "2", "--to", "100f")
    code, listed, _ = run("edit", str(out), "list")
    assert code == 0
    assert listed.splitlines()[:4] == [
        '   1  rename 1 "a \\"b\\""',
        "   2  split 1 --at 5f (from there on it is 3)  (undone)",
        "   3  undo of 2",
        "   4  hide 2 --to 100f",
    ]
    found = json.loads(run("edit", str(out), "list", "--json")[1])
    assert [entry["in_force"] for entry in found["edits"]] == [True, False, False, True]
    assert found["tracks"][1]["hidden"] is True
    shown = run("info", str(out))[1]
    assert 'edit 1          rename 1 "a \\"b\\""' in shown
    assert "track 2         blue, 8 frames from 0 to 7 of" in shown
    assert "--overwrite` renews them" in shown
    plain = json.loads(run("info", str(out), "--json")[1])
    assert plain["older"] == ["svg", "masks", "measurements", "overlay", "jsonl"]
    assert (plain["frames"], plain["edits"]) == (FRAMES, found["edits"])


def test_a_run_without_edits_has_none(out: Path) -> None:
    assert run("edit", str(out), "list") == (0, "no edits\n", "")
    assert "  edit " not in run("info", str(out))[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rename", "9", "x"), "has no track 9; it has 1, 2"),
        (("rename", "1", "  "), "a label is text that is not empty"),
        (("rename", "1", "\udcff"), "a label is text in UTF-8 of at most 1000 letters"),
        (("rename", "1", "a" * 1001), "a label is text in UTF-8 of at most 1000 letters"),
        (("merge", "1", "1"), "track 1 cannot be merged with itself"),
        (("merge", "1", "7"), "has no track 7"),
        (("split", "1", "--at", "0f"), "can be split at a frame after the first of them, not at 0"),
        (("split", "1", "--at", "8f"), "8f is after the last frame, 7"),
        (("split", "1", "--at", "5"), "5 is after the last frame, 7; write 5f for the frame 5"),
        (("split", "1", "--at", "soon"), "'soon' is not a time or frame number"),
        (("delete", "1", "--from", "5f", "--to", "5f"), "there are no frames from 5 to 5"),
        (("outline", "1", "--at", "1f"), "an outline is a path or a mask; give one of the two"),
        (("outline", "1", "--at", "1f", "--svg-path", "M0 0 L"), "the outline cannot be read"),
        (("outline", "1", "--at", "1f", "--svg-path", "M500 0h9v9z"), "holds no pixel of the fr"),
        (("outline", "1", "--at", "1f", "--mask", "gone.png"), "gone.png: no such file"),
        (("undo",), "there is no edit to undo"),
        (("redo",), "there is no undone edit to redo"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments: tuple[str, ...], said: str, out: Path) -> None:
    assert said in refused(out, *arguments)


def test_a_track_that_is_deleted_is_not_there_any_more(out: Path) -> None:
    edit(out, "delete", "1")
    assert "has no track 1; it has 2" in refused(out, "rename", "1", "x")
    edit(out, "delete", "2", "--to", "4f")
    assert "track 2 is on no frame from 0 to before 3" in refused(out, "hide", "2", "--to", "3f")


def test_a_folder_without_a_run_has_nothing_to_edit(tmp_path: Path) -> None:
    code, _, said = run("edit", str(tmp_path), "rename", "1", "x")
    assert (code, said) == (1, f"videoseg: {tmp_path} holds no finished run: no run.json in it\n")
    assert [*tmp_path.iterdir()] == []


def test_write_and_rerun_make_the_same_of_edits(out: Path, tmp_path: Path) -> None:
    edit(out, "split", "1", "--at", "4f")
    edit(out, "merge", "2", "1")
    edit(out, "outline", "3", "--at", "6f", "--svg-path", "M10 20C20 0 40 0 50 20V50Z", "--renew")
    again = tmp_path / "again"
    assert run("rerun", str(out), "-o", str(again))[0] == 0
    assert contents(again) == contents(out)
    assert EditLog.load(again).entries == EditLog.load(out).entries
    assert RunEdits(again).older() == ()
    assert json.loads((again / "run.json").read_text())["counts"]["tracks"] == 2


def test_a_rerun_in_place_keeps_edits_that_go_on(out: Path) -> None:
    edit(out, "rename", "1", "first")
    setting = ("--set", "tracking.iou.smoothing=0.1")
    assert run("rerun", str(out), *setting, "--overwrite")[0] == 0
    edit(out, "rename", "2", "second", "--renew")
    assert {row["label"] for row in rows(out)} == {"first", "second"}
    edit(out, "undo")
    assert EditLog.load(out).active() == (Rename(1, "first"),)


def test_a_rerun_keeps_the_ids_that_tracks_had(out: Path, tmp_path: Path) -> None:
    edit(out, "rename", "2", "second")
    edit(out, "split", "1", "--at", "4f")
    code, _, said = run("rerun", str(out), "-o", str(tmp_path / "same"))
    assert code == 0
    assert "note: edits" not in said
    log = out / "run" / "scenes.jsonl"
    others = re.sub(
        r'"track_id":([12])', lambda it: f'"track_id":{3 - int(it[1])}', log.read_text()
    )
    log.write_text(others)
    again = tmp_path / "again"
    code, _, said = run("rerun", str(out), "-o", str(again))
    assert code == 0
    assert "note: edits" not in said
    assert run("write", str(out), "--write", "jsonl", "--overwrite")[0] == 0
    assert rows(again) == rows(out)


def test_edits_of_another_run_are_not_applied(out: Path) -> None:
    edit(out, "rename", "1", "first")
    film = str(clip(frames=FRAMES, width=160, height=96))
    new = ("segment", film, "red", "--model", "colours", "--write", "jsonl", "--overwrite")
    assert run(*new, "-o", str(out))[0] == 0
    for verb in (("write", str(out), "--write", "svg"), ("rerun", str(out)), ("info", str(out))):
        code, _, said = run(*verb)
        assert code == 1
        assert f"{NAME} is of another run: {out} was made anew since" in said
    with pytest.raises(RunLogError, match="of another run"):
        videoseg.read_run(out)
    (out / NAME).unlink()
    assert run("write", str(out), "--write", "svg", "--overwrite")[0] == 0


def test_an_edit_during_a_rerun_is_not_lost(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(out, "rename", "1", "first")
    real = Finished.rerun

    def slower(self: Any, *arguments: Any, **named: Any) -> Any:
        EditLog.load(out).append(Rename(2, "second"))
        return real(self, *arguments, **named)

    monkeypatch.setattr(Finished, "rerun", slower)
    code, _, said = run("rerun", str(out), "--overwrite")
    assert code == 1
    assert "was changed by somebody else meanwhile" in said
    assert EditLog.load(out).active() == (Rename(1, "first"), Rename(2, "second"))


def test_python_edits_too(out: Path) -> None:
    found = videoseg.read_run(out).edit("rename", 1, "first").edit("delete", 2, start=4)
    assert [(row["label"], row["frames"]) for row in found.tracks()] == [("first", 8), ("blue", 4)]
    assert found.edits == EditLog.load(out).active()
    assert found.edit("undo").edits == (Rename(1, "first"),)
    mask = np.zeros((96, 160), np.bool_)
    mask[5:9, 5:9] = True
    drawn = found.edit("outline", 1, at=0, mask=mask)
    assert next(iter(drawn.outlines()))["area"] == 16
    for wrong, said in (
        (("paint", 1), "no edit is called 'paint'"),
        (("split", 1), "split: missing a required argument: 'at'"),
        (("outline", 1, 0, None, mask[:50]), "the mask is 160 x 50"),
    ):
        with pytest.raises(UsageError, match=said):
            found.edit(*wrong)
    old = videoseg.read_run(out)
    found.edit("hide", 1)
    assert old.edit("undo").edits == EditLog.load(out).active()


def test_a_stale_log_is_refused(out: Path) -> None:
    first = RunEdits(out)
    RunEdits(out).rename(1, "x")
    with pytest.raises(OutputError, match="changed by somebody else"):
        first.rename(2, "y")


def test_what_to_look_at_again_follows_the_edits(out: Path) -> None:
    made = json.loads((out / "run.json").read_text())
    finding = {
        "kind": "ended",
        "track": 2,
        "label": "blue",
        "prompt": 1,
        "stream": "x",
        "frame": 5,
        "seconds": 0.2,
        "time": "1/5",
        "until": None,
        "value": None,
        "at_cut": False,
        "weight": 1.0,
        "text": "",
    }
    made["review"] = [finding, {**finding, "frame": 2}, {**finding, "track": 1}]
    (out / "run.json").write_text(json.dumps(made))
    edit(out, "rename", "2", "arm")
    edit(out, "delete", "2", "--from", "4f")
    edit(out, "merge", "2", "1")
    found = [(each.track, each.label, each.frame) for each in shown_run(out).review]
    assert found == [(2, "arm", 2), (2, "arm", 5)]


def test_a_new_label_is_a_class_of_every_data_set(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(made, out)
    edit(out, "rename", "1", "pilot")
    formats = "coco,youtube-vis,davis,mots,mot,yolo-seg,pascal-voc,cvat,labelme,label-studio"
    code, _, said = run("write", str(out), "--write", formats)
    assert code == 0, said
    coco = json.loads((out / "coco.json").read_text())
    assert [each["name"] for each in coco["categories"]] == ["red", "blue", "pilot"]
    assert 3 in {each["category_id"] for each in coco["annotations"]}
    assert (out / "mots/instances/labels.txt").read_text().split() == ["red", "blue", "pilot"]
    named = re.findall("<name>(.*)</name>", (out / "pascal-voc/Annotations/000007.xml").read_text())
    assert "pilot" in named
