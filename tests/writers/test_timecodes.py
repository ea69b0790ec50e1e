"""All outputs say the same timecode of a frame, also where frames come at uneven times."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import av
import pytest

from tests.support import films, mattes, media, scenes
from tests.support.commandline import command
from videoseg.formats.timecode import timecode_of
from videoseg.jobs.positions import frame_index, parse_position
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, Scene
from videoseg.writers.exr import Exr
from videoseg.writers.overlay import Overlay

FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)
EVEN = (0, 1, 2, 3, 4, 5, 6)
UNEVEN = (0, 1, 4, 5, 9, 12, 13)
"""Numbers at which the frames lie; their times are off by a third of a frame now and then."""


def clip(rate: Fraction, timecode: str, numbers: tuple[int, ...]) -> Path:
    """In Matroska, whose header says the nominal rate where that is not the average."""
    base = Fraction(1, 1000)
    off = [Fraction(n % 3 - 1, 3) if n else 0 for n in range(len(numbers))]
    times = tuple(round((n + o) / rate / base) for n, o in zip(numbers, off, strict=True))
    return media.clip(name="clip.mkv", pts=times, time_base=base, rate=rate, timecode=timecode)


def whole(frame: Frame) -> Scene:
    mask = scenes.rectangle(0, 0, frame.width, frame.height, width=frame.width, height=frame.height)
    return films.scene_of(frame, scenes.tracked(mask))


def of_film(path: Path) -> str:
    with av.open(str(path)) as film:
        tags = {key.lower(): value for key, value in film.streams.video[0].metadata.items()}
    return tags["timecode"]


@pytest.mark.parametrize("numbers", [EVEN, UNEVEN], ids=["even", "uneven"])
@pytest.mark.parametrize(
    ("rate", "begin"),
    [(FILM, "01:00:00:20"), (NTSC, "01:00:59;26"), (Fraction(25), "10:00:00:22")],
    ids=["23.976", "29.97 drop-frame", "25"],
)
def test_a_frame_has_one_timecode(
    rate: Fraction, begin: str, numbers: tuple[int, ...], tmp_path: Path
) -> None:
    exr = pytest.importorskip("OpenEXR", reason="OpenEXR is not installed")
    path = clip(rate, begin, numbers)
    source = VideoSource()
    (info,) = source.open(str(path)).values()
    frames = list(source.frames())
    assert (info.frame_rate, info.timecode) == (rate, begin)
    mattes.write(Exr(), tmp_path, map(whole, frames), info, frames=frames)
    for place, number in enumerate(numbers):
        wanted = timecode_of(number, begin, rate)
        assert wanted is not None
        header = exr.File(str(tmp_path / f"exr/clip_mattes.{1001 + number}.exr")).header()
        code = header["timeCode"]
        shown = (code.hours, code.minutes, code.seconds, code.frame)
        assert shown == tuple(int(part) for part in wanted.replace(";", ":").split(":"))
        for name in films.WRITERS:
            folder = tmp_path / f"{name}-{place}"
            folder.mkdir()
            _, _, (film,) = films.cut(folder, path, films.writer(name), whole, start=place)
            assert of_film(film) == wanted, name
        assert frame_index(parse_position(wanted), info, source) == place
    source.close()


def test_the_table_and_the_overlay_agree(tmp_path: Path) -> None:
    path = clip(NTSC, "01:00:59;26", UNEVEN)
    out = tmp_path / "out"
    done = command(
        "segment", str(path), "the orange square", "-o", str(out), "--start", "01:00:59;28",
        "--write", "measurements", "--write", "overlay", "--write", "ffv1",
    )  # fmt: skip
    assert done.code == 0, done.lines
    with (out / "measurements.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["frame"], row["timecode"]) for row in rows[:2]] == [
        ("2", "01:01:00;02"),
        ("3", "01:01:00;03"),
    ]
    assert of_film(out / "ffv1/clip_all.mkv") == "01:01:00;02"
    with av.open(str(out / "overlay.mp4")) as film:
        first = next(film.decode(video=0))
    passed = round(Fraction(str(first.time)) * NTSC)
    assert timecode_of(passed, of_film(out / "overlay.mp4"), NTSC) == "01:01:00;02"


def test_the_overlay_keeps_its_times(tmp_path: Path) -> None:
    path = clip(FILM, "01:00:00:20", UNEVEN)
    _, frames, (film,) = films.cut(tmp_path, path, Overlay(), whole, start=3)  # type: ignore[arg-type]
    shown = films.read(film)
    assert [float(each.seconds) for each in shown] == pytest.approx(
        [float(frame.seconds) for frame in frames], abs=1e-4
    )
