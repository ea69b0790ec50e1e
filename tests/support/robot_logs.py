"""Logs of robots, written by the reference libraries, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import av
import cv2
import numpy as np
import pytest

from tests.support import media

START = 1_700_000_000_000_000_000
"""Stamp of the first picture, ns."""
STEP = 40_000_000
"""Nanoseconds from one picture to the next."""
LATENCY = 3_000_000
"""Nanoseconds from a stamp to the log's time."""
Image: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Storage: TypeAlias = Literal["ros1", "sqlite3", "mcap"]


@dataclass(frozen=True)
class Written:
    """A message to write.

    Attributes:
        topic: Its topic.
        stamp: Its header's stamp, ns.
        log_time: ns.
        data: Its bytes, or for ``ros_bag`` a picture.
    """

    topic: str
    stamp: int
    log_time: int
    data: Any


def stamps(count: int) -> list[int]:
    return [START + index * STEP for index in range(count)]


def squares(count: int, width: int, height: int) -> list[Image]:
    return [media.moving_square(index, width, height) for index in range(count)]


def png(image: Image) -> bytes:
    return bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())


def access_units(images: Sequence[Image], codec: str = "h264", every: int = 5) -> list[bytes]:
    """One unit for each picture, Annex B, a key frame every so many, no frames that wait."""
    height, width = images[0].shape[:2]
    stream: Any = av.CodecContext.create({"h264": "libx264", "h265": "libx265"}[codec], "w")
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base, stream.framerate = Fraction(1, 25), Fraction(25)
    keys = f"keyint={every}:min-keyint={every}:scenecut=0:repeat-headers=1:annexb=1:bframes=0"
    kind = "x264-params" if codec == "h264" else "x265-params"
    stream.options = {kind: f"{keys}:log-level=none", "tune": "zerolatency", "crf": "12"}
    units: list[bytes] = []
    for index, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image).reformat(format="yuv420p", dst_colorspace=5)
        frame.pts = index
        units += map(bytes, stream.encode(frame))
    return [*units, *map(bytes, stream.encode(None))]


def foxglove(kind: str, stamp: int, data: bytes, **fields: Any) -> bytes:
    """A message of Foxglove's schemas as Protocol Buffers."""
    module = pytest.importorskip(f"foxglove_schemas_protobuf.{kind}_pb2")
    made = getattr(module, kind)(data=data, frame_id="camera", **fields)
    made.timestamp.FromNanoseconds(stamp)
    return bytes(made.SerializeToString())


def raw(stamp: int, image: Image) -> bytes:
    height, width = image.shape[:2]
    return foxglove(
        "RawImage", stamp, image.tobytes(),
        width=width, height=height, step=3 * width, encoding="rgb8",
    )  # fmt: skip


def compressed(stamp: int, data: bytes, said: str = "png") -> bytes:
    return foxglove("CompressedImage", stamp, data, format=said)


def video(stamp: int, data: bytes, said: str = "h264") -> bytes:
    return foxglove("CompressedVideo", stamp, data, format=said)


def mcap_file(
    path: Path,
    schemas: dict[str, str],
    messages: Iterable[Written],
    *,
    encoding: str = "protobuf",
    **options: Any,
) -> Path:
    """A file that the package ``mcap`` has written.

    Args:
        path: Of the file.
        schemas: Topic -> name of its schema.
        messages: In the order of the file.
        encoding: Of messages.
        options: Of ``mcap.writer.Writer``.
    """
    writing = pytest.importorskip("mcap.writer")
    with path.open("wb") as file:
        writer = writing.Writer(file, **options)
        writer.start()
        channels = {}
        for topic, schema in schemas.items():
            number = writer.register_schema(schema, encoding, b"")
            channels[topic] = writer.register_channel(topic, encoding, number)
        for index, each in enumerate(messages):
            writer.add_message(
                channels[each.topic], each.log_time, each.data, each.stamp, sequence=index
            )
        writer.finish()
    return path


def squares_mcap(
    path: Path,
    count: int = 12,
    *,
    width: int = 192,
    height: int = 128,
    topic: str = "/camera/image",
    coded: Callable[[Image], bytes] = png,
    **options: Any,
) -> Path:
    """One topic of pictures of ``media.moving_square``."""
    written = [
        Written(topic, stamp, stamp + LATENCY, compressed(stamp, coded(image)))
        for stamp, image in zip(stamps(count), squares(count, width, height), strict=True)
    ]
    return mcap_file(path, {topic: "foxglove.CompressedImage"}, written, **options)


def ros_bag(path: Path, messages: Iterable[Written], storage: Storage, **options: Any) -> Path:
    """A bag that ``rosbags`` has written: pictures are raw ``bgr8``, bytes ``CompressedImage``."""
    stores = pytest.importorskip("rosbags.typesys")
    is_old = storage == "ros1"
    store = stores.get_typestore(stores.Stores.ROS1_NOETIC if is_old else stores.Stores.ROS2_HUMBLE)
    connections: dict[str, Any] = {}
    with _bag_writer(path, storage, **options) as writer:
        for each in messages:
            name, message = _ros_message(store, each, is_old=is_old)
            if each.topic not in connections:
                connections[each.topic] = writer.add_connection(each.topic, name, typestore=store)
            data = (
                store.serialize_ros1(message, name)
                if is_old
                else store.serialize_cdr(message, name)
            )
            writer.write(connections[each.topic], each.log_time, data)
    return path


def _bag_writer(path: Path, storage: Storage, **options: Any) -> Any:
    if storage == "ros1":
        writer = pytest.importorskip("rosbags.rosbag1").Writer(path)
        if "compression" in options:
            writer.set_compression(writer.CompressionFormat[options["compression"]])
            writer.chunk_threshold = options["chunk"]
        return writer
    module = pytest.importorskip("rosbags.rosbag2")
    plugin = module.StoragePlugin[storage.upper()]
    return module.Writer(path, version=9, storage_plugin=plugin, **options)


def _ros_message(store: Any, each: Written, *, is_old: bool) -> tuple[str, Any]:
    seconds, nanoseconds = divmod(each.stamp, 10**9)
    stamp = store.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    number = {"seq": 0} if is_old else {}
    header = store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera", **number)
    if isinstance(each.data, bytes):
        name = "sensor_msgs/msg/CompressedImage"
        data = np.frombuffer(each.data, np.uint8)
        return name, store.types[name](header=header, format="png", data=data)
    height, width = each.data.shape[:2]
    name = "sensor_msgs/msg/Image"
    return name, store.types[name](
        header=header, height=height, width=width, encoding="bgr8", is_bigendian=0,
        step=3 * width, data=np.ascontiguousarray(each.data[..., ::-1]).reshape(-1),
    )  # fmt: skip


def without_index(path: Path) -> bytes:
    """What a recorder of ROS 1 leaves that crashed: chunks, and a header that knows no index."""
    data = path.read_bytes()
    at = data.index(b"index_pos=") + len(b"index_pos=")
    end = int.from_bytes(data[at : at + 8], "little")
    return data[:at] + bytes(8) + data[at + 8 : end]


def as_json(stamp: int, **fields: Any) -> bytes:
    seconds, nanoseconds = divmod(stamp, 10**9)
    time = {"sec": seconds, "nsec": nanoseconds}
    return json.dumps({"timestamp": time, "frame_id": "camera", **fields}).encode()


class Recorder:
    """Writes a log bit by bit, as a recorder does: every message is on the disk at once.

    Args:
        path: Of the file.
        chunked: Whether messages come in chunks, here of one message each.
    """

    def __init__(self, path: Path, *, chunked: bool = True) -> None:
        self.path, self._chunked = path, chunked
        self._file = path.open("wb")
        self._writer: Any = None
        self._channels: dict[str, int] = {}

    def start(self) -> None:
        """Write what a file begins with."""
        writing = pytest.importorskip("mcap.writer")
        self._writer = writing.Writer(self._file, chunk_size=1, use_chunking=self._chunked)
        self._writer.start()
        self._file.flush()

    def add(self, each: Written, schema: str = "foxglove.CompressedImage") -> None:
        """Write a message."""
        if each.topic not in self._channels:
            number = self._writer.register_schema(schema, "protobuf", b"")
            self._channels[each.topic] = self._writer.register_channel(
                each.topic, "protobuf", number
            )
        channel = self._channels[each.topic]
        self._writer.add_message(channel, each.log_time, each.data, each.stamp)
        self._file.flush()

    def add_square(self, index: int, topic: str = "/cam") -> None:
        """Write one picture of ``media.moving_square``."""
        stamp, image = START + index * STEP, media.moving_square(index, 192, 128)
        self.add(Written(topic, stamp, stamp + LATENCY, compressed(stamp, png(image))))

    def write(self, data: bytes) -> None:
        """Write bytes as they are."""
        self._file.write(data)
        self._file.flush()

    def finish(self) -> None:
        """Write the summary and the end."""
        self._writer.finish()
        self._file.close()

    def crash(self) -> None:
        """Write no end."""
        self._file.close()
