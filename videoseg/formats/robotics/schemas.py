"""Schemas of messages that hold pictures, and who reads them.

They are those of ROS (``sensor_msgs``) and Foxglove; each is read from ROS 1, CDR (ROS 2), Protocol
Buffers and JSON, as the channel says.
"""

from __future__ import annotations

from videoseg.formats.robotics import json_images, protobuf_images, ros_images
from videoseg.formats.robotics.messages import ImageKind, Reader
from videoseg.formats.robotics.topics import ros1_name

_KINDS = {
    "sensor_msgs/Image": ImageKind.RAW,
    "sensor_msgs/CompressedImage": ImageKind.COMPRESSED,
    "foxglove/RawImage": ImageKind.RAW,
    "foxglove/CompressedImage": ImageKind.COMPRESSED,
    "foxglove/CompressedVideo": ImageKind.VIDEO,
}


def image_kind(schema: str) -> ImageKind | None:
    """What messages of a schema hold; None where it is no picture.

    Args:
        schema: Its name: ``sensor_msgs/msg/Image``, ``sensor_msgs/Image``, ``foxglove.RawImage``,
            ``foxglove_msgs/msg/RawImage`` and so on.
    """
    return _KINDS.get(_plain(schema))


def image_reader(schema: str, encoding: str, definition: str = "") -> Reader | None:
    """Who reads messages of a schema; None where nobody does.

    Args:
        schema: Its name, as for ``image_kind``.
        encoding: How messages are written: ``cdr``, ``ros1``, ``protobuf`` or ``json``.
        definition: The schema as ROS writes it (``.msg``), for the order of fields; the usual
            one where it is empty or is something else.
    """
    name = _plain(schema)
    if name not in _KINDS:
        return None
    if encoding in ("cdr", "ros1"):
        return ros_images.reader(name, encoding, definition)
    if encoding == "protobuf" and name.startswith("foxglove/"):
        return protobuf_images.reader(name)
    return json_images.read if encoding == "json" else None


def _plain(schema: str) -> str:
    """``foxglove_msgs/msg/RawImage`` and ``foxglove.RawImage`` as ``foxglove/RawImage``."""
    name = ros1_name(schema)
    for prefix in ("foxglove_msgs/", "foxglove."):
        if name.startswith(prefix):
            return f"foxglove/{name.removeprefix(prefix)}"
    return name
