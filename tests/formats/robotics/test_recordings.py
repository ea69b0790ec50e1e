"""Messages of logs as they were recorded, whatever the log is and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import robot_logs
from tests.support.robot_logs import LATENCY, Storage, Written
from videoseg.formats.robotics.recordings import channels_of, is_recording, recorded

COUNT = 6
STAMPS = robot_logs.stamps(COUNT)


def bag(path: Path, storage: Storage) -> Path:
    images = robot_logs.squares(COUNT, 96, 64)
    written = [
        Written(topic, stamp, stamp + LATENCY, robot_logs.png(image))
        for stamp, image in zip(STAMPS, images, strict=True)
        for topic in ("/a", "/b")
    ]
    return robot_logs.ros_bag(path, written, storage)


@pytest.mark.parametrize(
    ("storage", "name", "schema", "encodings"),
    [
        ("ros1", "drive.bag", "sensor_msgs/CompressedImage", ("ros1msg", "ros1")),
        ("sqlite3", "drive", "sensor_msgs/msg/CompressedImage", ("ros2msg", "cdr")),
        ("mcap", "drive", "sensor_msgs/msg/CompressedImage", ("ros2msg", "cdr")),
    ],
)
def test_bags(
    tmp_path: Path, storage: Storage, name: str, schema: str, encodings: tuple[str, str]
) -> None:
    path = str(bag(tmp_path / name, storage))
    assert is_recording(path)
    assert [each.topic for each in channels_of(path)] == ["/a", "/b"]
    found = list(recorded(path, {"/b"}))
    assert [each.log_time - LATENCY for each in found] == STAMPS
    (channel,) = {id(each.channel): each.channel for each in found}.values()
    assert (channel.topic, channel.schema) == ("/b", schema)
    assert (channel.schema_encoding, channel.encoding) == encodings
    assert b"std_msgs/" in channel.definition
    assert len(list(recorded(path))) == 2 * COUNT
    assert list(recorded(path, {"/c"})) == []


def test_a_file_of_mcap_whatever_its_name(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "run.log", COUNT)
    assert is_recording(str(path))
    assert [each.publish_time for each in recorded(str(path))] == STAMPS
    (channel,) = channels_of(str(path))
    assert channel.schema == "foxglove.CompressedImage"


def test_chunks_that_are_damaged_are_passed_over(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "run.mcap", COUNT, chunk_size=1)
    data = bytearray(path.read_bytes())
    middle = data.index(b"zstd", len(data) // 3)
    data[middle + 12 : middle + 40] = bytes(28)
    path.write_bytes(data)
    left = [each.publish_time for each in recorded(str(path))]
    assert len(left) == COUNT - 1
    assert set(left) < set(STAMPS)


def test_a_file_that_is_cut_off_is_read_up_to_there(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "run.mcap", COUNT, chunk_size=1)
    whole = path.read_bytes()
    for share in (0.9, 0.5, 0.2):
        path.write_bytes(whole[: int(len(whole) * share)])
        found = [each.publish_time for each in recorded(str(path))]
        assert found == STAMPS[: len(found)]
        assert len(channels_of(str(path))) == bool(found)


def test_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "a.mcap").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "b.bag").touch()
    for location in (tmp_path / "a.mcap", tmp_path / "b.bag", tmp_path, tmp_path / "gone.mcap"):
        assert not is_recording(str(location))
    assert not is_recording("rtsp://camera/stream")
    assert not is_recording("a\0b")
