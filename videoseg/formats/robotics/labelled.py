"""A frame of a run as messages are made of it, and what all kinds of messages say of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError
from videoseg.formats.coco import box_of, score_of
from videoseg.formats.images.label_png import LARGEST, LARGEST_NARROW, labels_of
from videoseg.formats.label_classes import classes_of, one_line, utf8_text
from videoseg.geometry import masks
from videoseg.types import Recorded, Scene, StreamInfo, TrackedInstance

_NS = 10**9
_LARGEST_EXACT = 2**24
"""Largest id in float32."""
_UNSAFE = re.compile(r"[^0-9A-Za-z]+")
_LONGEST = 64


@dataclass(frozen=True, slots=True, eq=False)
class LabelledImage:
    """A frame with its objects and its times.

    Attributes:
        scene: What is on it.
        info: Its stream.
        recorded: The message that its picture was in, or what stands for one (``recorded_of``).
    """

    scene: Scene
    info: StreamInfo
    recorded: Recorded

    @property
    def seconds_and_ns(self) -> tuple[int, int]:
        """The stamp in whole seconds, rounded down, and the nanoseconds that are left."""
        return divmod(self.recorded.stamp, _NS)


def recorded_of(scene: Scene, name: str) -> Recorded:
    """The message that a frame was in.

    A frame of no log has no topic, and all its times are its own. Where a sender says no stamp, it
    is the frame's time, too.

    Args:
        scene: The frame.
        name: The frame of coordinates where the source says none.
    """
    time = round(scene.seconds * _NS)
    if scene.recorded is None:
        return Recorded("", name, time, time, time)
    return scene.recorded if scene.recorded.stamp else replace(scene.recorded, stamp=time)


def topics_of(streams: Iterable[str]) -> dict[str, str]:
    """Where messages of each stream go, ``/videoseg/NAME``: as ROS names topics, no two alike."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for stream in streams:
        plain = _UNSAFE.sub("_", stream).strip("_")[:_LONGEST] or "stream"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        name, number = plain, 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name.lower())
        names[stream] = f"/videoseg/{name}"
    return names


def labeller(streams: Mapping[str, StreamInfo]) -> Callable[[Scene], LabelledImage]:
    """Makes a ``LabelledImage`` of each Scene of some streams."""
    names = {stream: PurePath(topic).name for stream, topic in topics_of(streams).items()}

    def labelled(scene: Scene) -> LabelledImage:
        recorded = recorded_of(scene, names[scene.stream])
        return LabelledImage(scene, streams[scene.stream], recorded)

    return labelled


def caption_of(tracked: TrackedInstance) -> str:
    """``cat #3 0.92``."""
    return f"{one_line(tracked.label)} #{tracked.track_id} {tracked.instance.score:.2f}"


def mask_encoding(highest: int) -> str:
    """How ids up to this one are written as pixels: ``mono8``, ``mono16`` or ``32FC1``.

    Raises:
        OutputError: No encoding holds it.
    """
    if highest <= LARGEST_NARROW:
        return "mono8"
    if highest <= LARGEST:
        return "mono16"
    if highest > _LARGEST_EXACT:
        raise OutputError(f"a mask holds track ids up to {_LARGEST_EXACT}, got {highest}")
    return "32FC1"


def id_mask(image: LabelledImage, encoding: str) -> npt.NDArray[Any]:
    """Track ids as pixels (H, W), 0 where there is nothing, in an encoding of ``mask_encoding``.

    Where objects overlap the higher score lies on top, at the same score the higher id.
    """
    found, info = image.scene.instances, image.info
    if encoding != "32FC1":
        numbered = [(tracked, tracked.track_id) for tracked in found]
        return labels_of(numbered, info.width, info.height, wide=encoding == "mono16")
    places = [(tracked, place) for place, tracked in enumerate(found, 1)]
    labels = labels_of(places, info.width, info.height, wide=True)
    ids = np.array([0, *(tracked.track_id for tracked in found)], np.float32)
    return np.take(ids, labels)


TRACKS_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "videoseg.Tracks",
    "description": "Objects on one picture, with the stamp and frame_id of its message",
    "type": "object",
    "required": ["stamp", "topic", "frame_id", "frame", "tracks"],
    "properties": {
        "stamp": {
            "type": "object",
            "title": "time",
            "required": ["sec", "nsec"],
            "properties": {
                "sec": {"type": "integer"},
                "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
            },
        },
        "topic": {"type": "string", "description": "topic of the picture; empty without"},
        "frame_id": {"type": "string"},
        "frame": {"type": "integer", "description": "number of the picture, from 0"},
        "tracks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["track_id", "label", "score", "state", "box", "area"],
                "properties": {
                    "track_id": {"type": "integer", "minimum": 1},
                    "label": {"type": "string"},
                    "score": {"type": "number", "minimum": 0, "maximum": 1},
                    "state": {"type": "string", "enum": ["matched", "interpolated", "held"]},
                    "box": {
                        "type": "array",
                        "items": {"type": "integer"},
                        "minItems": 4,
                        "maxItems": 4,
                        "description": "left, top, width, height, pixels",
                    },
                    "area": {"type": "integer", "description": "pixels"},
                },
            },
        },
    },
}
"""The schema of ``tracks_json``."""


def tracks_json(image: LabelledImage) -> dict[str, Any]:
    """The objects of a frame, by ``TRACKS_SCHEMA``."""
    seconds, ns = image.seconds_and_ns
    return {
        "stamp": {"sec": seconds, "nsec": ns},
        "topic": utf8_text(image.recorded.topic),
        "frame_id": utf8_text(image.recorded.frame_id),
        "frame": image.scene.index,
        "tracks": [
            {
                "track_id": tracked.track_id,
                "label": utf8_text(tracked.label),
                "score": score_of(tracked),
                "state": tracked.state,
                "box": box_of(tracked.instance.mask),
                "area": masks.area(tracked.instance.mask),
            }
            for tracked in image.scene.instances
        ],
    }


def class_table(labels: Sequence[str]) -> dict[str, str]:
    """Number of each class, from 1, and its label."""
    return {str(place + 1): one_line(label) for label, place in classes_of(labels).items()}
