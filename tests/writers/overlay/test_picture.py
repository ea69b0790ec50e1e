"""Pictures of every size, rate, time base, shape and colour: each gives an overlay, or one line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.support import media, scenes
from tests.support.commandline import command
from tests.writers.overlay.test_video import frames_of, grey, info_of, overlay_of, times
from videoseg.errors import OutputError, UsageError
from videoseg.formats.timecode import timecode_of
from videoseg.types import Colour, StreamInfo
from videoseg.writers.overlay import Overlay

NANO = 10**9
Case = tuple[dict[str, Any], Sequence[int]]


def at(base: Fraction | int, *pts: int, **rest: Any) -> Case:
    return {"time_base": Fraction(base), **rest}, pts


def rated(rate: Fraction | int | None) -> Case:
    return {"frame_rate": rate and Fraction(rate)}, (0, 24, 48, 72, 96)


def shaped(aspect: Fraction | int) -> Case:
    return {"sample_aspect_ratio": Fraction(aspect)}, (0, 24)


def coloured(
    primaries: int, transfer: int, matrix: int, *, full_range: bool | None = False
) -> Case:
    return {"colour": Colour(primaries, transfer, matrix, full_range)}, (0, 24)


def sized(width: int, height: int) -> Case:
    return {"width": width, "height": height}, (0,)


CASES: dict[str, Case] = {
    "a second": at(1, 0, 24, 48),
    "a thousand seconds": at(1000, 0, 24, 48),
    "thirds of a second": at(Fraction(7, 13), 0, 24, 48),
    "an NTSC frame": at(Fraction(1001, 30000), 0, 24, 48),
    "90 kHz": at(Fraction(1, 90000), 0, 3600, 7200),
    "27 MHz": at(Fraction(1, 27_000_000), 0, 1_080_000, 2_160_000),
    "100 ns": at(Fraction(1, 10**7), 0, 400_000, 800_000),
    "nanoseconds with a gap of a minute": at(Fraction(1, NANO), 0, NANO // 25, 61 * NANO),
    "nanoseconds, two frames in one microsecond": at(Fraction(1, NANO), 0, 24, 48),
    "nanoseconds, a picture an hour": at(
        Fraction(1, NANO), 0, 3600 * NANO, 7200 * NANO, frame_rate=Fraction(1, 3600)
    ),
    "nanoseconds since 1970": at(Fraction(1, NANO), 17 * 10**17, 17 * 10**17 + NANO // 25),
    "a transport stream about to wrap": at(Fraction(1, 90000), 2**33 - 9000, 2**33 - 5400),
    "far before zero": at(Fraction(1, 90000), -(2**40), -(2**40) + 3600),
    "no rate": rated(None),
    "a rate of 90,000 by mistake": rated(90000),
    "a rate beyond 32 bits": rated(Fraction(2**40, 3)),
    "a rate of two long numbers": rated(Fraction(NANO, NANO - 1)),
    "a frame in a million seconds": rated(Fraction(1, 1_000_000)),
    "240 a second": rated(240),
    "narrow pixels": shaped(Fraction(1, 10)),
    "DV pixels": shaped(Fraction(12, 11)),
    "pixels beyond 16 bits": shaped(65537),
    "pixels beyond 32 bits": shaped(Fraction(2**33, 3)),
    "colours that are reserved": coloured(0, 3, 3),
    "colours of cinema": coloured(12, 17, 14, full_range=True),
    "colours of no standard": coloured(255, 255, 255),
    "RGB": coloured(1, 13, 0, full_range=True),
    "YCgCo": coloured(1, 13, 8, full_range=None),
    "one pixel": sized(1, 1),
    "odd sides": sized(3, 5),
    "a scan line": sized(16384, 2),
    "a column": sized(3, 16384),
    "one frame, late": ({}, (777,)),
}


def info_with(change: dict[str, Any]) -> StreamInfo:
    return replace(scenes.stream(), **change)


@pytest.mark.parametrize("name", CASES)
def test_an_overlay_comes_of(name: str, tmp_path: Path) -> None:
    change, pts = CASES[name]
    info = info_with(change)
    made = overlay_of([grey(info)] * len(pts), tmp_path, info, pts)
    frames = frames_of(made)
    moved = max(0, -pts[0])
    expected = [(time + moved) * info.time_base for time in pts]
    assert len(frames) == len(pts)
    for shown, wanted in zip(times(frames), expected, strict=True):
        assert abs(shown - wanted) <= max(Fraction(2, 1_000_000), wanted / 2_000_000)
    even = [max(4, side + side % 2) for side in (info.width, info.height)]
    assert [frames[0].width, frames[0].height] == even
    if shutil.which("ffprobe"):
        done = subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", str(made)], capture_output=True, check=True
        )
        assert not done.stderr


def test_an_hour_between_nanoseconds_is_one_line(tmp_path: Path) -> None:
    info = info_with({"time_base": Fraction(1, NANO)})
    with pytest.raises(OutputError, match=r"frame 1 comes 3600 s after .* MP4 cannot hold"):
        overlay_of([grey(info)] * 2, tmp_path, info, (0, 3600 * NANO))


@pytest.mark.parametrize(("width", "height"), [(16385, 16), (16, 20000), (65536, 2)])
def test_what_is_larger_than_h264_is_refused_before_the_work(width: int, height: int) -> None:
    info = info_with({"width": width, "height": height})
    with pytest.raises(UsageError, match=f"is {width} x {height}, and an overlay has at most"):
        Overlay().produces({info.stream: info})


def test_a_panorama_on_the_command_line(tmp_path: Path) -> None:
    clip = media.film(
        name="wide.mkv", codec="ffv1", width=16640, height=16, times=(0, 1), pixel_format="yuv420p"
    )
    common = ("--text", "thing", "--model", "blind", "-o", str(tmp_path / "out"))
    done = command("segment", str(clip), *common, "--write", "overlay")
    assert (done.code, len(done.lines)) == (2, 1)
    assert not (tmp_path / "out").exists()
    assert command("segment", str(clip), *common, "--write", "svg").code == 0


@pytest.mark.parametrize(
    ("rate", "start", "expected"),
    [
        (Fraction(25), "10:00:00:00", "10:00:00:00"),
        (Fraction(25), "23:59:59:23", "23:59:59:23"),
        (Fraction(30000, 1001), "01:00:59;28", "01:00:59;28"),
        (Fraction(30000, 1001), "01:00:59:28", "01:00:59:28"),
        (Fraction(60000, 1001), "01:00:59;58", "01:00:59;58"),
        (Fraction(24000, 1001), "01:00:00:20", "01:00:00:20"),
        (Fraction(50), "10:00:00:48", "10:00:00:48"),
        (Fraction(25), "10:00:00:30", None),
        (Fraction(300), "10:00:00:00", None),
        (Fraction(25), "ten o'clock", None),
    ],
)
@pytest.mark.parametrize("begin", [0, 4])
def test_the_timecode_goes_along(
    rate: Fraction, start: str, expected: str | None, begin: int, tmp_path: Path
) -> None:
    """A part keeps its times, so its time 0 is that of the source, and so is the timecode there."""
    info = info_with({"time_base": 1 / rate, "frame_rate": rate, "timecode": start})
    writer = Overlay()
    writer.open(tmp_path, {info.stream: info}, ())
    for index in range(begin, begin + 3):
        made = scenes.scene(index=index, pts=index)
        made = replace(made, time_base=info.time_base)
        writer.write(made, scenes.frame_of(made))
    writer.close(complete=True)
    assert info_of(tmp_path / "overlay.mp4").timecode == expected
    if shutil.which("ffprobe"):
        entries = "stream=codec_tag_string:stream_tags=timecode"
        asked = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0"]
        done = subprocess.run(
            [*asked, str(tmp_path / "overlay.mp4")], capture_output=True, check=True, text=True
        )
        lines = [f"avc1,{expected}", f"tmcd,{expected}"] if expected else ["avc1"]
        assert done.stdout.split() == lines


def test_the_timecode_of_a_part_by_the_command_line(tmp_path: Path) -> None:
    """The track of timecodes begins at 0, the picture later: there it must say what is shown."""
    clip = media.clip(timecode="10:00:00:20", frames=40)
    done = command(
        "segment", str(clip), "--text", "thing", "--model", "blind", "-o", str(tmp_path / "out"),
        "--write", "overlay", "--start", "10:00:01:02",
    )  # fmt: skip
    assert done.code == 0, done.lines
    overlay = tmp_path / "out" / "overlay.mp4"
    info, first = info_of(overlay), frames_of(overlay)[0]
    assert media.read_index(first.image) == 7
    passed = round(first.seconds * 25)
    assert timecode_of(passed, info.timecode, Fraction(25)) == "10:00:01:02"


def test_the_timecode_where_the_source_begins_late(tmp_path: Path) -> None:
    info = info_with({"time_base": Fraction(1, 25), "frame_rate": Fraction(25), "start_pts": 10})
    info = replace(info, timecode="10:00:01:00")
    path = overlay_of([grey(info)] * 3, tmp_path, info, (10, 11, 12))
    assert frames_of(path)[0].seconds == Fraction(10, 25)
    assert info_of(path).timecode == "10:00:00:15"
