"""Objects of a frame as messages of ROS 2, in CDR, without an installation of ROS.

``vision_msgs`` are those of its version 4, which ROS 2 has had since Humble.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from videoseg.formats.coco import json_text
from videoseg.formats.label_classes import utf8_text
from videoseg.formats.robotics.labelled import LabelledImage, id_mask, tracks_json
from videoseg.formats.robotics.log_messages import Channel
from videoseg.types import TrackedInstance

_VISION = {
    "Point2D": "float64 x\nfloat64 y\n",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta\n",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n",
    "ObjectHypothesis": "string class_id\nfloat64 score\n",
    "ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"
    ),
    "Detection2D": (
        "std_msgs/Header header\n"
        "vision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\n"
        "string id\n"
    ),
    "Detection2DArray": "std_msgs/Header header\nvision_msgs/Detection2D[] detections\n",
}
"""Fields of each message, in the order in which they are written."""
_DETECTIONS = "vision_msgs/msg/Detection2DArray"
_IMAGE = "sensor_msgs/msg/Image"
_STRING = "std_msgs/msg/String"
_NAMES = {"detections": _DETECTIONS, "mask": _IMAGE, "tracks": _STRING}


class Ros2Types:
    """Makes the messages of a frame: ``Detection2DArray``, ``Image``, and ``String`` with JSON."""

    profile = "ros2"
    """What kind of MCAP it is."""

    def __init__(self) -> None:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore

        self.store: Any = get_typestore(Stores.ROS2_HUMBLE)
        for name, text in _VISION.items():
            self.store.register(get_types_from_msg(text, f"vision_msgs/msg/{name}"))

    def channels(self, topic: str) -> Mapping[str, Channel]:
        """The channels of a stream by the last part of their topics."""
        made = {}
        for name, message in _NAMES.items():
            definition, _ = self.store.generate_msgdef(message, ros_version=2)
            made[name] = Channel(f"{topic}/{name}", message, "ros2msg", definition.encode(), "cdr")
        return made

    def messages(self, image: LabelledImage, encoding: str) -> Iterator[tuple[str, bytes]]:
        """The messages of a frame: the name of the channel, and the message."""
        header = self._header(image)
        yield "detections", self._written(_DETECTIONS, self._detections(image, header))
        yield "mask", self._written(_IMAGE, self._mask(image, header, encoding))
        text = self._message("std_msgs/msg/String", json_text(tracks_json(image)))
        yield "tracks", self._written(_STRING, text)

    def _message(self, name: str, *fields: Any) -> Any:
        return self.store.types[name](*fields)

    def _written(self, name: str, message: Any) -> bytes:
        return bytes(self.store.serialize_cdr(message, name))

    def _header(self, image: LabelledImage) -> Any:
        seconds, ns = image.seconds_and_ns
        stamp = self._message("builtin_interfaces/msg/Time", _int32(seconds), ns)
        return self._message("std_msgs/msg/Header", stamp, _string(image.recorded.frame_id))

    def _detections(self, image: LabelledImage, header: Any) -> Any:
        found = [self._detection(tracked, header) for tracked in image.scene.instances]
        return self._message(_DETECTIONS, header, found)

    def _detection(self, tracked: TrackedInstance, header: Any) -> Any:
        """A box about its centre, with the one class that it is; no pose is known."""
        x1, y1, x2, y2 = tracked.instance.mask.box
        centre = self._message("vision_msgs/msg/Point2D", (x1 + x2) / 2, (y1 + y2) / 2)
        pose = self._message("vision_msgs/msg/Pose2D", centre, 0.0)
        box = self._message("vision_msgs/msg/BoundingBox2D", pose, float(x2 - x1), float(y2 - y1))
        said = self._message(
            "vision_msgs/msg/ObjectHypothesis",
            _string(tracked.label),
            float(tracked.instance.score),
        )
        result = self._message("vision_msgs/msg/ObjectHypothesisWithPose", said, self._no_pose())
        return self._message(
            "vision_msgs/msg/Detection2D", header, [result], box, str(tracked.track_id)
        )

    def _no_pose(self) -> Any:
        position = self._message("geometry_msgs/msg/Point", 0.0, 0.0, 0.0)
        turned = self._message("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)
        pose = self._message("geometry_msgs/msg/Pose", position, turned)
        return self._message("geometry_msgs/msg/PoseWithCovariance", pose, np.zeros(36))

    def _mask(self, image: LabelledImage, header: Any, encoding: str) -> Any:
        mask = id_mask(image, encoding)
        stored = mask.astype(mask.dtype.newbyteorder("<"), copy=False)
        info = image.info
        step = info.width * mask.itemsize
        data = np.frombuffer(stored.tobytes(), np.uint8)
        return self._message(_IMAGE, header, info.height, info.width, encoding, 0, step, data)


def _int32(seconds: int) -> int:
    """Seconds as a field of 32 bits holds them; those after 2038 come out negative."""
    return (seconds + 2**31) % 2**32 - 2**31


def _string(text: str) -> str:
    """Text as a string of CDR, which ends at a zero."""
    return utf8_text(text).replace("\0", " ")
