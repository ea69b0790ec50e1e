"""Sequences keep the names of their pictures, and get times from stamps and lists."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import pytest

from tests.support import media
from tests.support.commandline import command
from videoseg.errors import SourceError
from videoseg.sources.images import ImageSource
from videoseg.types import Scene
from videoseg.writers.overlay import Overlay

START = 1403636579763555584
"""Nanoseconds since 1970."""
GAPS = (0, 50_000_000, 99_999_993, 150_000_001, 200_000_000)


def pictures(folder: Path, names: Sequence[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), media.moving_square(index, 96, 64)[..., ::-1])
    return folder


def times(location: Path | str, **settings: Any) -> tuple[list[Fraction], tuple[str, ...]]:
    """When pictures are shown; their order is checked, and what ``open`` says."""
    source = ImageSource(**settings)
    (info,) = source.open(str(location)).values()
    frames = list(source.frames())
    assert [media.read_index(frame.image) for frame in frames] == [*range(len(frames))]
    assert frames[0].pts == info.start_pts
    assert {type(frame.pts) for frame in frames} == {int}
    for frame, after in itertools.pairwise(frames):
        assert frame.duration == after.pts - frame.pts
    assert frames[-1].duration is not None
    assert frames[-1].duration > 0
    assert source.index_at(frames[2].seconds) == 2
    assert source.index_at(frames[2].seconds + Fraction(1, 10**9)) == 3
    return [frame.seconds for frame in frames], source.notes


NANOSECONDS = [Fraction(START + gap, 10**9) for gap in GAPS]
STAMPED: dict[str, tuple[list[str], list[Fraction]]] = {
    "nanoseconds": ([f"{START + gap}.png" for gap in GAPS], NANOSECONDS),
    "nanoseconds behind a word": ([f"cam0_{START + gap}.png" for gap in GAPS], NANOSECONDS),
    "microseconds": (
        [f"{(START + gap) // 1000}.jpg" for gap in GAPS],
        [Fraction((START + gap) // 1000, 10**6) for gap in GAPS],
    ),
    "milliseconds": (
        [f"{(START + gap) // 10**6}.jpg" for gap in GAPS],
        [Fraction((START + gap) // 10**6, 1000) for gap in GAPS],
    ),
    "seconds with decimals": (
        [f"1305031102.{175304 + 33_000 * n:06d}.png" for n in range(5)],
        [Fraction(1305031102175304 + 33_000 * n, 10**6) for n in range(5)],
    ),
}


@pytest.mark.parametrize("name", STAMPED)
def test_stamps_in_names_are_times(tmp_path: Path, name: str) -> None:
    names, expected = STAMPED[name]
    found, (note,) = times(pictures(tmp_path, names))
    assert found == expected
    assert note.startswith("times come from the pictures' names: about ")
    assert note.endswith(" images a second")
    assert times(tmp_path, times="none") == ([Fraction(n, 25) for n in range(5)], ())


def test_stamps_of_a_pattern_are_no_gaps(tmp_path: Path) -> None:
    pictures(tmp_path, STAMPED["nanoseconds"][0])
    for gaps in ("fail", "repeat"):
        assert times(tmp_path / "%d.png", gaps=gaps)[0] == NANOSECONDS


@pytest.mark.parametrize(
    "names",
    [
        [f"{n}.png" for n in range(5)],
        [f"IMG_2024{n:04d}_123456.png" for n in range(5)],
        [f"202405011230{n:02d}.png" for n in range(5)],  # a date
        [f"2024050112304{n:03d}.png" for n in range(5)],  # a date with milliseconds
        [f"v2.{1001 + n}.png" for n in range(5)],
        [*(f"{START + n}.png" for n in range(4)), "thumb.png"],
    ],
)
def test_other_numbers_are_no_times(tmp_path: Path, names: list[str]) -> None:
    assert times(pictures(tmp_path, names)) == ([Fraction(n, 25) for n in range(5)], ())


def test_names_are_taken_for_times_where_that_is_asked(tmp_path: Path) -> None:
    names = ["0.5.png", "1.png", "1.25.png", "1.3.png", "7.png"]
    found, _ = times(pictures(tmp_path, names), times="names")
    assert found == [Fraction(1, 2), 1, Fraction(5, 4), Fraction(13, 10), 7]
    pictures(tmp_path, ["z.png"])
    with pytest.raises(SourceError, match="not every name ends with a time"):
        times(tmp_path, times="names")


PLAIN = [f"{n:06d}.png" for n in range(4)]
KITTI = "2011-09-26 13:02:{}\n"
SECONDS = [Fraction(1, 10), Fraction(1, 4), Fraction(3, 10), Fraction(2)]
LISTED: dict[str, tuple[str, str, list[str], list[Fraction]]] = {
    "a heading, names and times": (
        "timestamps.csv",
        "\ufeffname,time\r\n"
        + "".join(f"{n},{s}\r\n" for n, s in zip(PLAIN, (0.1, 0.25, 0.3, 2), strict=True)),
        PLAIN,
        SECONDS,
    ),
    "times and names": (
        "timestamps.txt",
        "".join(f"{s}  img/{n}\n" for n, s in zip(PLAIN, (0.1, 0.25, 0.3, 2), strict=True)),
        PLAIN,
        SECONDS,
    ),
    "KITTI odometry": ("times.txt", "1.000000e-01\n2.5e-01\n3.0e-01\n2.0e+00\n", PLAIN, SECONDS),
    "KITTI raw": (
        "timestamps.txt",
        "".join(KITTI.format(s) for s in ("25.964389445", "26.0", "59.999999999", "59.9999999991")),
        PLAIN,
        [],
    ),
    "EuRoC": (
        "data.csv",
        "#timestamp [ns],filename\n"
        + "".join(f"{START + gap},{START + gap}.png\n" for gap in GAPS),
        [f"{START + gap}.png" for gap in GAPS],
        NANOSECONDS,
    ),
    "EuRoC, from zero": (
        "data.csv",
        "#timestamp [ns],filename\n" + "".join(f"{n * 50_000_000},{n:06d}.png\n" for n in range(4)),
        PLAIN,
        [Fraction(n, 20) for n in range(4)],
    ),
    "TUM": (
        "rgb.txt",
        "# color images\n# file: 'a.bag'\n# timestamp filename\n"
        + "".join(f"1305031102.{175304 + n} rgb/{n:06d}.png\n" for n in range(4)),
        PLAIN,
        [Fraction(1305031102175304 + n, 10**6) for n in range(4)],
    ),
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("name", [name for name in LISTED if LISTED[name][3]])
def test_lists_of_recordings(tmp_path: Path, name: str, beside: bool) -> None:
    file, text, names, expected = LISTED[name]
    folder = pictures(tmp_path / "image_02" / "data", names)
    listed = (folder.parent if beside else folder) / file
    listed.write_text(text, encoding="utf-8", newline="")
    found, (note,) = times(folder)
    assert found == expected
    source = ImageSource()
    source.open(str(folder))
    by_name = name.startswith("EuRoC") and "zero" not in name
    assert source.beside == ((listed,) if beside and not by_name else ())
    if not by_name:
        assert note.startswith(f"times come from {listed}: about ")
    listed.rename(tmp_path / "mine.list")
    assert times(folder, times=str(tmp_path / "mine.list"))[0] == expected


def test_dates_are_exact(tmp_path: Path) -> None:
    _, text, names, _ = LISTED["KITTI raw"]
    folder = pictures(tmp_path, names)
    (folder / "timestamps.txt").write_text(text.replace("59.9999999991", "59.999999999"))
    with pytest.raises(SourceError, match=r"the time of 000003\.png is not after that of 000002"):
        times(folder)
    (folder / "timestamps.txt").write_text(text.replace("13:02:59.9999999991", "13:03:00.0"))
    found, _ = times(folder)
    start = 1317042145  # date -u -d "2011-09-26 13:02:25" +%s
    assert found == [
        start + Fraction("0.964389445"),
        start + 1,
        start + Fraction("34.999999999"),
        start + 35,
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1\n2\n2\n3\n", r"the time of 000002\.png is not after that of 000001\.png"),
        ("4\n3\n2\n1\n", r"the time of 000001\.png is not after that of 000000\.png"),
        ("1\n2\nno time\n3\n", r"line 3: 'no time' holds no time"),
        ("000000.png,1\n000000.png,2\n", r"gives 000000\.png two times"),
        ("1\n2\n3\n1e999999999\n", r"line 4: '1e999999999' holds no time"),
        ("0\n1e-18\n1\n9e18\n", "more than 64 bits"),
    ],
)
def test_times_that_are_none(tmp_path: Path, text: str, says: str) -> None:
    folder = pictures(tmp_path, PLAIN)
    (folder / "times.txt").write_text(text)
    with pytest.raises(SourceError, match=says) as caught:
        times(folder)
    assert "\n" not in str(caught.value)
    assert "times.txt" in str(caught.value)
    assert times(folder, times="none")[1] == ()


def test_a_list_of_other_pictures_is_left_alone(tmp_path: Path) -> None:
    folder = pictures(tmp_path, PLAIN)
    for text, says in (
        ("1\n2\n3\n", "holds 3 times for 4 pictures; it is not used"),
        ("a.png,1\n000000.png,2\n", "gives no time for 000001.png (3 missing); it is not used"),
    ):
        (folder / "times.txt").write_text(text)
        found, (note,) = times(folder)
        assert found == [Fraction(n, 25) for n in range(4)]
        assert note == f"{folder / 'times.txt'}: {says}"
        with pytest.raises(SourceError, match=r"times\.txt"):
            times(folder, times="times.txt")
    with pytest.raises(SourceError, match=r"none\.txt: no such file; times is auto"):
        times(folder, times="none.txt")


def test_frames_know_their_file(tmp_path: Path) -> None:
    pictures(tmp_path, ["right.png", "left.png", "shot10.png", "shot2.png"])
    source = ImageSource()
    source.open(str(tmp_path))
    named = [frame.name for frame in source.frames(1)]
    assert named == ["right.png", "shot2.png", "shot10.png"]
    source = ImageSource(gaps="repeat")
    source.open(str(tmp_path / "shot%d.png"))
    assert [frame.name for frame in source.frames()] == ["shot2.png"] * 8 + ["shot10.png"]


def test_a_run_is_not_taken_up_with_other_times(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "image_0", PLAIN)
    listed = tmp_path / "times.txt"
    listed.write_text("1\n2\n3\n4\n")
    out = str(tmp_path / "out")
    asked = ("segment", str(folder), "--box", "10,10,60,60", "--write", "svg", "-o", out)
    ran = command(*asked)
    assert ran.code == 0, ran.lines
    (note,) = ran.notes
    assert note == f"note: times come from {listed}: about 1 images a second"
    assert command(*asked, "--resume").code == 0
    listed.write_text("1\n2\n3\n5\n")
    ran = command(*asked, "--resume")
    assert ran.code != 0
    assert "the input is not the same" in ran.lines[-1]


def test_a_film_of_stamped_pictures_begins_at_zero(tmp_path: Path) -> None:
    """No player would wait for the year 2014; what lies between the pictures stays."""
    source = ImageSource()
    streams = source.open(str(pictures(tmp_path / "in", STAMPED["nanoseconds"][0])))
    for start, begins in ((0, 0), (2, 99_999_993)):
        writer = Overlay()
        writer.open(tmp_path, streams, ())
        for frame in source.frames(start):
            at = (frame.stream, frame.index, frame.pts, frame.time_base, frame.duration)
            writer.write(Scene(*at, name=frame.name), frame)
        writer.close(complete=True)
        with av.open(str(tmp_path / "overlay.mp4")) as film:
            shown = [frame.time for frame in film.decode(video=0)]
        expected = [gap / 10**9 for gap in GAPS if gap >= begins]
        assert shown == pytest.approx(expected, abs=1e-7)


def test_stamps_are_an_option_of_the_command_line(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "cam0", [f"{START + gap}.png" for gap in GAPS])
    listed = tmp_path / "mine.csv"
    listed.write_text("".join(f"{START + gap}.png,{n}\n" for n, gap in enumerate(GAPS)))
    for given, rate in (("names", "20/1"), ("none", "25/1"), (str(listed), "1/1")):
        ran = command("info", str(folder), "--stamps", given, "--json")
        assert ran.code == 0
        (stream,) = json.loads(ran.out).values()
        assert stream["frame_rate"] == rate
    refused = command("info", str(media.film()), "--stamps", "names")
    assert refused.code == 2
    assert "--stamps is for folders and patterns of pictures" in refused.lines[-1]
