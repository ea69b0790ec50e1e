"""Messages with pictures as the reference libraries write them, and as nobody should."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from videoseg.formats.robotics.messages import ImageKind, MessageError
from videoseg.formats.robotics.schemas import image_kind, image_reader

STAMP = 1_700_000_000_123_456_789
SECONDS, NANOSECONDS = divmod(STAMP, 10**9)
PIXELS = bytes(range(2 * 12))
SENSOR = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")


def ros_message(name: str) -> tuple[Any, Any]:
    """A message of ``sensor_msgs``, and the types of ROS that are known."""
    stores = pytest.importorskip("rosbags.typesys")
    store = stores.get_typestore(stores.Stores.ROS2_HUMBLE)
    types = store.types
    stamp = types["builtin_interfaces/msg/Time"](sec=SECONDS, nanosec=NANOSECONDS)
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")
    data = np.frombuffer(PIXELS, np.uint8)
    if name.endswith("/Image"):
        made = types[name](
            header=header, height=2, width=3, encoding="rgb8", is_bigendian=1, step=12, data=data
        )
    else:
        made = types[name](header=header, format="jpeg", data=data)
    return made, store


def ros1_message(name: str) -> bytes:
    stores = pytest.importorskip("rosbags.typesys")
    store = stores.get_typestore(stores.Stores.ROS1_NOETIC)
    made, _ = ros_message(name)
    header = store.types["std_msgs/msg/Header"](seq=7, **vars(made.header))
    rest = {key: value for key, value in vars(made).items() if key != "header"}
    return bytes(store.serialize_ros1(store.types[name](header=header, **rest), name))


def cdr_message() -> bytes:
    message, store = ros_message(SENSOR[0])
    return bytes(store.serialize_cdr(message, SENSOR[0]))


@pytest.mark.parametrize("little", [True, False])
@pytest.mark.parametrize("name", SENSOR)
def test_cdr(name: str, little: bool) -> None:
    message, store = ros_message(name)
    data = bytes(store.serialize_cdr(message, name, little_endian=little))
    definition = store.generate_msgdef(name)[0]
    for said in ("", definition, "nobody knows/this\n"):
        read = image_reader(name, "cdr", said)
        assert read is not None
        check(read(data), raw=name.endswith("/Image"))


@pytest.mark.parametrize("name", SENSOR)
def test_ros1(name: str) -> None:
    read = image_reader(name.replace("/msg/", "/"), "ros1")
    assert read is not None
    check(read(ros1_message(name)), raw=name.endswith("/Image"))


@pytest.mark.parametrize("name", ["RawImage", "CompressedImage", "CompressedVideo"])
def test_protobuf(name: str) -> None:
    read = image_reader(f"foxglove.{name}", "protobuf")
    assert read is not None
    check(read(foxglove_message(name)), raw=name == "RawImage", endian=False)


def foxglove_message(name: str) -> bytes:
    module = pytest.importorskip(f"foxglove_schemas_protobuf.{name}_pb2")
    made = getattr(module, name)(frame_id="camera", data=PIXELS)
    made.timestamp.FromNanoseconds(STAMP)
    if name == "RawImage":
        made.width, made.height, made.step, made.encoding = 3, 2, 12, "rgb8"
    else:
        made.format = "jpeg"
    return bytes(made.SerializeToString())


def test_foxglove_over_cdr_follows_the_order_of_its_own_schema() -> None:
    """The first version of the schema had no frame_id; the newest goes on after the picture."""
    oldest = "builtin_interfaces/Time timestamp\nuint32 width\nuint32 height\n# rows\n" + (
        "string encoding\nuint32 step\nuint8[] data\n"
    )
    newest = "builtin_interfaces/Time timestamp\nstring frame_id\n" + oldest.partition("\n")[2]
    newest += "string uuid\nfoxglove_msgs/LineageInfo lineage\n====\nMSG: x/y\nuint8 z\n"
    time = struct.pack("<iI", SECONDS, NANOSECONDS)
    text = struct.pack("<I", 5) + b"rgb8\0" + bytes(3)
    rest = struct.pack("<II", 3, 2) + text + struct.pack("<II", 12, len(PIXELS)) + PIXELS
    frame = struct.pack("<I", 7) + b"camera\0" + bytes(1)
    for definition, data in (
        (oldest, time + rest),
        (newest, time + frame + rest),
        ("", time + frame + rest),
    ):
        read = image_reader("foxglove_msgs/msg/RawImage", "cdr", definition)
        assert read is not None
        found = read(b"\0\1\0\0" + data)
        assert (found.stamp, found.width, found.height, found.step) == (STAMP, 3, 2, 12)
        assert found.frame_id == ("" if definition is oldest else "camera")
        assert bytes(found.data) == PIXELS


def test_json() -> None:
    data = base64.b64encode(PIXELS).decode()
    raw = {"width": 3, "height": 2, "step": 12, "encoding": "rgb8", "data": data}
    stamps = (
        {"timestamp": {"sec": SECONDS, "nsec": NANOSECONDS}, "frame_id": "camera"},
        {"header": {"stamp": {"secs": SECONDS, "nsecs": NANOSECONDS}, "frame_id": "camera"}},
        {"header": {"stamp": {"sec": SECONDS, "nanosec": NANOSECONDS}, "frame_id": "camera"}},
    )
    for stamp in stamps:
        read = image_reader("foxglove.RawImage", "json")
        assert read is not None
        check(read(json.dumps({**stamp, **raw}).encode()), raw=True, endian=False)


def check(found: Any, *, raw: bool, endian: bool = True) -> None:
    assert (found.stamp, found.frame_id, bytes(found.data)) == (STAMP, "camera", PIXELS)
    if raw:
        assert (found.width, found.height, found.step) == (3, 2, 12)
        assert (found.format, found.big_endian) == ("rgb8", endian)
    else:
        assert (found.format, found.width) == ("jpeg", 0)


@pytest.mark.parametrize(
    ("schema", "encoding"),
    [
        ("sensor_msgs/msg/Image", "cdr"),
        ("sensor_msgs/Image", "ros1"),
        ("foxglove.RawImage", "json"),
    ],
)
def test_what_is_cut_off_is_said(schema: str, encoding: str) -> None:
    read = image_reader(schema, encoding)
    assert read is not None
    writers: dict[str, Callable[[], bytes]] = {
        "ros1": lambda: ros1_message("sensor_msgs/msg/Image"),
        "cdr": cdr_message,
        "json": lambda: b'{"data": "aaaa", "timestamp": {}}',
    }
    whole = writers[encoding]()
    read(whole)
    for length in range(len(whole) - 1):
        with pytest.raises(MessageError):
            read(whole[:length])


def test_protobuf_of_something_else() -> None:
    read = image_reader("foxglove.RawImage", "protobuf")
    assert read is not None
    for data in (b"\x12\x01a", b"\x0a\xff", b"\x0b", b"\xff" * 11, b"\x10"):
        with pytest.raises(MessageError):
            read(data)


def test_schemas_that_hold_pictures() -> None:
    assert image_kind("sensor_msgs/msg/Image") is image_kind("sensor_msgs/Image") is ImageKind.RAW
    assert image_kind("foxglove_msgs/msg/CompressedVideo") is ImageKind.VIDEO
    assert image_kind("foxglove.CompressedImage") is ImageKind.COMPRESSED
    assert image_kind("sensor_msgs/msg/PointCloud2") is None
    assert image_reader("foxglove.RawImage", "flatbuffer") is None
    assert image_reader("sensor_msgs/msg/JointState", "cdr") is None
