"""``videoseg write``: what it may change of a run, and what only ``videoseg rerun`` may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
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


def pictures_named(out: Path) -> dict[str, list[str]]:
    """The pictures that outputs name, by output."""
    lists = {name: json.loads((out / f"{name}.json").read_text()) for name in ("coco", "masks")}
    found = {name: [one["file_name"] for one in made["images"]] for name, made in lists.items()}
    labelled = [json.loads(path.read_text()) for path in sorted((out / "labelme").iterdir())]
    found["labelme"] = [one["imagePath"].removeprefix("../") for one in labelled]
    tasks = json.loads((out / "label-studio.json").read_text())
    found["label-studio"] = [task["data"]["image"].partition("?d=")[2] for task in tasks]
    return found


NAMING = ("coco", "masks", "labelme", "label-studio")
COPYING = {
    "yolo-seg": "images",
    "davis": "JPEGImages/Full-Resolution/clip",
    "pascal-voc": "JPEGImages",
    "mots": "images",
    "youtube-vis": "JPEGImages/clip",
}


@pytest.mark.parametrize("earlier", ["run", "write"])
def test_pictures_that_were_written_before_are_found(tmp_path: Path, earlier: str) -> None:
    film, out = str(clip(frames=3, width=96, height=64, name="clip.mp4")), tmp_path / "out"
    first = "frames" if earlier == "run" else "svg"
    png = ("--set", "writers.frames.format=png")
    made = ("segment", film, "red", "--model", "colours", "--write", first, "-o", str(out), *png)
    assert run(*made)[0] == 0
    if earlier == "write":
        assert run("write", str(out), "--write", "frames", *png)[0] == 0
    outputs = ",".join([*NAMING, *COPYING])
    assert run("write", str(out), "--write", outputs)[0] == 0
    wanted = [f"frames/{n:06d}.png" for n in range(3)]
    assert pictures_named(out) == dict.fromkeys(NAMING, wanted)
    for name, place in COPYING.items():
        copies = sorted((out / name / place).iterdir())
        assert [path.read_bytes() for path in copies] == [
            (out / picture).read_bytes() for picture in wanted
        ]


def test_without_pictures_the_names_are_those_that_frames_would_write(finished: Path) -> None:
    assert run("write", str(finished), "--write", ",".join(NAMING))[0] == 0
    wanted = [f"frames/{n:06d}.jpg" for n in range(3)]
    assert pictures_named(finished)["coco"] == wanted
    assert pictures_named(finished)["masks"] == wanted


def test_a_folder_that_the_run_has_not_made_is_not_taken(finished: Path) -> None:
    (finished / "frames").mkdir()
    (finished / "frames" / "000000.png").write_bytes(b"")
    assert run("write", str(finished), "--write", ",".join(NAMING))[0] == 0
    assert pictures_named(finished)["coco"][0] == "frames/000000.jpg"


@pytest.mark.parametrize("what", ["gone", "a link"])
def test_a_picture_that_is_gone_is_one_line(finished: Path, tmp_path: Path, what: str) -> None:
    assert run("write", str(finished), "--write", "frames")[0] == 0
    picture = finished / "frames" / "000001.jpg"
    picture.unlink()
    if what == "a link":
        (tmp_path / "secret").write_text("secret")
        picture.symlink_to(tmp_path / "secret")
    assert run("write", str(finished), "--write", "yolo-seg") == (
        1,
        f"videoseg: {picture} is not there, or is a link; write frames again\n",
    )
    assert not (finished / "yolo-seg").exists()


def test_motion_blur_softens_edges_along_the_motion_alone(tmp_path: Path) -> None:
    film, out = str(clip(frames=6, width=192, height=128)), tmp_path / "out"
    made = ("segment", film, "red", "--model", "colours", "-o", str(out), "--set")
    assert run(*made, "edges.engine=none", "--write", "matte-png")[0] == 0
    hard = last_matte(out)
    assert set(np.unique(hard)) == {0, 255}
    blurred = ("rerun", str(out), "--motion-blur-edges", "-o", str(tmp_path / "blurred"))
    assert run(*blurred)[0] == 0
    soft = last_matte(tmp_path / "blurred")
    inside = np.argwhere(hard)
    (top, left), (bottom, right) = inside.min(axis=0), inside.max(axis=0)
    rows, columns = np.nonzero((soft > 10) & (soft < 245))
    assert set(columns) == {left - 1, left, right, right + 1}
    assert set(rows) == set(range(top, bottom + 1))


def test_hard_edges_stay_hard_when_a_run_is_taken_up_again(tmp_path: Path) -> None:
    film, out = str(clip(frames=3, width=96, height=64)), tmp_path / "out"
    made = ("segment", film, "red", "--model", "colours", "--write", "matte-png", "-o", str(out))
    assert run(*made, "--edge-softness", "0")[0] == 0
    assert run("rerun", str(out), "-o", str(tmp_path / "again"))[0] == 0
    assert run("write", str(out), "--write", "cutout-png")[0] == 0
    *_, cutout = sorted((out / "cutouts").rglob("*.png"))
    hard = last_matte(out)
    assert set(np.unique(hard)) == {0, 255}
    assert (last_matte(tmp_path / "again") == hard).all()
    assert (np.asarray(cv2.imread(str(cutout), cv2.IMREAD_UNCHANGED))[..., 3] == hard).all()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            ("--edge-softness", "900"),
            "'--edge-softness': Input should be less than or equal to 100",
        ),
        (("--expand", "-51"), "'--expand': Input should be greater than or equal to -50"),
        (("--feather", "-1"), "'--feather': Input should be greater than or equal to 0"),
        (("--set", "edges.engine=non"), "no matting engine is called 'non'; did you mean 'none'?"),
        (
            ("--set", "edges.engine=x"),
            "called 'x'; there are: closed-form, guided, vitmatte, none",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_edges_that_cannot_be(given: tuple[str, ...], said: str, finished: Path) -> None:
    code, lines = run("write", str(finished), "--write", "matte-png", *given)
    assert code == 2
    assert said in lines


def last_matte(out: Path) -> Any:
    """The last picture of the only object."""
    *_, path = sorted((out / "mattes").rglob("*.png"))
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
