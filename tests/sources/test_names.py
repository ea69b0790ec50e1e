"""The names of source pictures, wherever a run's outputs speak of a frame."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from lxml import etree

from tests.support import media, scenes
from tests.support.commandline import command
from videoseg.system.output_files import FrameNames
from videoseg.types import Scene
from videoseg.writers.frames import Frames
from videoseg.writers.measurements import Measurements
from videoseg.writers.svg import Svg

HOSTILE = '=<"left" & \udce9>/..\\right\x00.jpg'


def named(*names: str | None) -> list[Scene]:
    return [replace(scene, name=name) for scene, name in zip(scenes.moving(), names, strict=False)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("left.jpg", "right.png"), ["left", "right"]),
        (("a.jpg", "a.png", "A.tif", "a-2.png"), ["a", "a-2", "A-3", "a-2-2"]),
        (("shot.0012.exr", "Größe 7.jpg"), ["shot.0012", "Größe_7"]),
        ((HOSTILE, "..jpg", "..."), ["_right_", "picture", "picture-2"]),
        (("con.png", "NUL.tar.png", "console.png"), ["_con", "_NUL.tar", "console"]),
        (("x" * 500 + ".png", "日" * 200 + ".png"), ["x" * 200, "日" * 66]),
        ((None, "a.png", None), ["000000", "a", "000002"]),
    ],
)
def test_names_are_safe_and_unique(names: tuple[str | None, ...], expected: list[str]) -> None:
    naming, info = FrameNames("source"), scenes.stream()
    assert [naming.of(scene, info, ".svg") for scene in named(*names)] == [
        f"{name}.svg" for name in expected
    ]
    numbered = FrameNames("number")
    assert [numbered.of(scene, info, "") for scene in named(*names)] == [
        f"{n:06d}" for n in range(len(names))
    ]


def test_an_svg_says_from_which_picture_it_is(tmp_path: Path) -> None:
    writer = Svg()
    writer.open(tmp_path, scenes.streams(), scenes.prompts())
    for scene in named("left.jpg", HOSTILE, None):
        writer.write(scene, None)
    roots = [etree.fromstring(path.read_bytes()) for path in sorted((tmp_path / "svg").iterdir())]
    sources = [root.attrib.get("data-source") for root in roots]
    assert sources[0] == "left.jpg"
    assert sources[1] == HOSTILE.replace("\udce9", "\ufffd").replace("\x00", "\ufffd")
    assert sources[2] is None


def test_outputs_are_named_like_pictures_on_request(tmp_path: Path) -> None:
    writers = (Svg(names="source"), Frames(names="source", format="png"))
    for writer in writers:
        writer.open(tmp_path, scenes.streams(), scenes.prompts())
        for scene in named("left.jpg", "right.jpg"):
            writer.write(scene, scenes.frame_of(scene))
        writer.close(complete=True)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")}
    assert found == {"svg/left.svg", "svg/right.svg", "frames/left.png", "frames/right.png"}


def test_a_table_names_the_picture_of_each_row(tmp_path: Path) -> None:
    writer = Measurements()
    writer.open(tmp_path, scenes.streams(), scenes.prompts())
    for scene in named("left.jpg", "=cmd.jpg", None):
        writer.write(scene, None)
    writer.close(complete=True)
    with (tmp_path / "measurements.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["frame"]: row["source"] for row in rows} == {
        "0": "left.jpg",
        "1": "'=cmd.jpg",
        "2": "",
    }


def test_a_run_and_what_is_made_of_it_later_keep_the_names(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, name in enumerate(("left.jpg", "right.jpg")):
        cv2.imwrite(str(folder / name), media.moving_square(index, 96, 64)[..., ::-1])
    out = tmp_path / "out"
    ran = command(
        "segment", str(folder), "--box", "10,10,60,60", "--write", "masks", "-o", str(out)
    )
    assert ran.code == 0, ran.lines
    assert file_names(out) == ["left.jpg", "right.jpg"]
    more = ("--write", "svg", "--write", "frames", "--write", "measurements")
    ran = command("write", str(out), *more)
    assert ran.code == 0, ran.lines
    svg = (out / "svg" / "000001.svg").read_text()
    assert 'data-source="right.jpg"' in svg
    assert "right.jpg" in (out / "measurements.csv").read_text()
    assert {path.name for path in (out / "frames").iterdir()} == {"000000.jpg", "000001.jpg"}
    again = tmp_path / "again"
    ran = command("rerun", str(out), "-o", str(again), "--write", "masks", "--write", "frames",
                  "--set", "writers.frames.names=source")  # fmt: skip
    assert ran.code == 0, ran.lines
    assert file_names(again) == ["frames/left.jpg", "frames/right.jpg"]
    assert all((again / name).is_file() for name in file_names(again))


def file_names(out: Path) -> list[str]:
    images = json.loads((out / "masks.json").read_text())["images"]
    return [image["file_name"] for image in images]
