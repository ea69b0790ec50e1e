"""The file of a number shows the frame of that number, whatever the source is like."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import films, mattes, media, scenes
from videoseg.cli._app import run
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, Scene, StreamInfo
from videoseg.writers.cryptomatte import Cryptomatte
from videoseg.writers.cutout_png import CutoutPng
from videoseg.writers.exr import Exr
from videoseg.writers.matte_png import MattePng

FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
UNEVEN = {1001: 0, 1002: 1, 1003: 1, 1004: 1, 1005: 2, 1006: 3, 1007: 5}
"""Of each number the frame that is nearest, of frames at 0, 40, 150, 200, 210 and 240 ms."""


def opened(path: Path, start: int = 0, **settings: Any) -> tuple[StreamInfo, list[Frame]]:
    source = VideoSource(**settings)
    (info,) = source.open(str(path)).values()
    frames = list(source.frames(start))
    source.close()
    return info, frames


def covered(info: StreamInfo, frames: list[Frame]) -> list[Scene]:
    """Scenes of one object that covers everything."""
    mask = scenes.rectangle(0, 0, info.width, info.height, width=info.width, height=info.height)
    track = scenes.tracked(mask)
    return [
        Scene(info.stream, each.index, each.pts, each.time_base, each.duration, instances=(track,))
        for each in frames
    ]


def shown(folder: Path, info: StreamInfo, frames: list[Frame]) -> Mapping[int, int]:
    """Of each number of a sequence the index that its picture shows."""
    names = mattes.write(CutoutPng(), folder, covered(info, frames), info, frames=frames)
    found = {}
    for name in names:
        picture = cv2.imread(str(folder / name), cv2.IMREAD_COLOR)
        assert picture is not None
        found[int(name.split(".")[-2])] = media.read_index(np.asarray(picture, np.uint8))
    return found


@pytest.mark.parametrize("rate", [FILM, Fraction(25), NTSC, Fraction(60000, 1001)])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_constant_rates(tmp_path: Path, rate: Fraction, container: str) -> None:
    path = media.clip(name=f"clip.{container}", rate=rate, frames=60)
    info, frames = opened(path)
    assert shown(tmp_path, info, frames) == {1001 + n: n for n in range(60)}


def test_a_part_keeps_its_numbers(tmp_path: Path) -> None:
    info, frames = opened(media.clip(rate=FILM, frames=30), start=12)
    assert shown(tmp_path, info, frames) == {1001 + n: n for n in range(12, 30)}


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_turned_clips_come_upright(tmp_path: Path, rotation: int) -> None:
    info, frames = opened(media.clip(rotation=rotation, frames=4))
    assert shown(tmp_path, info, frames) == {1001 + n: n for n in range(4)}


def test_uneven_times_have_the_nearest_number(tmp_path: Path) -> None:
    # Nominally 25 a second: the 3rd frame comes late, the 5th with the 4th.
    times = (0, 40, 150, 200, 210, 240)
    info, frames = opened(media.clip(name="uneven.mkv", pts=times, rate=Fraction(25)))
    assert info.frame_rate == 25
    assert shown(tmp_path, info, frames) == UNEVEN


def test_fields_have_a_number_each(tmp_path: Path) -> None:
    path = media.film(
        name="fields.mp4", field_order="tff", options=(("x264-params", "tff=1:keyint=12"),)
    )
    info, frames = opened(path, deinterlace="bob")
    assert info.frame_rate == 50
    found = shown(tmp_path, info, frames)
    assert list(found) == [1001 + n for n in range(12)]
    assert [found[number] for number in list(found)[::2]] == list(range(6))


def test_timecodes_that_drop_numbers_go_on_as_the_source_s(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    path = media.clip(name="drop.mov", rate=NTSC, frames=6, timecode="00:00:59;26")
    info, frames = opened(path)
    assert info.timecode == "00:00:59;26"
    names = mattes.write(Exr(), tmp_path, covered(info, frames), info, frames=frames)
    codes = [exr.File(str(tmp_path / name)).header()["timeCode"] for name in names]
    found = [(code.minutes, code.seconds, code.frame, code.dropFrame) for code in codes]
    assert found == [
        *((0, 59, frame, 1) for frame in (26, 27, 28, 29)),
        (1, 0, 2, 1),
        (1, 0, 3, 1),
    ]


def test_a_run_by_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip = media.clip(rate=FILM, frames=5, width=160, height=96)
    out = tmp_path / "out"
    settings = [
        "writers.matte-png.start_frame=101",
        "writers.matte-png.template={object}_v{version:02}.{frame:05}.png",
        "writers.cutout-png.objects=each",
    ]
    given = [word for each in settings for word in ("--set", each)]
    command = ["segment", str(clip), "the orange square", "-o", str(out)]
    assert run([*command, "--write", "matte-png", "--write", "cutout-png", *given]) == 0
    capfd.readouterr()
    names = [name for name in mattes.files(out) if name.startswith(("mattes/", "cutouts/"))]
    objects = {name.split("/")[1].partition("_v")[0] for name in names if name[0] == "m"}
    assert objects
    for name in objects:
        for number in range(5):
            assert f"mattes/{name}_v01.{101 + number:05d}.png" in names
            assert f"cutouts/{name}/{clip.stem}_{name}.{1001 + number}.png" in names
    assert (
        run(
            [
                *command[:-1],
                str(out / "b"),
                "--write",
                "matte-png",
                "--set",
                "writers.matte-png.template={x}.png",
            ]
        )
        == 2
    )
    assert "there is no field 'x'" in capfd.readouterr().err


def squares(info: StreamInfo, frames: list[Frame]) -> list[Scene]:
    """Scenes with a matte of the square that the pictures show."""
    made = []
    for each in frames:
        box = media.square_box(each.index, info.width, info.height)
        mask = scenes.rectangle(*box, width=info.width, height=info.height)
        made.append(films.scene_of(each, scenes.tracked(mask)))
    return made


def columns(matte: Any) -> tuple[int, int]:
    found = np.flatnonzero(np.asarray(matte > 0).any(axis=0))
    return int(found[0]), int(found[-1]) + 1


@pytest.mark.parametrize("name", ["exr", "cryptomatte", "matte-png"])
@pytest.mark.parametrize("case", ["23.976", "29.97", "uneven"])
def test_the_matte_of_a_number_is_that_of_its_frame(name: str, case: str, tmp_path: Path) -> None:
    exr: Any = None
    if name != "matte-png":
        exr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
        pytest.importorskip("mmh3", reason="mmh3 is not installed")
    if case == "uneven":
        times = (0, 40, 150, 200, 210, 240)
        path = media.clip(name="uneven.mkv", pts=times, rate=Fraction(25))
        wanted = UNEVEN
    else:
        path = media.clip(rate=FILM if case == "23.976" else NTSC, frames=12)
        wanted = {1001 + n: n for n in range(12)}
    info, frames = opened(path)
    writer = {"exr": Exr, "cryptomatte": Cryptomatte, "matte-png": MattePng}[name]()
    found = {}
    for each in mattes.write(writer, tmp_path, squares(info, frames), info, frames=frames):
        number = int(each.split(".")[-2])
        if exr is None:
            found[number] = columns(cv2.imread(str(tmp_path / each), cv2.IMREAD_UNCHANGED))
            continue
        channels = exr.File(str(tmp_path / each), separate_channels=True).channels()
        channel = "A" if name == "exr" else "uCryptoObject00.G"
        found[number] = columns(channels[channel].pixels)
    boxes = {n: media.square_box(index, info.width, info.height) for n, index in wanted.items()}
    assert found == {number: (box[0], box[2]) for number, box in boxes.items()}


def test_the_exr_of_a_number_shows_its_frame(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    times = (0, 40, 150, 200, 210, 240)
    info, frames = opened(media.clip(name="uneven.mkv", pts=times, rate=Fraction(25)))
    made, found = covered(info, frames), {}
    for name in mattes.write(Exr(cutout=True), tmp_path, made, info, frames=frames):
        channels = exr.File(str(tmp_path / name), separate_channels=True).channels()
        light = np.dstack([channels[each].pixels for each in "RGB"]).astype(np.float64)
        coded = np.asarray(255 * np.clip(light, 0, 1) ** (1 / 2.4), np.uint8)
        found[int(name.split(".")[-2])] = media.read_index(coded)
    assert found == UNEVEN
