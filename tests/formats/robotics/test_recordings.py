"""Messages of logs as they were recorded, whatever the log is and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support import robot_logs
from tests.support.robot_logs import LATENCY, Storage, Written
from videoseg.errors import SourceError
from videoseg.formats.robotics import mcap_chunks
from videoseg.formats.robotics.bag_reader import bag_reader
from videoseg.formats.robotics.log_messages import Damage, every_channel
from videoseg.formats.robotics.mcap_reader import McapReader
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


@pytest.mark.parametrize("packing", ["LZ4", "ZSTD", "NONE"])
def test_large_chunks_are_unpacked_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    writing = pytest.importorskip("mcap.writer")
    path = robot_logs.squares_mcap(
        tmp_path / "run.mcap", COUNT, compression=writing.CompressionType[packing]
    )
    data = path.read_bytes()
    place = data.index(robot_logs.png(robot_logs.squares(1, 192, 128)[0])[:60] if packing == "NONE"
                       else packing.lower().encode()) + 50  # fmt: skip
    for sizes in ({}, {"_PIECE": 100}):
        monkeypatch.setattr(mcap_chunks, "AT_ONCE", 10)
        for name, size in sizes.items():
            monkeypatch.setattr(mcap_chunks, name, size)
        found = list(recorded(str(path)))
        assert [each.publish_time for each in found] == STAMPS
        assert [each.sequence for each in found] == list(range(COUNT))
        path.write_bytes(data[:place] + b"damaged" + data[place + 7 :])
        assert list(recorded(str(path))) == []
        path.write_bytes(data)


def test_a_large_chunk_that_ends_too_early_is_read_up_to_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = robot_logs.squares_mcap(tmp_path / "run.mcap", COUNT, enable_crcs=False)
    data = bytearray(path.read_bytes())
    size = data.index(b"\x04\x00\x00\x00zstd") - 12
    data[size : size + 8] = (int.from_bytes(data[size : size + 8], "little") - 9).to_bytes(
        8, "little"
    )
    path.write_bytes(data)
    monkeypatch.setattr(mcap_chunks, "AT_ONCE", 10)
    monkeypatch.setattr(mcap_chunks, "_PIECE", 100)
    damage = Damage()
    found = list(McapReader(path).messages(every_channel, damage))
    assert [each.publish_time for each in found] == STAMPS[: COUNT - 1]
    assert damage.counts == {"chunks that are damaged": 1}


@pytest.mark.parametrize("packing", [None, "LZ4", "BZ2"])
def test_a_bag_of_ros_1_without_an_index_is_read_as_far_as_it_goes(
    tmp_path: Path, packing: str | None
) -> None:
    options = {} if packing is None else {"compression": packing, "chunk": 1000}
    random = np.random.default_rng(0)
    images = [random.bytes(2000) for _ in range(COUNT)]
    written = [
        Written(topic, stamp, stamp + LATENCY, image)
        for stamp, image in zip(STAMPS, images, strict=True)
        for topic in ("/a", "/b")
    ]
    path = robot_logs.ros_bag(tmp_path / "drive.bag", written, "ros1", **options)
    whole = [(each.channel, each.log_time, bytes(each.data)) for each in recorded(str(path))]
    crashed = robot_logs.without_index(path)
    for share in (1, 0.9, 0.7, 0.5):
        path.write_bytes(crashed[: int(len(crashed) * share)])
        damage = Damage()
        reader = bag_reader(path)
        found = [
            (each.channel, each.log_time, bytes(each.data))
            for each in reader.messages(every_channel, damage)
        ]
        assert found == whole[: len(found)] != []
        assert sum(each.count or 0 for each in reader.channels()) == len(found)
        assert damage.truncated is not None
        assert damage.truncated.startswith("it has no index")
        assert (len(found) == len(whole)) == (share == 1)


def test_a_bag_of_ros_1_whose_index_is_damaged_is_read_without_it(tmp_path: Path) -> None:
    path = robot_logs.ros_bag(
        tmp_path / "a.bag", [Written("/a", t, t, b"picture") for t in STAMPS], "ros1"
    )
    data = path.read_bytes()
    end = len(robot_logs.without_index(path))
    path.write_bytes(data[:end] + b"\xff" * (len(data) - end))
    damage = Damage()
    found = bag_reader(path).messages(every_channel, damage)
    assert [each.log_time for each in found] == STAMPS
    assert damage.truncated is not None


def test_a_bag_of_ros_1_without_one_whole_message_is_refused(tmp_path: Path) -> None:
    path = robot_logs.ros_bag(tmp_path / "a.bag", [Written("/a", 1, 1, b"picture")], "ros1")
    path.write_bytes(robot_logs.without_index(path)[:4200])
    with pytest.raises(SourceError, match=r"a\.bag: is incomplete.*'rosbag reindex' may mend it"):
        bag_reader(path).channels()


def test_damaged_chunks_of_a_bag_without_an_index_are_passed_over(tmp_path: Path) -> None:
    images = [robot_logs.png(image) for image in robot_logs.squares(COUNT, 96, 64)]
    written = [Written("/a", t, t, image) for t, image in zip(STAMPS, images, strict=True)]
    path = robot_logs.ros_bag(
        tmp_path / "drive.bag", written, "ros1", compression="LZ4", chunk=1000
    )
    data = bytearray(robot_logs.without_index(path))
    middle = data.index(b"lz4", len(data) // 2)
    data[middle + 60 : middle + 90] = bytes(30)
    path.write_bytes(data)
    damage = Damage()
    found = list(bag_reader(path).messages(every_channel, damage))
    assert 0 < len(found) < COUNT
    assert damage.counts["chunks that are damaged"] == COUNT - len(found)
