"""Logs that a recorder still writes: frames come as it writes them, until it writes the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import media, robot_logs
from tests.support.robot_logs import Recorder, Written
from tests.support.waiting import until
from videoseg.errors import SourceError
from videoseg.sources.mcap import McapSource
from videoseg.types import Frame

for package in ("mcap", "foxglove_schemas_protobuf"):
    pytest.importorskip(package)


@contextmanager
def beside(work: Callable[[], None]) -> Iterator[None]:
    """Do something on a thread of its own."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def begun(path: Path, count: int = 1, **options: bool) -> Recorder:
    recorder = Recorder(path, **options)
    recorder.start()
    for index in range(count):
        recorder.add_square(index)
    return recorder


def opened(path: Path, **settings: object) -> McapSource:
    source = McapSource(follow=True, **settings)  # type: ignore[arg-type]
    source.open(str(path))
    return source


@pytest.mark.parametrize("chunked", [True, False])
def test_each_frame_comes_once_it_is_written(tmp_path: Path, chunked: bool) -> None:
    recorder = begun(tmp_path / "log.mcap", 2, chunked=chunked)
    source = opened(recorder.path)
    frames = source.frames()
    for index in range(9):
        if index >= 2:
            recorder.add_square(index)
        frame = next(frames)
        assert (frame.index, media.read_index(frame.image)) == (index, index)
        assert frame.pts == robot_logs.START + index * robot_logs.STEP
    recorder.finish()
    assert [*frames] == []
    assert not any("incomplete" in note for note in source.notes)
    assert source.dropped == 0


def test_a_record_that_is_half_written_is_waited_for(tmp_path: Path) -> None:
    whole = robot_logs.squares_mcap(tmp_path / "whole.mcap", 6, chunk_size=1).read_bytes()
    growing = Recorder(tmp_path / "log.mcap")

    def write() -> None:
        for place in range(0, len(whole), 997):
            growing.write(whole[place : place + 997])
            time.sleep(0.002)
        growing.crash()

    with beside(write):
        source = opened(growing.path)
        numbers = [media.read_index(frame.image) for frame in source.frames()]
    assert numbers == [*range(6)]


def test_a_log_without_its_first_picture_is_waited_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "log.mcap")
    opens: list[McapSource] = []
    with beside(lambda: opens.append(opened(recorder.path))):
        for step in (
            recorder.start,
            lambda: recorder.add(Written("/joints", 1, 1, b"no picture"), "foxglove.JointStates"),
            lambda: recorder.add_square(0),
        ):
            time.sleep(0.1)
            assert not opens
            step()
    recorder.add_square(1)
    recorder.finish()
    assert [frame.index for frame in opens[0].frames()] == [0, 1]


def test_it_ends_where_nothing_is_added_for_a_while(tmp_path: Path) -> None:
    recorder = begun(tmp_path / "log.mcap", 3)
    source, start = opened(recorder.path, idle=0.4), time.monotonic()
    assert [frame.index for frame in source.frames()] == [0, 1, 2]
    assert time.monotonic() - start >= 0.4
    assert any("nothing was added for 0.4 s, and it breaks off" in note for note in source.notes)
    recorder.crash()


def test_growth_counts_from_the_latest(tmp_path: Path) -> None:
    recorder = begun(tmp_path / "log.mcap", 1)
    source, got = opened(recorder.path, idle=1.0), []
    for frame in source.frames():
        got.append(frame.index)
        if frame.index < 4:
            time.sleep(0.4)
            recorder.add_square(frame.index + 1)
    assert got == [0, 1, 2, 3, 4]
    recorder.crash()


def test_nothing_at_all_is_an_error_once_it_is_idle(tmp_path: Path) -> None:
    (tmp_path / "log.mcap").touch()
    with pytest.raises(SourceError, match="is no MCAP file"):
        opened(tmp_path / "log.mcap", idle=0.1)
    with pytest.raises(SourceError, match="no such file"):
        opened(tmp_path / "other.mcap")


@pytest.mark.parametrize("end", ["stop", "close"])
def test_another_thread_may_stop_it(tmp_path: Path, end: str) -> None:
    recorder = begun(tmp_path / "log.mcap", 2)
    source, got = opened(recorder.path), list[Frame]()
    notes: list[str] = []

    def read() -> None:
        got.extend(source.frames())
        notes.extend(source.notes)

    reading = threading.Thread(target=read)
    reading.start()
    until(lambda: source._readers != () and source._readers[0].index == 2)
    getattr(source, end)()
    reading.join(30)
    assert not reading.is_alive()
    assert [frame.index for frame in got] == [0, 1]
    assert not any("incomplete" in note for note in notes)
    recorder.crash()


def test_a_finished_log_is_read_to_its_end(tmp_path: Path) -> None:
    source = opened(robot_logs.squares_mcap(tmp_path / "log.mcap", 5))
    assert [frame.index for frame in source.frames()] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in source.frames(3)] == [3, 4]


def part_of_bag(folder: Path, number: int, count: int) -> Recorder:
    """A file of a rosbag2 folder with some pictures; they go on counting from file to file."""
    recorder = Recorder(folder / f"{folder.name}_{number}.mcap")
    recorder.start()
    for index in range(number * 3, number * 3 + count):
        recorder.add_square(index)
    return recorder


def test_a_recording_that_goes_on_in_another_file_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    first = part_of_bag(folder, 0, 3)
    source = opened(first.path)
    frames = source.frames()
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]

    def write() -> None:
        first.finish()
        time.sleep(0.1)
        empty = folder / "bag_1.mcap"
        empty.touch()
        time.sleep(0.1)
        empty.unlink()
        part_of_bag(folder, 1, 3).finish()
        time.sleep(0.1)
        part_of_bag(folder, 2, 2).finish()
        (folder / "metadata.yaml").write_text("rosbag2_bagfile_information:\n")

    with beside(write):
        rest = [(frame.index, media.read_index(frame.image), frame.pts) for frame in frames]
    assert rest == [
        (index, index, robot_logs.START + index * robot_logs.STEP) for index in range(3, 8)
    ]
    assert not any("incomplete" in note for note in source.notes)


@pytest.mark.parametrize("end", ["idle", "stop", "metadata"])
def test_the_next_file_is_not_waited_for_for_ever(tmp_path: Path, end: str) -> None:
    folder = tmp_path / "bag"
    folder.mkdir()
    part_of_bag(folder, 0, 3).finish()
    source = opened(folder / "bag_0.mcap", idle=0.3 if end == "idle" else 0)
    frames = source.frames()
    assert [next(frames).index for _ in range(3)] == [0, 1, 2]
    if end == "metadata":
        (folder / "metadata.yaml").touch()
    timer = threading.Timer(0.2, source.stop)
    if end == "stop":
        timer.start()
    assert list(frames) == []
    assert not any("incomplete" in note for note in source.notes)


def test_a_log_that_is_no_part_of_a_bag_ends_with_its_file(tmp_path: Path) -> None:
    source = opened(robot_logs.squares_mcap(tmp_path / "take_0.mcap", 4))
    robot_logs.squares_mcap(tmp_path / "take_1.mcap", 4)
    assert [frame.index for frame in source.frames()] == [0, 1, 2, 3]
