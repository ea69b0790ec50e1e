"""A disk that gets full: every output ends in one line, and nothing half-made is left."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.commandline import captured
from tests.support.fakes import Colours
from tests.support.limits import limited
from tests.support.mattes import contents
from tests.support.media import clip

NEEDS = {
    "exr": "OpenEXR",
    "cryptomatte": "mmh3",
    "otio": "opentimelineio",
    "parquet": "pyarrow",
}
"""Packages of outputs that need one."""
FILMS = ("prores4444", "ffv1", "vp9-alpha", "qtrle", "png-mov")
OUTPUTS = (
    *("matte-png", "cutout-png", "exr", "cryptomatte", *FILMS),
    *("coco", "youtube-vis", "davis", "mots", "mot", "yolo-seg", "pascal-voc", "cvat", "labelme"),
    *("label-studio", "jsonl", "parquet", "otio", "edl"),
    *("frames", "masks", "measurements", "overlay", "svg", "animated-svg"),
    *("after-effects", "blender", "fusion", "lottie", "natron", "nuke", "silhouette"),
)


def run(*arguments: str) -> tuple[int, list[str]]:
    """One command's exit code, and the lines that it wrote to standard error."""
    code, _, said = captured(arguments, {"models": {"colours": Colours}})
    return code, said.splitlines()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "out"
    film = str(clip(frames=3, width=192, height=128))
    made = run("segment", film, "red", "--model", "colours", "--write", "frames", "-o", str(out))
    assert made[0] == 0
    return out


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, ()) for name in OUTPUTS),
        *((name, ("--set", f"writers.{name}.objects=each")) for name in FILMS),
    ],
    ids=lambda value: value if isinstance(value, str) else "each" if value else "all",
)
def test_one_line_and_nothing_half(
    name: str, settings: tuple[str, ...], finished: Path, tmp_path: Path
) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{NEEDS[name]} is not installed")
    for folder in ("enough", "full"):
        shutil.copytree(finished, tmp_path / folder)
    asked = ("--write", name, *settings, "--overwrite")
    before = contents(tmp_path / "full")
    assert run("write", str(tmp_path / "enough"), *asked)[0] == 0
    made = contents(tmp_path / "enough")
    own = [len(data) for file, data in made.items() if file not in before or name == "frames"]
    with limited("bytes of a file", max(own) // 2):
        code, lines = run("write", str(tmp_path / "full"), *asked)
    assert code == 1, lines
    assert len(lines) == 1, lines
    assert lines[0].startswith("videoseg: cannot write "), lines
    assert "File too large" in lines[0] or "is the disk full?" in lines[0]
    assert contents(tmp_path / "full") == before
    assert {path.name for path in (tmp_path / "full").iterdir()} == {
        path.name for path in finished.iterdir()
    }


def test_a_disk_without_room_for_a_lock(tmp_path: Path) -> None:
    out, film = tmp_path / "out", str(clip(frames=3, width=192, height=128))
    asked = ("segment", film, "red", "--model", "colours", "--write", "edl", "-o", str(out))
    with limited("bytes of a file", 20):
        code, lines = run(*asked)
    assert code == 1
    assert lines == [f"videoseg: cannot write to {out}: File too large"]
    assert run(*asked)[0] == 0
