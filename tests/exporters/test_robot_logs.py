"""What outputs for robots say, as the readers of others see it."""

from __future__ import annotations

import json
import logging
import tracemalloc
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.support import labels, recordings, scenes
from tests.support.labels import export
from videoseg.exporters.mcap import Mcap
from videoseg.formats.palette import colour_of
from videoseg.types import Recorded, Scene, StreamInfo

mcap_reader = pytest.importorskip("mcap.reader")
mcap_protobuf = pytest.importorskip("mcap_protobuf.decoder")
rosbags = pytest.importorskip("rosbags.highlevel")
typesys = pytest.importorskip("rosbags.typesys")

NS = 10**9


def raw_messages(path: Path) -> list[tuple[Any, Any, Any]]:
    """Schema, channel and message of each message, by log time."""
    with path.open("rb") as file:
        return list(mcap_reader.make_reader(file, validate_crcs=True).iter_messages())


def decoded(path: Path) -> dict[str, list[tuple[Any, Any]]]:
    """Messages of an MCAP by topic, each with what is in it."""
    found: dict[str, list[tuple[Any, Any]]] = {}
    factory = mcap_protobuf.DecoderFactory()
    for schema, channel, message in raw_messages(path):
        if channel.message_encoding == "json":
            content = json.loads(message.data)
        else:
            content = factory.decoder_for(channel.message_encoding, schema)(message.data)
        found.setdefault(channel.topic, []).append((message, content))
    return found


def notes_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open("rb") as file:
        found = mcap_reader.make_reader(file).iter_metadata()
        return {record.name: dict(record.metadata) for record in found}


def bag_messages(path: Path) -> dict[str, list[tuple[int, Any]]]:
    """Messages that rosbags reads, by topic, each with its time."""
    found: dict[str, list[tuple[int, Any]]] = {}
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
    with rosbags.AnyReader([path], default_typestore=store) as reader:
        for connection, time, data in reader.messages():
            content = reader.deserialize(data, connection.msgtype)
            found.setdefault(connection.topic, []).append((time, content))
    return found


def scenes_of(run: scenes.Run, topic: str) -> list[Scene]:
    return [scene for scene in run.made if scene.stream == recordings.STREAMS[topic]]


def time_of(stamp: Any) -> int:
    return int(stamp.sec * NS + stamp.nanosec)


def ids_of(scene: Scene) -> Any:
    """Track ids as pixels, worked out one object after the other."""
    ids = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.int64)
    for tracked in sorted(scene.instances, key=lambda each: each.instance.score):
        ids[tracked.instance.mask.to_array()] = tracked.track_id
    return ids


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return recordings.mcap_log(tmp_path / "run 1.mcap")


def test_each_picture_has_its_messages_with_its_own_times(log: Path, tmp_path: Path) -> None:
    before = log.read_bytes()
    out = export("mcap", recordings.run_over(log), tmp_path / "out", passthrough="all")
    assert log.read_bytes() == before
    found = decoded(out / "run_1.segmented.mcap")
    for topic, frame_id in recordings.CAMERAS.items():
        pictures = [
            (content.timestamp.ToNanoseconds(), message.log_time, message.publish_time)
            for message, content in found[topic]
        ]
        own = f"/videoseg/{recordings.STREAMS[topic]}"
        for kind in ("annotations", "mask", "tracks"):
            times = [(m.log_time, m.publish_time) for m, _ in found[f"{own}/{kind}"]]
            assert times == [picture[1:] for picture in pictures]
        stamps = [picture[0] for picture in pictures]
        masks = [content for _, content in found[f"{own}/mask"]]
        assert [mask.timestamp.ToNanoseconds() for mask in masks] == stamps
        assert {mask.frame_id for mask in masks} == {frame_id}
        drawn = [content for _, content in found[f"{own}/annotations"]]
        for content, stamp in zip(drawn, stamps, strict=True):
            parts = (content, *content.points, *content.texts)
            every = {each.timestamp.ToNanoseconds() for each in parts}
            assert every == {stamp}
        tracks = [content for _, content in found[f"{own}/tracks"]]
        assert [t["stamp"]["sec"] * NS + t["stamp"]["nsec"] for t in tracks] == stamps
        assert {(t["topic"], t["frame_id"]) for t in tracks} == {(topic, frame_id)}


def test_outlines_masks_and_tracks_are_those_of_the_run(log: Path, tmp_path: Path) -> None:
    run = recordings.run_over(log)
    found = decoded(export("mcap", run, tmp_path / "out") / "run_1.segmented.mcap")
    assert set(found) == {
        f"/videoseg/{name}/{kind}"
        for name in recordings.STREAMS.values()
        for kind in ("annotations", "mask", "tracks")
    }
    for topic, name in recordings.STREAMS.items():
        for scene, (_, drawn), (_, mask), (_, tracks) in zip(
            scenes_of(run, topic),
            found[f"/videoseg/{name}/annotations"],
            found[f"/videoseg/{name}/mask"],
            found[f"/videoseg/{name}/tracks"],
            strict=True,
        ):
            assert mask.encoding == "mono8"
            pixels = np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.step)
            assert (pixels == ids_of(scene)).all()
            assert tracks["frame"] == scene.index
            ids = [tracked.track_id for tracked in scene.instances]
            assert [each["track_id"] for each in tracks["tracks"]] == ids
            assert len(drawn.texts) == len(ids)
            for tracked, text in zip(scene.instances, drawn.texts, strict=True):
                score = tracked.instance.score
                assert text.text == f"{tracked.label} #{tracked.track_id} {score:.2f}"
                rings = rings_in_colour(drawn, tracked.track_id)
                mask_of = tracked.instance.mask.to_array()
                assert labels.iou(labels.filled(rings), mask_of) > 0.95


def rings_in_colour(drawn: Any, track_id: int) -> list[list[tuple[float, float]]]:
    """The rings of a track, all of them in its colour."""
    colour = np.array(colour_of(track_id)) / 255
    found = []
    for each in drawn.points:
        assert each.type == each.LINE_LOOP
        said = {note.key: note.value for note in each.metadata}
        if said["track_id"] == str(track_id):
            line = each.outline_color
            assert np.allclose((line.r, line.g, line.b), colour)
            found.append([(point.x, point.y) for point in each.points])
    return found


def test_tracks_are_as_their_schema_says(log: Path, tmp_path: Path) -> None:
    out = export("mcap", recordings.run_over(log), tmp_path / "out") / "run_1.segmented.mcap"
    checked = 0
    for schema, channel, message in raw_messages(out):
        if channel.message_encoding == "json":
            assert schema.encoding == "jsonschema"
            jsonschema.Draft202012Validator(json.loads(schema.data)).validate(
                json.loads(message.data)
            )
            checked += 1
    assert checked == 12


def test_what_made_the_run_stands_in_the_file(log: Path, tmp_path: Path) -> None:
    out = export("mcap", recordings.run_over(log), tmp_path / "out") / "run_1.segmented.mcap"
    found = notes_of(out)
    assert found["videoseg"]["model"] == "discs"
    assert json.loads(found["videoseg"]["prompts"])[1] == {"label": "ring", "text": "ring"}
    assert found["videoseg.classes"] == {"1": "disc", "2": "ring"}
    assert found["videoseg.tracks"] == {"1": "disc", "2": "ring", "3": "disc"}


@pytest.mark.parametrize("which", ["images", "all"])
def test_messages_of_the_input_are_copied_byte_for_byte(
    log: Path, tmp_path: Path, which: str
) -> None:
    run = recordings.run_over(log)
    out = export("mcap", run, tmp_path / "out", passthrough=which) / "run_1.segmented.mcap"

    def plain(path: Path) -> list[Any]:
        return [
            (
                (s.name, s.encoding, s.data) if s else None,
                (c.topic, c.message_encoding, c.metadata),
                (m.log_time, m.publish_time, m.sequence, m.data),
            )
            for s, c, m in raw_messages(path)
            if not c.topic.startswith("/videoseg/") and (which == "all" or c.topic in run_topics)
        ]

    run_topics = set(recordings.CAMERAS)
    assert plain(out) == plain(log)
    assert len(plain(out)) == {"images": 12, "all": 24}[which]


def test_messages_stand_in_the_file_in_the_order_of_their_times(log: Path, tmp_path: Path) -> None:
    run = recordings.run_over(log)
    out = export("mcap", run, tmp_path / "out", passthrough="all") / "run_1.segmented.mcap"
    with out.open("rb") as file:
        found = mcap_reader.make_reader(file).iter_messages(log_time_order=False)
        times = [message.log_time for _, _, message in found]
    assert times == sorted(times)


@pytest.mark.parametrize("kind", ["db3", "mcap", "ros2 in mcap"])
def test_rosbags_reads_detections_and_masks(log: Path, tmp_path: Path, kind: str) -> None:
    run = recordings.run_over(log)
    if kind == "ros2 in mcap":
        out = export("mcap", run, tmp_path / "out", types="ros2") / "run_1.segmented.mcap"
    else:
        storage = "sqlite3" if kind == "db3" else "mcap"
        out = export("rosbag2", run, tmp_path / "out", storage=storage) / "run_1.segmented"
    found = bag_messages(out)
    for topic, name in recordings.STREAMS.items():
        for scene, (time, boxes), (_, mask), (_, text) in zip(
            scenes_of(run, topic),
            found[f"/videoseg/{name}/detections"],
            found[f"/videoseg/{name}/mask"],
            found[f"/videoseg/{name}/tracks"],
            strict=True,
        ):
            assert time == scene.pts + recordings.LATE
            for header in (boxes.header, mask.header, *(d.header for d in boxes.detections)):
                assert time_of(header.stamp) == scene.pts
                assert header.frame_id == recordings.CAMERAS[topic]
            assert (mask.data.reshape(mask.height, mask.step) == ids_of(scene)).all()
            assert mask.encoding == "mono8"
            ids = [tracked.track_id for tracked in scene.instances]
            assert [each["track_id"] for each in json.loads(text.data)["tracks"]] == ids
            for tracked, one in zip(scene.instances, boxes.detections, strict=True):
                centre, (x1, y1, x2, y2) = one.bbox.center.position, tracked.instance.mask.box
                assert (centre.x - one.bbox.size_x / 2, centre.y + one.bbox.size_y / 2) == (x1, y2)
                assert (one.bbox.size_x, one.bbox.size_y) == (x2 - x1, y2 - y1)
                assert one.id == str(tracked.track_id)
                said = one.results[0].hypothesis
                assert (said.class_id, said.score) == (tracked.label, tracked.instance.score)


def test_a_bag_is_read_and_copied_as_a_log_is(tmp_path: Path) -> None:
    bag = recordings.bag_log(tmp_path / "drive")
    run = recordings.run_over(bag)
    out = export("mcap", run, tmp_path / "out", types="ros2", passthrough="images")
    before, after = bag_messages(bag), bag_messages(out / "drive.segmented.mcap")
    for topic in recordings.CAMERAS:
        times = [(time, time_of(image.header.stamp)) for time, image in before[topic]]
        assert [(time, time_of(image.header.stamp)) for time, image in after[topic]] == times
        boxes = after[f"/videoseg/{recordings.STREAMS[topic]}/detections"]
        assert [(time, time_of(each.header.stamp)) for time, each in boxes] == times


@pytest.mark.parametrize(
    ("first", "encoding", "sample"),
    [(200, "mono8", "u1"), (300, "mono16", "<u2"), (70_000, "32FC1", "<f4")],
)
@pytest.mark.parametrize("types", ["foxglove", "ros2"])
def test_masks_grow_with_the_ids(
    tmp_path: Path, first: int, encoding: str, sample: str, types: str
) -> None:
    scene = labels.crowd(20, first)
    out = export("mcap", labels.run_of([scene, scenes.scene(index=1)]), tmp_path, types=types)
    path = out / "clip.segmented.mcap"
    if types == "ros2":
        masks = [content for _, content in bag_messages(path)["/videoseg/clip/mask"]]
    else:
        masks = [content for _, content in decoded(path)["/videoseg/clip/mask"]]
    assert [mask.encoding for mask in masks] == [encoding, encoding]
    pixels = np.frombuffer(bytes(masks[0].data), sample).reshape(scenes.HEIGHT, scenes.WIDTH)
    assert (pixels == ids_of(scene)).all()
    assert not any(bytes(masks[1].data))


def test_a_video_has_its_own_times(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = [replace(scene, pts=scene.pts - 24) for scene in labels.mixed("9 a/b")]
    run = scenes.Run(scenes.streams(scenes.stream("9 a/b")), scenes.prompts(), made)
    out = export("mcap", run, tmp_path, passthrough="all")
    masks = decoded(out / "b.segmented.mcap")["/videoseg/_9_a_b/mask"]
    stamps = [round((24 * n - 24) * NS / 600) for n in (0, 1, 2, 4, 4.5, 6.5)]
    assert [content.timestamp.ToNanoseconds() for _, content in masks] == stamps
    assert [message.log_time for message, _ in masks] == [max(0, stamp) for stamp in stamps]
    assert "nothing to copy" in caplog.text


@pytest.mark.parametrize("stamp", [-1, 4_000_000_000 * NS, 2**63 - 1])
def test_stamps_that_no_clock_shows_are_kept(tmp_path: Path, stamp: int) -> None:
    said = Recorded("/a", "b\0\ud800", stamp, 0, 0)
    run = labels.run_of([replace(scenes.moving()[0], recorded=said)])
    ((_, mask),) = decoded(export("mcap", run, tmp_path / "a") / "clip.segmented.mcap")[
        "/videoseg/clip/mask"
    ]
    assert mask.timestamp.seconds * NS + mask.timestamp.nanos == stamp
    ((_, mask),) = bag_messages(export("rosbag2", run, tmp_path / "b") / "clip.segmented")[
        "/videoseg/clip/mask"
    ]
    assert mask.header.stamp.sec % 2**32 == stamp // NS % 2**32
    assert mask.header.stamp.nanosec == stamp % NS


def test_labels_that_are_hard_to_write_are_text(tmp_path: Path) -> None:
    hard = (labels.CLIMBING, scenes.HOSTILE)
    run = scenes.Run(scenes.streams(), scenes.prompts(*hard), scenes.moving(labels=hard))
    found = decoded(export("mcap", run, tmp_path / "a") / "clip.segmented.mcap")
    _, drawn = found["/videoseg/clip/annotations"][0]
    assert drawn.texts[0].text == "../../cat/.. :#\\, #1 0.90"
    _, tracks = found["/videoseg/clip/tracks"][0]
    assert tracks["tracks"][1]["label"] == scenes.HOSTILE
    json.dumps(tracks, ensure_ascii=False).encode()
    found = bag_messages(export("rosbag2", run, tmp_path / "b") / "clip.segmented")
    (_, boxes), *_ = found["/videoseg/clip/detections"]
    assert boxes.detections[1].results[0].hypothesis.class_id == scenes.HOSTILE.replace("\0", " ")


def test_a_log_that_is_cut_off_is_copied_as_far_as_it_goes(tmp_path: Path) -> None:
    log = recordings.mcap_log(tmp_path / "whole.mcap", chunk_size=4000)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(log.read_bytes()[: len(log.read_bytes()) * 2 // 3])
    out = export("mcap", recordings.run_over(cut), tmp_path / "out", passthrough="all")
    found = Counter(c.topic for _, c, _ in raw_messages(out / "cut.segmented.mcap"))
    assert 3 < found[recordings.OTHER] < 12
    assert found["/videoseg/cam_left_image/mask"] == 6


def test_large_messages_are_copied_in_little_memory(tmp_path: Path) -> None:
    """Also where the recorder has put all of them into one chunk."""
    writing = pytest.importorskip("mcap.writer")
    size = 2_000_000

    def copy(count: int) -> None:
        with (tmp_path / "large.mcap").open("wb") as file:
            log = writing.Writer(file, chunk_size=count * size + 1000)
            log.start("", "test")
            channel = log.register_channel("/large", "json", 0)
            for number in range(count):
                log.add_message(channel, number, bytes([number]) * size, number)
            log.finish()
        run = recordings.run_over(tmp_path / "large.mcap")
        tracemalloc.start()
        try:
            out = export("mcap", run, tmp_path / f"{count}", passthrough="all")
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        copied = [
            m.data for _, c, m in raw_messages(out / "large.segmented.mcap") if c.topic == "/large"
        ]
        assert [(data[0], len(data)) for data in copied] == [(n, size) for n in range(count)]

    peaks: list[int] = []
    copy(20)
    copy(40)
    assert peaks[1] < peaks[0] + size
    assert peaks[1] < 16 * size


def test_a_log_that_is_gone_leaves_all_but_its_own_messages(
    log: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = recordings.run_over(log)
    log.unlink()
    with caplog.at_level(logging.WARNING):
        out = export("mcap", run, tmp_path / "out", passthrough="all")
    assert "or is gone: there is nothing to copy" in caplog.text
    masks = decoded(out / "run_1.segmented.mcap")["/videoseg/cam_left_image/mask"]
    expected = [scene.pts for scene in scenes_of(run, "/cam/left/image")]
    assert [content.timestamp.ToNanoseconds() for _, content in masks] == expected
    assert [message.log_time - recordings.LATE for message, _ in masks] == expected


def test_a_sender_without_stamps_has_the_times_of_its_frames(tmp_path: Path) -> None:
    said = Recorded("/cam", "lens", 0, 9 * NS, 8 * NS)
    made = [replace(scene, recorded=said) for scene in scenes.moving()[:2]]
    found = decoded(export("mcap", labels.run_of(made), tmp_path) / "clip.segmented.mcap")
    masks = found["/videoseg/clip/mask"]
    stamps = [content.timestamp.ToNanoseconds() for _, content in masks]
    assert stamps == [0, 24 * NS // 600]
    assert [message.log_time for message, _ in masks] == [9 * NS, 9 * NS]


def test_tables_have_stamp_topic_and_frame(log: Path, tmp_path: Path) -> None:
    run = recordings.run_over(log)
    lines = (export("jsonl", run, tmp_path / "a", shape="none") / "tracks.jsonl").read_text()
    rows = [json.loads(line) for line in lines.splitlines()]
    expected = [
        (scene.pts, topic, recordings.CAMERAS[topic])
        for scene in run.made
        for topic in [t for t, name in recordings.STREAMS.items() if name == scene.stream]
        for _ in scene.instances
    ]
    assert [(row["stamp"], row["topic"], row["frame_id"]) for row in rows] == expected
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(export("parquet", run, tmp_path / "b") / "tracks.parquet")
    columns = (table[name].to_pylist() for name in ("stamp", "topic", "frame_id"))
    assert list(zip(*columns, strict=True)) == expected


def test_tables_of_a_video_have_none(tmp_path: Path) -> None:
    out = export("jsonl", labels.run_of(scenes.moving()), tmp_path) / "tracks.jsonl"
    for line in out.read_text().splitlines():
        row = json.loads(line)
        assert (row["stamp"], row["topic"], row["frame_id"]) == (None, None, None)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("/films/drive one.mp4", "drive_one"),
        ("https://me:secret@host/drive%20one.mp4?token=secret", "drive_one"),
        ("https://host/drive?token=se/secret", "drive"),
        ("https://host/?token=secret", "run"),
    ],
)
def test_files_are_named_after_the_input_without_its_secrets(location: str, name: str) -> None:
    info = StreamInfo("video", 2, 2, Fraction(1, 25), location=location)
    assert Mcap().produces({"video": info}) == (f"{name}.segmented.mcap",)
