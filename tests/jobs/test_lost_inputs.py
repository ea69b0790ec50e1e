"""An output never takes the place of what it is made from."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support.commandline import command
from tests.support.media import clip
from videoseg.errors import UsageError
from videoseg.runlog.lost_inputs import refuse_losing

MARK = ("--box", "4,32,40,60")
MODEL = ("--model", "blind")


@pytest.fixture(autouse=True)
def _finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run in ``o`` of a clip that lies elsewhere."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip(frames=3), "clip.mp4")
    said = command("segment", "clip.mp4", *MARK, *MODEL, "-o", "o")
    assert said.code == 0, said.lines


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


def links() -> None:
    Path("to-overlay.mp4").symlink_to("o/overlay.mp4")
    Path("to-o").symlink_to("o")
    Path("o/other.mp4").symlink_to("overlay.mp4")
    Path("o/masks/p.json").write_text('[{"box": [4, 32, 40, 60]}]', encoding="utf-8")
    cv2.imwrite("o/masks/m.png", np.full((64, 96), 255, np.uint8))
    Path("o/masks/mine.toml").write_text("", encoding="utf-8")
    Path("o/masks/list.txt").write_text("clip.mp4\n", encoding="utf-8")


LOST = [
    ["o/overlay.mp4", *MARK, "-o", "o"],
    ["to-overlay.mp4", *MARK, "-o", "o"],
    ["o/other.mp4", *MARK, "-o", "o"],
    ["to-o/overlay.mp4", *MARK, "-o", "o"],
    ["o/overlay.mp4", *MARK, "-o", "to-o"],
    ["./o/../o/overlay.mp4", *MARK, "-o", "o/"],
    ["FILE/o/overlay.mp4", *MARK, "-o", "o"],
    ["o/masks", *MARK, "-o", "o"],
    ["o/masks/%06d.png", *MARK, "-o", "o"],
    ["o/masks/000001.png", *MARK, "-o", "o"],
    ["clip.mp4", *MARK, "-o", "o", "--ignore-mask", "o/masks/000001.png"],
    ["clip.mp4", "--prompts", "o/masks/p.json", "-o", "o"],
    ["clip.mp4", "--mask", "o/masks/m.png", "-o", "o"],
    ["clip.mp4", "--prompt", "mask=o/masks/m.png", "-o", "o"],
    ["clip.mp4", *MARK, "-o", "o", "--config", "o/masks/mine.toml"],
    ["--list", "o/masks/list.txt", *MARK, "-o", "o"],
]


@pytest.mark.parametrize("arguments", LOST, ids=" ".join)
def test_an_input_is_not_replaced(arguments: list[str]) -> None:
    links()
    before = files()
    here = f"file://{Path.cwd()}"
    given = [each.replace("FILE", here) for each in arguments]
    said = command("segment", *given, *MODEL, "--overwrite")
    assert said.code == 2, said.lines
    assert "would be lost" in said.lines[-1]
    assert "-o" in said.lines[-1]
    assert files() == before


def test_an_input_of_another_task_is_not_replaced() -> None:
    """The second input lies in what the first one's run replaces."""
    said = command("segment", "clip.mp4", *MARK, *MODEL, "-o", "out/{stem}", "--overwrite")
    assert said.code == 0
    shutil.copytree("o", "out/clip", dirs_exist_ok=True)
    before = Path("out/clip/overlay.mp4").read_bytes()
    inputs = ("clip.mp4", "out/clip/overlay.mp4")
    said = command("segment", *inputs, *MARK, *MODEL, "-o", "out/{stem}", "--overwrite")
    assert said.code == 3, said.lines
    assert any("out/clip/overlay.mp4 would be lost" in line for line in said.lines)
    assert Path("out/clip/overlay.mp4").read_bytes() == before
    assert Path("out/overlay/run.json").exists()


def test_write_and_rerun_keep_the_input() -> None:
    shutil.move("clip.mp4", "o/moved.mp4")
    Path("o/overlay.mp4").unlink()
    Path("o/moved.mp4").rename("o/overlay.mp4")
    before = files()
    at = ("--input", "o/overlay.mp4", "--overwrite")
    for arguments in (
        ("write", "o", "--write", "overlay", *at),
        ("rerun", "o", *at),
        ("rerun", "o", "-o", "o", *at),
    ):
        said = command(*arguments)
        assert said.code == 2, said.lines
        assert "would be lost" in said.lines[-1]
        assert files() == before
    assert command("rerun", "o", "-o", "p", *at).code == 0


def test_what_is_no_danger_is_done() -> None:
    """A hard link keeps its file, and a name that is only like that of a piece is another one."""
    Path("hard.mp4").hardlink_to("o/overlay.mp4")
    kept = Path("hard.mp4").read_bytes()
    assert command("segment", "hard.mp4", *MARK, *MODEL, "-o", "o", "--overwrite").code == 0
    assert Path("hard.mp4").read_bytes() == kept
    shutil.copy("clip.mp4", "o/Overlay.MP4")
    refuse_losing(["o/Overlay.MP4"], Path("o"), ["overlay.mp4"])
    refuse_losing(["-", "https://example.org/o/overlay.mp4"], Path("o"), ["overlay.mp4"])


def test_a_sequence_keeps_its_pictures() -> None:
    Path("pics").mkdir()
    for name in ("a.png", "overlay.png"):
        cv2.imwrite(f"pics/{name}", np.zeros((8, 8, 3), np.uint8))
    refuse_losing(["pics"], Path("pics"), ["overlay.mp4", "masks"])
    with pytest.raises(
        UsageError, match=r"pics would be lost: this run replaces pics/overlay\.png"
    ):
        refuse_losing(["pics"], Path("pics"), ["overlay.png"])
