"""Flags for what a model sees of an input: a region, smaller, not everywhere, not every frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest

from tests.support.fakes import Colours
from tests.support.media import clip, square_box
from videoseg import registry
from videoseg.cli._app import run
from videoseg.geometry import masks
from videoseg.runlog.reader import read_run
from videoseg.types import Scene

WIDTH, HEIGHT, FRAMES = 192, 128, 13


class Followed(Colours):
    """Remembers the sizes of what it is shown."""

    sizes: tuple[tuple[int, ...], ...] = ()
    asked: tuple[int, ...] = ()

    def segment(self, frames: Any, prompts: Any) -> Any:
        Followed.sizes += tuple(frame.image.shape[:2] for frame in frames)
        Followed.asked += tuple(frame.index for frame in frames)
        return super().segment(frames, prompts)


@pytest.fixture(autouse=True)
def _parts() -> Iterator[None]:
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **({"followed": Followed} if kind == "models" else {})}

    Followed.sizes = Followed.asked = ()
    with mock.patch.object(registry, "_built_in", with_ours):
        yield


def segment(out: Path, *arguments: str) -> int:
    film = str(clip(frames=FRAMES, width=WIDTH, height=HEIGHT))
    words = [] if "--prompt" in arguments or "--box" in arguments else ["red"]
    return run(["segment", film, *words, "--model", "followed", "-q", "-o", str(out), *arguments])


def found(out: Path) -> list[Scene]:
    return list(read_run(out / "run").scenes())


def bitmaps(out: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """bool (N, H, W): all that was found on each frame."""
    made = np.zeros((FRAMES, HEIGHT, WIDTH), np.bool_)
    for scene in found(out):
        for item in scene.instances:
            made[scene.index] |= masks.to_bitmap(item.instance.mask)
    return made


def overlap(made: np.ndarray[Any, np.dtype[np.bool_]], index: int) -> float:
    x1, y1, x2, y2 = square_box(index, WIDTH, HEIGHT)
    truth = np.zeros((HEIGHT, WIDTH), np.bool_)
    truth[y1:y2, x1:x2] = True
    return float((made[index] & truth).sum() / (made[index] | truth).sum())


def test_every_fourth_frame_is_asked_and_the_rest_filled_in(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert segment(out, "--every", "4") == 0
    assert Followed.asked == (0, 4, 8, 12)
    scenes = found(out)
    assert [scene.index for scene in scenes] == list(range(FRAMES))
    states = [[item.state for item in scene.instances] for scene in scenes]
    assert states == [["interpolated" if i % 4 else "matched"] for i in range(FRAMES)]
    made = bitmaps(out)
    assert min(overlap(made, index) for index in range(FRAMES)) > 0.85
    manifest = json.loads((out / "run.json").read_bytes())
    assert manifest["settings"]["run"]["every"] == 4


def test_a_late_start_counts_from_there(tmp_path: Path) -> None:
    assert segment(tmp_path / "out", "--every", "4", "--start", "3f", "--write", "masks") == 0
    assert Followed.asked == (3, 7, 11, 12)


def test_the_model_sees_less_and_masks_have_the_full_size(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert segment(out, "--max-size", "48", "--write", "masks") == 0
    assert set(Followed.sizes) == {(32, 48)}
    made = bitmaps(out)
    assert min(overlap(made, index) for index in range(FRAMES)) > 0.85
    table = json.loads((out / "masks.json").read_bytes())
    assert {(image["width"], image["height"]) for image in table["images"]} == {(WIDTH, HEIGHT)}


def test_nothing_is_found_outside_the_region(tmp_path: Path) -> None:
    out, region = tmp_path / "out", (20, 50, 60, 120)
    assert segment(out, "--roi", "20,50,60,120", "--every", "3") == 0
    assert set(Followed.sizes) == {(70, 40)}
    made, whole = bitmaps(out), tmp_path / "whole"
    assert segment(whole, "--set", "tracking.iou.smoothing=0") == 0
    inside = np.zeros((HEIGHT, WIDTH), np.bool_)
    inside[region[1] : region[3], region[0] : region[2]] = True
    assert not (made & ~inside).any()
    for index in range(0, FRAMES, 3):
        assert (made[index] ^ (bitmaps(whole)[index] & inside)).sum() < 60


def test_nothing_is_found_on_ignored_pixels(tmp_path: Path) -> None:
    out, path = tmp_path / "out", tmp_path / "ignore.png"
    ignored = np.zeros((HEIGHT, WIDTH), np.uint8)
    ignored[60:70] = 1
    cv2.imwrite(str(path), ignored)
    assert segment(out, "--ignore-mask", str(path), "--every", "2") == 0
    made = bitmaps(out)
    assert not made[:, ignored > 0].any()
    assert made[:, ignored == 0].any(axis=1).all()
    inputs = json.loads((out / "run.json").read_bytes())["inputs"]
    assert [Path(each["name"]).name for each in inputs] == ["clip.mp4", "ignore.png"]


def test_a_box_is_given_and_followed_in_the_whole_frames_pixels(tmp_path: Path) -> None:
    out = tmp_path / "out"
    box = ",".join(map(str, square_box(0, WIDTH, HEIGHT)))
    arguments = ("--roi", "0,20,150,110", "--max-size", "75", "--every", "2")
    assert segment(out, *arguments, "--prompt", f"label=it;text=red;box={box}") == 0
    made = bitmaps(out)
    assert min(overlap(made, index) for index in range(0, FRAMES, 2)) > 0.8


def test_all_of_it_can_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[run]\nevery = 4\nmax_size = 48\nroi = [0, 32, 96, 128]\n")
    assert segment(tmp_path / "out", "--config", str(file), "--write", "masks") == 0
    assert Followed.asked == (0, 4, 8, 12)
    assert set(Followed.sizes) == {(48, 48)}


REFUSED = [
    (["--every", "0"], 2, "greater than or equal to 1"),
    (["--max-size", "3"], 2, "greater than or equal to 16"),
    (["--roi", "1,2,3"], 2, "--roi is x1,y1,x2,y2 in pixels"),
    (["--roi", "0.5,2,30,40"], 2, "roi.0 = 0.5: .*integer"),
    (["--roi", "500,2,600,40"], 2, "roi 500,2,600,40 holds nothing of a frame of 192 x 128"),
    (["--roi", "90,2,10,40"], 2, "holds nothing .*x1 < x2"),
    (["--roi", "100,0,192,128", "--box", "4,42,46,84"], 2, "lies outside the region 100,0,192,128"),
    (["--ignore-mask", "none.png"], 1, "none.png: no such file"),
    (["--ignore-mask", "text.png"], 1, "text.png: cannot be decoded as an image"),
    (["--ignore-mask", "small.png"], 2, "small.png: is 10 x 20, but clip is 192 x 128"),
    (["--deinterlace", "yes"], 2, "'yes' is not one of 'auto', 'off', 'bob'"),
    (["--on-bad-frame", "yes"], 2, "'yes' is not one of 'fail', 'skip', 'repeat'"),
    (["--source", "video2"], 2, "no source is called 'video2'; did you mean 'video'"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), REFUSED)
def test_what_makes_no_sense_is_said_before_the_work(
    arguments: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no picture")
    cv2.imwrite("small.png", np.ones((20, 10), np.uint8))
    assert segment(tmp_path / "out", *arguments) == code
    said = capfd.readouterr()
    assert said.out == ""
    assert re.search(says, said.err), said.err
    assert not (tmp_path / "out").exists()
    assert not Followed.asked
