"""Logs of robots, written by reference libraries: several topics at once, times, damage."""

from __future__ import annotations

import base64
import itertools
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import media, robot_logs
from tests.support.robot_logs import LATENCY, START, STEP, Written
from videoseg import registry
from videoseg.errors import MissingDependencyError, SourceError
from videoseg.sources.mcap import McapSource
from videoseg.sources.rosbag import RosbagSource
from videoseg.types import Frame

for package in ("mcap", "rosbags", "foxglove_schemas_protobuf"):
    pytest.importorskip(package)

WIDTH, HEIGHT, COUNT = 192, 128, 12
IMAGES = robot_logs.squares(COUNT, WIDTH, HEIGHT)
STAMPS = robot_logs.stamps(COUNT)
RAW, CODED, VIDEO = "foxglove.RawImage", "foxglove.CompressedImage", "foxglove.CompressedVideo"


def numbers(frames: Sequence[Frame]) -> list[int]:
    return [media.read_index(frame.image) for frame in frames]


def read(path: Path, **settings: Any) -> tuple[Any, list[Frame]]:
    source = registry.find("sources", registry.source_for(str(path))).make(**settings)
    source.open(str(path))
    return source, list(source.frames())


def one_topic(
    path: Path, stamps: Sequence[int], logged: Sequence[int] | None = None, **options: Any
) -> Path:
    """Pictures with these stamps."""
    times = logged or [stamp + LATENCY for stamp in stamps]
    written = [
        Written("/cam", stamp, time, robot_logs.compressed(stamp, robot_logs.png(image)))
        for stamp, time, image in zip(stamps, times, IMAGES, strict=False)
    ]
    return robot_logs.mcap_file(path, {"/cam": CODED}, written, **options)


def three_cameras(path: Path, **options: Any) -> Path:
    """A raw, a compressed and a video topic in turn, and one without pictures."""
    units = robot_logs.access_units(IMAGES)
    written = []
    for stamp, image, unit in zip(STAMPS, IMAGES, units, strict=True):
        written += [
            Written("/raw", stamp, stamp + LATENCY, robot_logs.raw(stamp, image)),
            Written("/joints", stamp, stamp + LATENCY, b"no picture"),
            Written(
                "/coded", stamp + 5, stamp + 2 * LATENCY,
                robot_logs.compressed(stamp + 5, robot_logs.png(image)),
            ),
            Written("/video", stamp + 9, stamp + 3 * LATENCY, robot_logs.video(stamp + 9, unit)),
        ]  # fmt: skip
    schemas = {"/video": VIDEO, "/raw": RAW, "/joints": "foxglove.JointStates", "/coded": CODED}
    return robot_logs.mcap_file(path, schemas, written, **options)


def test_each_topic_with_pictures_is_a_stream_in_the_order_of_the_log(tmp_path: Path) -> None:
    source, frames = read(three_cameras(tmp_path / "log.mcap"))
    assert [frame.stream for frame in frames] == ["raw", "coded", "video"] * COUNT
    for offset, stream in ((0, "raw"), (5, "coded"), (9, "video")):
        own = [frame for frame in frames if frame.stream == stream]
        assert [frame.index for frame in own] == numbers(own) == list(range(COUNT))
        assert [frame.pts for frame in own] == [stamp + offset for stamp in STAMPS]
    assert any("reads all 3 topics" in note for note in source.notes)
    assert source.dropped == 0


def test_frames_keep_what_the_message_said(tmp_path: Path) -> None:
    _, frames = read(three_cameras(tmp_path / "log.mcap"), topics=["/video"])
    said = frames[3].recorded
    assert said is not None
    assert (said.topic, said.frame_id, said.stamp) == ("/video", "camera", STAMPS[3] + 9)
    assert (said.log_time, said.publish_time) == (STAMPS[3] + 3 * LATENCY, STAMPS[3] + 9)


@pytest.mark.parametrize("start", [0, 3, 7])
def test_parts_are_the_same_as_the_whole(tmp_path: Path, start: int) -> None:
    path = three_cameras(tmp_path / "log.mcap", chunk_size=40_000)
    source, whole = read(path)
    part = list(source.frames(start, start + 3))
    expected = [frame for frame in whole if start <= frame.index < start + 3]
    assert [(f.stream, f.index, f.pts) for f in part] == [
        (f.stream, f.index, f.pts) for f in expected
    ]
    assert all((one.image == two.image).all() for one, two in zip(part, expected, strict=True))
    source.every = 2
    assert [f.index for f in source.frames(start) if f.stream == "video"] == list(
        range(start, COUNT, 2)
    )


def test_another_type_under_the_same_topic_takes_no_place(tmp_path: Path) -> None:
    writing = pytest.importorskip("mcap.writer")
    path = tmp_path / "log.mcap"
    with path.open("wb") as file:
        writer = writing.Writer(file)
        writer.start()
        pictures, notes = (
            writer.register_channel("/cam", kind, writer.register_schema(schema, kind, b""))
            for schema, kind in ((CODED, "protobuf"), ("foxglove.Log", "json"))
        )
        for stamp, image in zip(STAMPS, IMAGES, strict=True):
            data = robot_logs.compressed(stamp, robot_logs.png(image))
            writer.add_message(pictures, stamp, data, stamp)
            writer.add_message(notes, stamp, b"{}", stamp)
        writer.finish()
    source = McapSource()
    assert source.open(str(path))["cam"].frame_count == COUNT
    assert numbers(list(source.frames(0, COUNT))) == list(range(COUNT))
    assert source.dropped == 0


def test_topics_are_chosen_and_a_wrong_one_names_the_nearest(tmp_path: Path) -> None:
    path = three_cameras(tmp_path / "log.mcap")
    assert list(McapSource(topics=["/v*", "/raw"]).open(str(path))) == ["raw", "video"]
    with pytest.raises(SourceError, match=r"fits '/vidio'; did you mean /video") as caught:
        McapSource(topics=["/vidio"]).open(str(path))
    assert str(path) in str(caught.value)
    with pytest.raises(SourceError, match="no topic with pictures fits '/joints'; there are"):
        McapSource(topics=["/joints"]).open(str(path))


def test_a_log_without_pictures(tmp_path: Path) -> None:
    path = robot_logs.mcap_file(tmp_path / "a.mcap", {"/tf": "tf2_msgs/msg/TFMessage"}, [])
    with pytest.raises(SourceError, match="has no topic with pictures"):
        McapSource().open(str(path))


@pytest.mark.parametrize("storage", ["ros1", "sqlite3", "mcap"])
def test_bags(tmp_path: Path, storage: robot_logs.Storage) -> None:
    written = []
    for stamp, image in zip(STAMPS, IMAGES, strict=True):
        written += [
            Written("/a/raw", stamp, stamp + LATENCY, image),
            Written("/b/coded", stamp + 5, stamp + 2 * LATENCY, robot_logs.png(image)),
        ]
    path = robot_logs.ros_bag(
        tmp_path / ("log.bag" if storage == "ros1" else "log"), written, storage
    )
    assert registry.source_for(str(path)) == "rosbag"
    _, frames = read(path)
    assert [frame.stream for frame in frames] == ["a_raw", "b_coded"] * COUNT
    for offset, stream in ((0, "a_raw"), (5, "b_coded")):
        own = [frame for frame in frames if frame.stream == stream]
        assert numbers(own) == list(range(COUNT))
        assert [frame.pts for frame in own] == [stamp + offset for stamp in STAMPS]
    topics = RosbagSource().describe(str(path))
    assert [(each.name, each.count) for each in topics] == [("/a/raw", COUNT), ("/b/coded", COUNT)]
    if storage != "ros1":  # its file by itself, as after a crash
        (inside,) = (each for each in path.iterdir() if each.suffix != ".yaml")
        assert registry.source_for(str(inside)) == ("mcap" if storage == "mcap" else "rosbag")
        assert [frame.pts for frame in read(inside)[1]] == [frame.pts for frame in frames]


@pytest.mark.parametrize("name", ["run #3", "50%25?", "a b&c"])
def test_a_database_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    written = [Written("/cam", START, START, IMAGES[0])]
    path = robot_logs.ros_bag(tmp_path / "log", written, "sqlite3").rename(tmp_path / name)
    assert len(read(path)[1]) == 1
    (inside,) = path.glob("*.db3")
    assert len(read(inside)[1]) == 1


def test_json_and_ros1_in_mcap(tmp_path: Path) -> None:
    fields = {"width": WIDTH, "height": HEIGHT, "step": 3 * WIDTH, "encoding": "rgb8"}
    written = [
        Written(
            "/cam", stamp, stamp,
            robot_logs.as_json(stamp, data=base64.b64encode(image.tobytes()).decode(), **fields),
        )
        for stamp, image in zip(STAMPS, IMAGES, strict=True)
    ]  # fmt: skip
    path = robot_logs.mcap_file(tmp_path / "a.mcap", {"/cam": RAW}, written, encoding="json")
    assert numbers(read(path)[1]) == list(range(COUNT))


def test_rate_is_the_usual_one_in_spite_of_a_gap_that_is_told(tmp_path: Path) -> None:
    jitter = [0, 900_000, -700_000, 300_000] * 3
    stamps = [stamp + late for stamp, late in zip(STAMPS, jitter, strict=True)]
    stamps = stamps[:6] + [stamp + 10 * STEP for stamp in stamps[6:]]
    source = McapSource()
    (info,) = source.open(str(one_topic(tmp_path / "a.mcap", stamps))).values()
    assert info.frame_rate is not None
    assert float(info.frame_rate) == pytest.approx(25, rel=0.05)
    assert [frame.pts for frame in source.frames()] == stamps
    assert source.notes == ("cam: places where pictures are missing: 1 (about 10 in all)",)


def test_duplicates_and_messages_that_were_overtaken_are_left_out(tmp_path: Path) -> None:
    stamps = [STAMPS[each] for each in (0, 1, 1, 3, 2, 4)]
    source, frames = read(one_topic(tmp_path / "a.mcap", stamps))
    assert [frame.index for frame in frames] == [0, 1, 3, 5]
    assert [frame.pts for frame in frames] == [STAMPS[each] for each in (0, 1, 3, 4)]
    assert source.dropped == 2
    assert "2 with a stamp that is not later than the one before" in source.notes[0]


def test_where_the_clock_was_set_back_times_go_on_as_the_log_does(tmp_path: Path) -> None:
    again = [5 * 10**9 + index * STEP for index in range(4)]
    logged = [START + index * STEP for index in range(8)]
    source, frames = read(one_topic(tmp_path / "a.mcap", STAMPS[:4] + again, logged))
    assert [frame.pts for frame in frames] == STAMPS[:8]
    told = [note for note in source.notes if "places where the clock went back" in note]
    assert [note.rpartition(": ")[2] for note in told] == ["1"]
    assert [frame.pts for frame in source.frames(5)] == STAMPS[5:8]


def test_a_message_without_a_stamp_moves_no_later_time(tmp_path: Path) -> None:
    stamps = [*STAMPS[:4], 0, *STAMPS[5:]]
    path = one_topic(tmp_path / "log.mcap", stamps, [stamp + LATENCY for stamp in STAMPS])
    source, frames = read(path)
    assert [frame.pts for frame in frames] == STAMPS
    assert any("messages without a stamp" in note for note in source.notes)
    assert not any("missing" in note for note in source.notes)


def test_a_stamp_that_no_time_can_be_is_left_out(tmp_path: Path) -> None:
    stamps = [*STAMPS[:4], 2**63, *STAMPS[5:]]
    path = one_topic(tmp_path / "log.mcap", stamps, [stamp + LATENCY for stamp in STAMPS])
    source, frames = read(path)
    assert [frame.pts for frame in frames] == [*STAMPS[:4], *STAMPS[5:]]
    assert any("1 with a stamp that is no time" in note for note in source.notes)


@pytest.mark.parametrize("value", [0, START])
def test_stamps_that_are_all_the_same_give_way_to_the_times_of_the_log(
    tmp_path: Path, value: int
) -> None:
    source, frames = read(one_topic(tmp_path / "a.mcap", [value] * COUNT, STAMPS))
    assert [frame.pts for frame in frames] == STAMPS
    assert "has no stamps" in source.notes[0]


def test_times_of_the_log_and_of_sending(tmp_path: Path) -> None:
    path = one_topic(tmp_path / "a.mcap", STAMPS)
    logged = [stamp + LATENCY for stamp in STAMPS]
    assert [frame.pts for frame in read(path, stamp="log")[1]] == logged
    assert [frame.pts for frame in read(path, stamp="publish")[1]] == STAMPS
    same = one_topic(tmp_path / "b.mcap", STAMPS, [START] * COUNT)
    source, frames = read(same, stamp="log")
    assert [frame.pts for frame in frames] == [START + index for index in range(COUNT)]
    assert source.notes == (
        f"cam: times moved by 1 ns, to be later than the one before: {COUNT - 1}",
    )


def test_frames_are_found_by_time(tmp_path: Path) -> None:
    source = McapSource()
    (info,) = source.open(str(one_topic(tmp_path / "a.mcap", STAMPS))).values()
    for index in range(COUNT):
        assert source.index_at(STAMPS[index] * info.time_base) == index
        assert source.index_at((STAMPS[index] + 1) * info.time_base) == index + 1
    assert source.index_at(info.time_base) == 0


def test_what_cannot_be_shown_is_left_out_and_counted(tmp_path: Path) -> None:
    small = np.zeros((8, 8, 3), np.uint8)
    good = [robot_logs.raw(stamp, image) for stamp, image in zip(STAMPS, IMAGES, strict=True)]
    bad = [
        b"",
        robot_logs.raw(STAMPS[3], small),
        robot_logs.foxglove(
            "RawImage", STAMPS[5], b"abc", width=1, height=1, step=3, encoding="??"
        ),
        good[7][: len(good[7]) // 2],
    ]
    data = [good[0], bad[0], good[2], bad[1], good[4], bad[2], good[6], bad[3], *good[8:]]
    written = [
        Written("/cam", stamp, stamp, each) for stamp, each in zip(STAMPS, data, strict=True)
    ]
    source, frames = read(robot_logs.mcap_file(tmp_path / "a.mcap", {"/cam": RAW}, written))
    assert numbers(frames) == [frame.index for frame in frames] == [0, 2, 4, 6, 8, 9, 10, 11]
    assert source.dropped == 4
    (note,) = (note for note in source.notes if "left out" in note)
    for why in (
        "1 empty",
        "1 of another size than 192 x 128",
        "unknown encoding '??'",
        "1 cut off",
    ):
        assert why in note


def test_only_unknown_encodings_are_one_clear_line(tmp_path: Path) -> None:
    data = robot_logs.foxglove("RawImage", START, b"abc", width=1, height=1, step=3, encoding="x9")
    path = robot_logs.mcap_file(tmp_path / "a.mcap", {"/cam": RAW}, [Written("/cam", 1, 1, data)])
    with pytest.raises(SourceError, match=r"/cam has no picture .*: 1 in the unknown enc"):
        McapSource().open(str(path))
    flat = robot_logs.mcap_file(
        tmp_path / "b.mcap", {"/cam": RAW}, [Written("/cam", 1, 1, data)], encoding="flatbuffer"
    )
    with pytest.raises(SourceError, match="written in flatbuffer, which is not read"):
        McapSource().open(str(flat))


def test_video_that_begins_between_key_frames(tmp_path: Path) -> None:
    units = robot_logs.access_units(IMAGES)[2:]
    written = [
        Written("/video", stamp, stamp, robot_logs.video(stamp, unit))
        for stamp, unit in zip(STAMPS[2:], units, strict=True)
    ]
    source, frames = read(robot_logs.mcap_file(tmp_path / "a.mcap", {"/video": VIDEO}, written))
    assert numbers(frames) == list(range(5, COUNT))
    assert source.notes == ("video: messages left out: 3 (3 before the first key frame)",)


@pytest.mark.parametrize("packing", ["LZ4", "ZSTD", "NONE"])
@pytest.mark.parametrize("chunk_size", [2000, 1 << 20])
def test_packed_chunks(tmp_path: Path, packing: str, chunk_size: int) -> None:
    writing = pytest.importorskip("mcap.writer")
    path = robot_logs.squares_mcap(
        tmp_path / "a.mcap", compression=writing.CompressionType[packing], chunk_size=chunk_size
    )
    assert numbers(read(path)[1]) == list(range(COUNT))


UNINDEXED: dict[str, dict[str, Any]] = {
    "no chunks": {"use_chunking": False},
    "no statistics": {"use_statistics": False},
    "no index": {"index_types": 0},
    "no summary": {
        "use_statistics": False, "use_summary_offsets": False, "index_types": 0,
        "repeat_channels": False, "repeat_schemas": False,
    },
}  # fmt: skip


@pytest.mark.parametrize("missing", UNINDEXED)
def test_files_without_an_index(tmp_path: Path, missing: str) -> None:
    options = dict(UNINDEXED[missing])
    if "index_types" in options:
        options["index_types"] = pytest.importorskip("mcap.writer").IndexType(0)
    path = robot_logs.squares_mcap(tmp_path / "a.mcap", **options)
    source, frames = read(path)
    assert numbers(frames) == list(range(COUNT))
    assert source.notes == ()


def test_a_log_whose_recorder_crashed_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "a.mcap", chunk_size=2000)
    whole = path.read_bytes()
    lengths: set[int] = set()
    for size in range(200, len(whole), len(whole) // 12):
        path.write_bytes(whole[:size])
        try:
            source, frames = read(path)
        except SourceError:  # not even the first picture is whole
            assert not lengths
            continue
        assert numbers(frames) == list(range(len(frames)))
        lengths.add(len(frames))
        if len(frames) < COUNT:
            assert any("the log is incomplete: it breaks off" in note for note in source.notes)
    assert len(lengths) > 5
    path.write_bytes(whole[:200])
    with pytest.raises(
        SourceError, match=r"is incomplete: it breaks off after .* before the first"
    ):
        read(path)


def test_a_bag_of_ros_1_whose_recorder_crashed_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    written = [
        Written("/cam", t, t, robot_logs.png(i)) for t, i in zip(STAMPS, IMAGES, strict=True)
    ]
    path = robot_logs.ros_bag(tmp_path / "log.bag", written, "ros1")
    whole = robot_logs.without_index(path)
    path = path.rename(tmp_path / "log.bag.active")
    for share, end in ((1, "as where a recorder crashed"), (0.7, "breaks off after")):
        path.write_bytes(whole[: int(share * len(whole))])
        assert registry.source_for(str(path)) == "rosbag"
        source, frames = read(path)
        assert numbers(frames) == list(range(len(frames)))
        assert (len(frames) == COUNT) == (share == 1)
        (note,) = source.notes
        assert note.startswith("the log is incomplete: it has no index")
        assert end in note
        (topic,) = source.describe(str(path))
        assert topic.count == len(frames)
    with pytest.raises(SourceError, match=r"log\.bag\.active: is incomplete: it has no index"):
        read(path, on_truncation="fail")


def test_a_damaged_chunk_is_passed_and_counted(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "a.mcap", chunk_size=2000)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    source, frames = read(path)
    found = numbers(frames)
    assert len(found) == COUNT - 1
    assert found == sorted(found)
    assert "chunks that are damaged and were left out: 1" in source.notes
    assert "camera_image: places where pictures are missing: 1 (about 1 in all)" in source.notes


def test_a_chunk_that_claims_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "a.mcap", chunk_size=2000)
    data = bytearray(path.read_bytes())
    chunk = data.index(b"\x04\x00\x00\x00zstd") - 12
    data[chunk : chunk + 8] = (1 << 40).to_bytes(8, "little")
    path.write_bytes(data)
    tracemalloc.start()
    try:
        _, frames = read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(frames) == COUNT - 1
    assert peak < 64 << 20


def test_what_is_no_log_says_so(tmp_path: Path) -> None:
    for name, data in (
        ("a.mcap", b""),
        ("b.mcap", b"RIFF" * 9),
        ("c.bag", b"#ROSBAG V2.0\n"),
        ("d.db3", b"SQLite"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(SourceError) as caught:
            read(path)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    folder = tmp_path / "bag"
    folder.mkdir()
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information: {}\n")
    with pytest.raises(SourceError, match="damaged or incomplete as a bag"):
        read(folder)


@pytest.mark.parametrize(
    ("package", "storage"),
    [("mcap.reader", None), ("rosbags.rosbag1", "ros1"), ("rosbags.rosbag2", "sqlite3")],
)
def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, storage: robot_logs.Storage
) -> None:
    path = tmp_path / ("log.bag" if storage == "ros1" else "log")
    if storage is None:
        robot_logs.squares_mcap(path, 2)
    else:
        robot_logs.ros_bag(path, [Written("/cam", START, START, IMAGES[0])], storage)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'videoseg\[robotics\]'"):
        read(path)


def test_locations_find_their_source(tmp_path: Path) -> None:
    path = robot_logs.squares_mcap(tmp_path / "log.mcap", 2)
    assert registry.source_for(str(path)) == "mcap"
    assert registry.source_for(str(path.rename(tmp_path / "log"))) == "mcap"
    other = tmp_path / "metadata.yaml"
    other.write_text("title: a folder of pictures\n")
    assert registry.source_for(str(tmp_path)) == "images"
    assert registry.source_for("rtsp://camera/a.mcap") == "video"


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        written = (
            Written("/cam", START + index * STEP, START + index * STEP, data)
            for index in range(count)
        )
        path = robot_logs.mcap_file(tmp_path / f"{count}.mcap", {"/cam": CODED}, written)
        source = McapSource()
        source.open(str(path))
        tracemalloc.start()
        try:
            assert sum(1 for _ in itertools.islice(source.frames(), 1)) == 1
            tracemalloc.reset_peak()
            for _ in source.frames():
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    data = robot_logs.compressed(START, robot_logs.png(IMAGES[0]))
    assert peak(4000) < 1.5 * peak(1000) + (1 << 20)
