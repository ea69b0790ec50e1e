"""Pictures are shown when the source shows them, with its timecode and its sound."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from tests.support import films, mattes, media, scenes
from tests.support.commandline import command
from tests.support.films import WRITERS
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, Scene, StreamInfo

MATROSKA = ("ffv1", "vp9-alpha")


def squared(frame: Frame) -> Scene:
    """A matte that shows the index of the frame, as the picture does."""
    mask = scenes.rectangle(0, 0, frame.width, frame.height, width=frame.width, height=frame.height)
    return films.scene_of(frame, scenes.tracked(mask))


def info_of(path: Path) -> StreamInfo:
    source = VideoSource()
    (info,) = source.open(str(path)).values()
    source.close()
    return info


@pytest.mark.parametrize(
    "spec",
    [
        {"rate": Fraction(25)},
        {"rate": Fraction(30000, 1001)},
        {"pts": (0, 40, 45, 200, 1200, 1240, 1241), "name": "clip.mkv"},
        {"pts": (700, 740, 800, 811)},
        {"pts": (90123, 93000, 99001), "time_base": Fraction(1, 90000)},
    ],
    ids=["25", "ntsc", "variable", "late start", "fine"],
)
@pytest.mark.parametrize("name", WRITERS)
def test_every_frame_stands_at_its_time(name: str, spec: dict[str, Any], tmp_path: Path) -> None:
    _, frames, (path,) = films.cut(tmp_path, media.clip(**spec), films.writer(name), squared)
    shown = films.read(path)
    begin = frames[0].seconds
    assert len(shown) == len(frames)
    for picture, frame in zip(shown, frames, strict=True):
        off = abs(picture.seconds - (frame.seconds - begin))
        assert off <= (Fraction(1, 2000) if name in MATROSKA else 0)
        assert media.read_index(picture.frame.to_ndarray(format="rgb24")) == frame.index


@pytest.mark.parametrize("content", ["cutout", "matte"])
@pytest.mark.parametrize("name", WRITERS)
def test_every_matte_is_that_of_its_frame(name: str, content: str, tmp_path: Path) -> None:
    def square(frame: Frame) -> Scene:
        box = media.square_box(frame.index, frame.width, frame.height)
        mask = scenes.rectangle(*box, width=frame.width, height=frame.height)
        return films.scene_of(frame, scenes.tracked(mask))

    writer = films.writer(name, content=content)
    _, frames, (path,) = films.cut(tmp_path, media.clip(frames=12), writer, square)
    for picture, frame in zip(films.read(path), frames, strict=True):
        found = (picture.alpha() if content == "cutout" else picture.grey()) > 127
        left, _, right, _ = media.square_box(frame.index, frame.width, frame.height)
        columns = np.flatnonzero(found.any(axis=0))
        assert (columns[0], columns[-1] + 1) == (left, right)


@pytest.mark.parametrize("name", WRITERS)
def test_the_last_picture_is_shown_as_long_as_in_the_source(name: str, tmp_path: Path) -> None:
    made = [scenes.scene(index=0, pts=0), scenes.scene(index=1, pts=24, duration=300)]
    (path,) = mattes.write(films.writer(name), tmp_path, made)
    with av.open(str(tmp_path / path)) as film:
        assert film.duration is not None
        assert abs(Fraction(film.duration, 1_000_000) - Fraction(324, 600)) < Fraction(1, 1000)


@pytest.mark.parametrize(
    ("rate", "start", "begin", "expected"),
    [
        (Fraction(25), "10:00:00:00", 0, "10:00:00:00"),
        (Fraction(24000, 1001), "01:00:00:20", 0, "01:00:00:20"),
        (Fraction(24000, 1001), "01:00:00:20", 5, "01:00:01:01"),
        (Fraction(30000, 1001), "01:00:59;28", 0, "01:00:59;28"),
        (Fraction(30000, 1001), "01:00:59;28", 4, "01:01:00;04"),
        (Fraction(30000, 1001), "01:09:59;28", 4, "01:10:00;02"),
        (Fraction(25), "ten o'clock", 0, None),
    ],
)
@pytest.mark.parametrize("name", WRITERS)
def test_the_timecode_goes_along(
    name: str, rate: Fraction, start: str, begin: int, expected: str | None, tmp_path: Path
) -> None:
    info = replace(scenes.stream(), time_base=1 / rate, frame_rate=rate, timecode=start)
    made = [
        replace(scenes.scene(index=n, pts=n, duration=1), time_base=info.time_base)
        for n in range(begin, begin + 3)
    ]
    (path,) = mattes.write(films.writer(name), tmp_path, made, info)
    with av.open(str(tmp_path / path)) as film:
        found = {key.lower(): value for key, value in film.streams.video[0].metadata.items()}
        tracks = [stream.type for stream in film.streams]
    own_track = expected is not None and name not in MATROSKA
    assert tracks == (["video", "data"] if own_track else ["video"])
    assert found.get("timecode") == expected
    assert info_of(tmp_path / path).timecode == expected


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="there is no ffprobe")
def test_the_track_of_timecodes_begins_with_the_picture(tmp_path: Path) -> None:
    clip = media.clip(timecode="10:00:00:20", frames=40)
    done = command(
        "segment", str(clip), "--text", "thing", "--model", "blind", "-o", str(tmp_path / "out"),
        "--write", "prores4444", "--start", "10:00:01:02",
    )  # fmt: skip
    assert done.code == 0, done.lines
    entries = "stream=codec_tag_string,start_time:stream_tags=timecode"
    probed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "csv=p=0",
         str(tmp_path / "out" / "prores4444" / "clip_all.mov")],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    wanted = ["ap4h,0.000000,10:00:01:02", "tmcd,0.000000,10:00:01:02"]
    assert probed.stdout.split() == wanted


def sounds(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as film:
        return [
            (packet.pts * packet.time_base, bytes(packet))
            for packet in film.demux(audio=0)
            if packet.pts is not None and packet.size
        ]


@pytest.mark.parametrize("name", ["prores4444", "ffv1", "qtrle", "png-mov"])
def test_a_cutout_has_the_sound_of_the_source(name: str, tmp_path: Path) -> None:
    clip = media.clip(audio=True, frames=25)
    _, _, (path,) = films.cut(tmp_path, clip, films.writer(name), squared)
    given, found = sounds(clip), sounds(path)
    if name in MATROSKA:  # has no times before 0
        given = [packet for packet in given if packet[0] >= 0]
    assert [data for _, data in found] == [data for _, data in given]
    for (wanted, _), (time, _) in zip(given, found, strict=True):
        assert abs(wanted - time) <= (Fraction(1, 1000) if name in MATROSKA else 0)
    assert films.read(path)[0].seconds == 0


@pytest.mark.parametrize("name", ["prores4444", "ffv1"])
def test_a_part_has_the_sound_of_that_part(name: str, tmp_path: Path) -> None:
    clip = media.clip(audio=True, frames=25)
    _, frames, (path,) = films.cut(tmp_path, clip, films.writer(name), squared, start=10)
    begin = frames[0].seconds
    wanted = [(time - begin, data) for time, data in sounds(clip) if time >= begin]
    found = sounds(path)
    assert [data for _, data in found] == [data for _, data in wanted]
    assert abs(found[0][0] - wanted[0][0]) <= Fraction(1, 1000)


def test_webm_takes_no_aac_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip = media.clip(audio=True)
    _, _, (path,) = films.cut(tmp_path, clip, films.writer("vp9-alpha"), squared)
    with av.open(str(path)) as film:
        assert not film.streams.audio
    (note,) = [record.getMessage() for record in caplog.records]
    assert note == f"the sound of {clip} (aac) fits into no WebM; the cut-out is without it"


@pytest.mark.parametrize(
    "settings", [{"content": "matte"}, {"objects": "each"}, {"sound": False}], ids=str
)
def test_other_films_are_silent(settings: dict[str, Any], tmp_path: Path) -> None:
    writer = films.writer("prores4444", **settings)
    _, _, (path,) = films.cut(tmp_path, media.clip(audio=True), writer, squared)
    with av.open(str(path)) as film:
        assert not film.streams.audio
