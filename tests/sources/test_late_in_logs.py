"""What lies late in a log: it comes out as from the beginning, and what is before is not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from tests.support import media, robot_logs
from tests.support.robot_logs import LATENCY, START, STEP, Written
from videoseg.formats.robotics import mcap_records
from videoseg.formats.robotics.mcap_chunks import chunk_records
from videoseg.formats.robotics.mcap_reader import McapReader
from videoseg.sources._logs.log import Log
from videoseg.sources.mcap import McapSource
from videoseg.types import Frame

for package in ("mcap", "foxglove_schemas_protobuf"):
    pytest.importorskip(package)

WIDTH, HEIGHT, COUNT = 96, 64, 120
CODED, VIDEO = "foxglove.CompressedImage", "foxglove.CompressedVideo"
IMAGES = robot_logs.squares(COUNT, WIDTH, HEIGHT)
PNGS = [robot_logs.png(image) for image in IMAGES]
UNITS = robot_logs.access_units(IMAGES, every=30)
STAMPS = robot_logs.stamps(COUNT)


def written(stamps: Sequence[int]) -> Iterator[Written]:
    """Pictures and video in turn."""
    for index, stamp in enumerate(stamps):
        logged = STAMPS[index] + LATENCY
        yield Written("/cam", stamp, logged, robot_logs.compressed(stamp, PNGS[index]))
        yield Written("/video", stamp, logged, robot_logs.video(stamp, UNITS[index]))


def log(path: Path, stamps: Sequence[int] = STAMPS, **options: Any) -> Path:
    """Chunks of a few pictures each."""
    schemas = {"/cam": CODED, "/video": VIDEO}
    return robot_logs.mcap_file(path, schemas, written(stamps), chunk_size=4000, **options)


class Counted:
    """Counts chunks that are unpacked and bytes that are read."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.chunks = self.bytes = 0
        unpacked, opened = chunk_records, McapReader._opened

        def one_more(*arguments: Any) -> Any:
            self.chunks += 1
            return unpacked(*arguments)

        def counting(log: McapReader) -> Any:
            return _Counting(opened(log), self)

        patch.setattr(mcap_records, "chunk_records", one_more)
        patch.setattr(McapReader, "_opened", counting)


class _Counting:
    def __init__(self, file: BinaryIO, counted: Counted) -> None:
        self._file, self._counted = file, counted

    def __enter__(self) -> _Counting:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self._counted.bytes += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def opened(path: Path, **settings: Any) -> McapSource:
    source = McapSource(**settings)
    source.open(str(path))
    return source


def facts(frames: Sequence[Frame]) -> list[tuple[str, int, int, bytes]]:
    return [(each.stream, each.index, each.pts, each.image.tobytes()) for each in frames]


def late(source: McapSource, start: int, stop: int | None = None) -> None:
    """What a part holds is what the whole holds there."""
    whole = [each for each in source.frames() if start <= each.index < (stop or COUNT)]
    assert whole
    assert facts(list(source.frames(start, stop))) == facts(whole)


@pytest.mark.parametrize(("start", "stop"), [(90, 95), (75, None), (119, None), (61, 62)])
@pytest.mark.parametrize("topics", ["", "/cam", "/video"])
def test_a_part_is_the_same_as_in_the_whole(
    tmp_path: Path, topics: str, start: int, stop: int | None
) -> None:
    late(opened(log(tmp_path / "log.mcap"), topics=topics), start, stop)


@pytest.mark.parametrize(("topics", "most"), [("/cam", 12), ("/video", 22)])
def test_only_what_is_needed_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, topics: str, most: int
) -> None:
    path = log(tmp_path / "log.mcap")
    source = opened(path, topics=topics)
    counted = Counted(monkeypatch)
    assert [each.index for each in source.frames()] == [*range(COUNT)]
    whole, counted.chunks, size, counted.bytes = counted.chunks, 0, counted.bytes, 0
    assert [media.read_index(each.image) for each in source.frames(110, 112)] == [110, 111]
    assert whole >= 60
    assert 0 < counted.chunks <= most
    assert 0 < counted.bytes < size / 3


def test_video_begins_with_the_key_frame_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = opened(log(tmp_path / "log.mcap"), topics="/video")
    begun: list[int] = []
    messages = Log.messages

    def noted(log: Any, topics: Any, damage: Any, begin: Any = None, growth: Any = None) -> Any:
        begun.append(0 if begin is None else begin.before["/video"])
        return messages(log, topics, damage, begin, growth)

    monkeypatch.setattr(Log, "messages", noted)
    (frame,) = source.frames(119, 120)
    assert (frame.index, media.read_index(frame.image)) == (119, 119)
    assert 80 < begun[-1] <= 90, "keys are at 0, 30, 60 and 90"


@pytest.mark.parametrize("place", [0, 5, 14, 60, 61, 118, 119, 120])
def test_times_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int) -> None:
    source = opened(log(tmp_path / "log.mcap"))
    counted = Counted(monkeypatch)
    time = Fraction(START + place * STEP, 10**9)
    assert source.index_at(time) == place
    assert source.index_at(time - Fraction(1, 10**9)) == place
    assert counted.chunks < 60, "of about 60 in each of two lookups"


@pytest.mark.parametrize("place", [30, 100])
def test_where_the_clock_was_set_times_go_on_as_from_the_beginning(
    tmp_path: Path, place: int
) -> None:
    stamps = [stamp - 10**10 * (index >= place) for index, stamp in enumerate(STAMPS)]
    source = opened(log(tmp_path / "log.mcap", stamps))
    late(source, 90, 110)
    late(source, 110)
    whole = [each.pts for each in source.frames() if each.stream == "cam"]
    assert source.index_at(Fraction(whole[105], 10**9)) == 105


def test_messages_that_were_overtaken_stay_late(tmp_path: Path) -> None:
    stamps = list(STAMPS)
    for index in range(20, COUNT, 7):
        stamps[index] = stamps[index - 3]
    source = opened(log(tmp_path / "log.mcap", stamps))
    for start in range(80, 100):
        late(source, start, start + 3)


@pytest.mark.parametrize("missing", ["chunks", "statistics", "indexes"])
def test_where_the_index_does_not_say_enough_the_whole_is_read(
    tmp_path: Path, missing: str
) -> None:
    writer = pytest.importorskip("mcap.writer")
    options: dict[str, Any] = {
        "chunks": {"use_chunking": False},
        "statistics": {"use_statistics": False},
        "indexes": {"index_types": writer.IndexType.CHUNK},
    }[missing]
    source = opened(log(tmp_path / "log.mcap", **options))
    late(source, 100, 103)
    assert source.index_at(Fraction(STAMPS[100], 10**9)) == 100
