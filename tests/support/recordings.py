"""Robot logs made in code, and runs over their cameras."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import labels, scenes
from videoseg.types import Recorded, Scene

NANOSECOND = Fraction(1, 10**9)
START = 1_700_000_000_123_456_789
LATE = 7_000_001
"""How much later than it was taken a picture is recorded, ns; it is sent halfway."""
CAMERAS = {"/cam/left/image": "left_optical", "/cam/right/image": "right_optical"}
STREAMS = {"/cam/left/image": "cam_left_image", "/cam/right/image": "cam_right_image"}
OTHER = "/joint_states"


def stamps(frames: int, seed: int) -> list[int]:
    """Uneven stamps with a gap, ns."""
    jitter = np.random.default_rng(seed).integers(-3_000_000, 3_000_000, frames).tolist()
    gaps = (33_333_333 + each for each in jitter)
    made, now = [], START + seed
    for number, gap in enumerate(gaps):
        made.append(now)
        now += gap + (400_000_000 if number == frames // 2 else 0)
    return made


def mcap_log(path: Path, frames: int = 6, **writer: Any) -> Path:
    """An MCAP of two cameras, JPEG in Foxglove's schema, and a topic of JSON."""
    mcap_writer = pytest.importorskip("mcap.writer")
    protobuf = pytest.importorskip("mcap_protobuf.schema")
    pictures = pytest.importorskip("foxglove_schemas_protobuf.CompressedImage_pb2")
    with path.open("wb") as file:
        out = mcap_writer.Writer(file, **writer)
        out.start("", "test")
        schema = protobuf.register_schema(out, pictures.CompressedImage)
        channels = {topic: out.register_channel(topic, "protobuf", schema, {"lens": topic})
                    for topic in CAMERAS}  # fmt: skip
        loose = out.register_channel(OTHER, "json", 0)
        for number, (topic, index, stamp) in enumerate(_pictures(frames)):
            message = pictures.CompressedImage(format="jpeg", frame_id=CAMERAS[topic])
            message.timestamp.FromNanoseconds(stamp)
            message.data = _jpeg(index)
            out.add_message(
                channels[topic],
                log_time=stamp + LATE,
                data=message.SerializeToString(),
                publish_time=stamp + LATE // 2,
                sequence=number + 5,
            )
            out.add_message(loose, stamp + LATE + 1, b'{"q": %d}' % number, stamp)
        out.finish()
    return path


def bag_log(path: Path, frames: int = 6) -> Path:
    """A rosbag2 folder of two cameras, ``sensor_msgs/Image``."""
    rosbag2 = pytest.importorskip("rosbags.rosbag2")
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
    made, image = store.types, "sensor_msgs/msg/Image"
    with rosbag2.Writer(path, version=9) as bag:
        connections = {
            topic: bag.add_connection(topic, image, typestore=store) for topic in CAMERAS
        }
        for topic, index, stamp in _pictures(frames):
            time = made["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
            header = made["std_msgs/msg/Header"](time, CAMERAS[topic])
            pixels = _picture(index)
            height, width, _ = pixels.shape
            message = made[image](header, height, width, "bgr8", 0, width * 3, pixels.ravel())
            bag.write(connections[topic], stamp + LATE, store.serialize_cdr(message, image))
    return path


def run_over(log: Path, frames: int = 6, made: Iterable[Scene] | None = None) -> scenes.Run:
    """A run over both cameras of a log."""
    infos = [
        replace(scenes.stream(STREAMS[topic]), time_base=NANOSECOND, location=str(log))
        for topic in CAMERAS
    ]
    if made is None:
        made = [replace(s, stream=info.stream) for info in infos for s in _scenes()]
    topics = {name: topic for topic, name in STREAMS.items()}
    times = {STREAMS[topic]: stamps(frames, seed) for seed, topic in enumerate(CAMERAS)}
    timed = []
    for scene in made:
        pts, topic = times[scene.stream][scene.index], topics[scene.stream]
        said = Recorded(topic, CAMERAS[topic], pts, pts + LATE, pts + LATE // 2)
        timed.append(replace(scene, pts=pts, time_base=NANOSECOND, duration=None, recorded=said))
    timed.sort(key=lambda scene: scene.pts)
    return scenes.Run(scenes.streams(*infos), scenes.prompts(), timed, made_with={"model": "discs"})


def _pictures(frames: int) -> Iterator[tuple[str, int, int]]:
    """Topic, number and stamp of each picture, as they were taken."""
    made = [
        (topic, index, stamp)
        for seed, topic in enumerate(CAMERAS)
        for index, stamp in enumerate(stamps(frames, seed))
    ]
    return iter(sorted(made, key=lambda each: each[2]))


def _picture(index: int) -> Any:
    scene = _scenes()[index % 6]
    picture = scenes.frame_of(scene).image.copy() // 2
    for tracked in scene.instances:
        picture[tracked.instance.mask.to_array()] = (200, 160, 90)
    return np.ascontiguousarray(picture[..., ::-1])


_scenes = functools.cache(labels.mixed)


def _jpeg(index: int) -> bytes:
    return bytes(cv2.imencode(".jpg", _picture(index))[1])
