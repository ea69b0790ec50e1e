"""The command line as a user meets it: what it makes, what it says, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.fakes import Colours
from tests.support.media import clip, truncated
from tests.support.waiting import PATIENCE, until
from videoseg import __version__, registry
from videoseg.cli._app import run
from videoseg.runlog.staging import STAGING
from videoseg.writers.svg import Svg

EXPECTED = {"svg", "animated.svg", "overlay.mp4", "masks", "masks.json", "run", "run.json"}


class BrokenSvg(Svg):
    """A writer that fails in the middle."""

    def write(self, scene: Any, frame: Any) -> None:
        if scene.index == 5:
            raise RuntimeError("the writer broke")
        super().write(scene, frame)


class InterruptedModel(Colours):
    """A model during which somebody presses Ctrl-C."""

    def segment(self, frames: Any, prompts: Any) -> Any:
        if frames[-1].index >= 4:
            raise KeyboardInterrupt
        return super().segment(frames, prompts)


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of the tests beside the real ones."""
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        ours: dict[str, dict[str, Any]] = {
            "models": {"colours": Colours, "interrupted": InterruptedModel},
            "writers": {"broken-svg": BrokenSvg},
        }
        return {**real(kind), **ours.get(kind, {})}

    monkeypatch.setattr(registry, "_built_in", with_ours)


@pytest.fixture
def film() -> str:
    return str(clip(audio=True, frames=12, width=160, height=96))


def segment(*arguments: str, model: str = "colours") -> int:
    return run(["segment", *arguments, "--model", model])


def left_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_everything_a_run_makes(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert segment(film, "red", "-o", str(out), "--json") == 0
    said = capfd.readouterr()
    summary = json.loads(said.out)
    assert summary["prompts"] == [{"label": "red", "found": True, "tracks": 1, "outlines": 12}]
    assert left_in(out) == EXPECTED
    assert len(list((out / "svg").iterdir())) == 12
    assert "red: 1 object, 12 outlines" in said.err
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert manifest["model"]["name"] == "colours"
    assert manifest["counts"]["frames"] == 12
    assert len(manifest["inputs"][0]["sha256"]) == 64
    assert set(manifest["stages"]) >= {"decode", "model", "track", "svg", "overlay", "log"}


def test_nothing_on_stdout_unless_asked(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert segment(film, "red", "-o", str(tmp_path / "out"), "--write", "svg") == 0
    assert capfd.readouterr().out == ""
    assert left_in(tmp_path / "out") == {"svg", "run", "run.json"}


def test_quiet_says_nothing(film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(film, "red", "-o", str(tmp_path / "out"), "--write", "svg", "-q") == 0
    assert capfd.readouterr() == ("", "")


def test_what_is_not_there_is_said_to_be_not_found(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert segment(film, "green", "-o", str(tmp_path / "out"), "--json") == 0
    said = capfd.readouterr()
    assert "not found: green (on none of 12 frames)" in said.err
    assert json.loads(said.out)["prompts"][0]["found"] is False


def test_a_part_keeps_the_numbers_and_times_of_the_whole(film: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert segment(film, "red", "-o", str(out), "--start", "3f", "--end", "0.32") == 0
    assert sorted(path.name for path in (out / "svg").iterdir()) == [
        f"{number:06}.svg" for number in range(3, 8)
    ]
    table = json.loads((out / "masks.json").read_text(encoding="utf-8"))
    assert [image["frame_index"] for image in table["images"]] == [3, 4, 5, 6, 7]
    assert [image["seconds"] for image in table["images"]] == pytest.approx(
        [0.12, 0.16, 0.2, 0.24, 0.28]
    )


def test_every_text_is_a_prompt_of_its_own(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    assert segment(film, "--text", "red", "--text", "green", "-o", out, "--json") == 0
    labels = [prompt["label"] for prompt in json.loads(capfd.readouterr().out)["prompts"]]
    assert labels == ["red", "green"]


def test_several_prompts_keep_their_labels(film: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    label = "label=R&B <script>;text=red"
    assert segment(film, "--prompt", label, "--prompt", "text=blue", "-o", str(out)) == 0
    table = json.loads((out / "masks.json").read_text(encoding="utf-8"))
    assert [category["name"] for category in table["categories"]] == ["R&B <script>", "blue"]
    for svg in [*(out / "svg").iterdir(), out / "animated.svg"]:
        text = svg.read_text(encoding="utf-8")
        assert "<script" not in text
    assert "R&amp;B &lt;script&gt;" in (out / "animated.svg").read_text(encoding="utf-8")


def test_a_dry_run_writes_nothing(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert segment(film, "red", "-o", str(out), "--dry-run", "--json") == 0
    plan = json.loads(capfd.readouterr().out)
    assert set(plan["outputs"]) == EXPECTED
    assert not out.exists()


def test_an_earlier_result_is_replaced_only_when_asked(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    (out / "svg").mkdir(parents=True)
    (out / "notes.txt").write_text("mine")
    (out / "svg").rmdir()
    assert segment(film, "red", "-o", str(out)) == 0
    first = (out / "animated.svg").read_bytes()
    assert segment(film, "red", "-o", str(out)) == 1
    assert "--overwrite" in capfd.readouterr().err
    assert segment(film, "red", "-o", str(out), "--overwrite") == 0
    assert (out / "animated.svg").read_bytes() == first
    assert (out / "notes.txt").read_text() == "mine"


HOSTILE = [
    (["none.mp4", "red"], 1, "none.mp4"),
    (["text.mp4", "red"], 1, "text.mp4"),
    (["cut.mp4", "red"], 1, "cut.mp4"),
    (["FILM"], 2, "nothing to look for"),
    (["FILM", ""], 2, "empty phrase"),
    (["FILM", "  "], 2, "empty phrase"),
    (["FILM", "purple"], 4, "models that take any phrase"),
    (["FILM", "--text", "a", "--text", "b", "--box", "1,1,9,9"], 2, "could belong to any"),
    (["FILM", "--box", "900,10,950,50"], 2, "outside: the frame is 160 x 96"),
    (["FILM", "--box", "1,2,3"], 2, "x1,y1,x2,y2"),
    (["FILM", "--box", "nan,1,5,5"], 2, "finite"),
    (["FILM", "--box", "50,50,10,10"], 2, "x1 < x2"),
    (["FILM", "--point", "3,4"], 2, "colours.*takes box, mask, text"),
    (["FILM", "--prompt", "box=1,1,9,9;at=99"], 2, "has 12 frames"),
    (["FILM", "--prompts", "none.json"], 2, "cannot read prompts"),
    (["FILM", "red", "--set", "tracking.iou.nope=1"], 2, "no setting 'nope'"),
    (["FILM", "red", "--preset", "nope"], 2, "no preset is called 'nope'"),
    (["FILM", "red", "--write", "svgg"], 2, "did you mean 'svg'"),
    (["FILM", "red", "-o", "text.mp4"], 1, "text.mp4"),
    (["FILM", "red", "-o", "/proc/nowhere"], 1, "/proc/nowhere"),
    (["FILM", "red", "--write", "broken-svg"], 1, "the writer broke"),
    (["FILM", "red", "--set", "models.colours.fail_at=6"], 1, "the model broke"),
    (["FILM", "red", "--start", "soon"], 2, "not a time or frame number"),
    (["FILM", "red", "--start", "99f"], 2, "after the last of 12 frames"),
    (["FILM", "red", "--start", "5f", "--end", "5f"], 2, "no frames between"),
    (["FILM", "red", "--no-such-flag"], 2, "No such option"),
]


@pytest.mark.parametrize(("arguments", "code", "says"), HOSTILE)
def test_bad_input_is_one_line_and_leaves_nothing(
    arguments: list[str],
    code: int,
    says: str,
    film: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.mp4").write_text("this is no film\n" * 50)
    Path("cut.mp4").write_bytes(truncated(clip(frames=60, width=160, height=96)).read_bytes())
    before = left_in(tmp_path)
    given = [film if argument == "FILM" else argument for argument in arguments]
    assert segment(*given) == code
    said = capfd.readouterr()
    assert said.out == ""
    assert re.search(says, said.err), said.err
    assert "Traceback" not in said.err
    if "No such option" not in said.err:
        assert said.err.count("\n") == 1, said.err
    # Only what a model has already answered is kept, where nobody takes it for a result.
    made = left_in(tmp_path) - before
    assert all(left_in(tmp_path / name) == {STAGING} for name in made)
    assert bool(made) == ("--resume goes on from there" in said.err)


def test_ctrl_c_ends_with_130_and_leaves_nothing_to_be_seen(
    film: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert segment(film, "red", "-o", str(out), model="interrupted") == 130
    assert "interrupted; no incomplete output was published; --resume" in capfd.readouterr().err
    assert left_in(out) == {STAGING}
    early = ["--start", "0.2"]  # nothing is answered before
    assert segment(film, "red", "-o", str(tmp_path / "no"), *early, model="interrupted") == 130
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_a_real_interrupt_ends_a_real_process(tmp_path: Path) -> None:
    long = clip(frames=400, width=320, height=192)
    # A process that was started in the background may have been told to ignore Ctrl-C.
    start = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        "from videoseg.cli import main; main()"
    )
    command = [sys.executable, "-c", start, "segment", str(long), "--box", "4,64,68,128"]
    log = tmp_path / "out" / STAGING / "new" / "run" / "scenes.jsonl"
    with subprocess.Popen(
        [*command, "-o", "out"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: log.exists() and log.read_bytes().count(b"\n") > 3, process)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert left_in(tmp_path / "out") == {STAGING}


def test_version_and_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capfd.readouterr().out.strip() == f"videoseg {__version__}"
    for verb in ("segment", "info", "models", "show"):
        assert run([verb, "--help"]) == 0
        assert "Example" in capfd.readouterr().out


def test_info(film: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["info", film, "--json"]) == 0
    (stream,) = json.loads(capfd.readouterr().out).values()
    assert (stream["width"], stream["height"], stream["frame_rate"]) == (160, 96, "25/1")
    assert stream["has_audio"] is True
    assert run(["info", film]) == 0
    assert "frame rate      25 a second" in capfd.readouterr().out


def test_models_and_show(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["models"]) == 0
    assert "embedded" in capfd.readouterr().out
    assert run(["show", "svg"]) == 0
    assert "writers.svg." in capfd.readouterr().out
    assert run(["show", "nothing"]) == 2


def test_a_still(tmp_path: Path) -> None:
    image = np.full((80, 120, 3), 90, np.uint8)
    image[20:60, 30:70] = (20, 20, 220)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), image)
    out = tmp_path / "out"
    assert segment(str(path), "red", "-o", str(out)) == 0
    assert left_in(out) == {"svg", "overlay.png", "masks", "masks.json", "run", "run.json"}
    annotation = json.loads((out / "masks.json").read_text())["annotations"][0]
    assert annotation["area"] == 1600
    assert annotation["bbox"] == [30, 20, 40, 40]
    preset = tmp_path / "preset"
    assert segment(str(path), "red", "-o", str(preset), "--preset", "fast") == 0
    assert left_in(preset) == {"overlay.png", "masks", "masks.json", "run", "run.json"}


@pytest.mark.skipif(os.name != "posix", reason="a closed pipe is a POSIX matter")
def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m videoseg models --json | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)  # noqa: S602
    assert done.stderr == ""
