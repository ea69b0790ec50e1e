"""Objects of a frame as messages of Foxglove's schemas, in Protocol Buffers, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from videoseg.formats.coco import json_text
from videoseg.formats.images.jpeg import jpeg
from videoseg.formats.label_classes import utf8_text
from videoseg.formats.outline_polygons import DECIMALS, polygons_of
from videoseg.formats.palette import colour_of
from videoseg.formats.robotics.labelled import (
    TRACKS_SCHEMA,
    LabelledImage,
    caption_of,
    id_mask,
    tracks_json,
)
from videoseg.formats.robotics.log_messages import Channel
from videoseg.types import RgbImage, TrackedInstance

_THICKNESS = 2.0
_SMALLEST_TEXT = 10.0
_TEXT_SHARE = 1 / 40
"""Height of letters over that of the picture."""


class FoxgloveTypes:
    """Makes the messages of a frame: ``ImageAnnotations``, ``RawImage`` and JSON of its tracks."""

    profile = ""
    """What kind of MCAP it is: any."""

    def __init__(self) -> None:
        from foxglove_schemas_protobuf import (
            Color_pb2,
            CompressedImage_pb2,
            ImageAnnotations_pb2,
            KeyValuePair_pb2,
            Point2_pb2,
            PointsAnnotation_pb2,
            RawImage_pb2,
            TextAnnotation_pb2,
        )
        from google.protobuf.timestamp_pb2 import Timestamp

        self._annotations = ImageAnnotations_pb2.ImageAnnotations
        self._points = PointsAnnotation_pb2.PointsAnnotation
        self._point = Point2_pb2.Point2
        self._text = TextAnnotation_pb2.TextAnnotation
        self._note = KeyValuePair_pb2.KeyValuePair
        self._colour = Color_pb2.Color
        self._image = RawImage_pb2.RawImage
        self._coded = CompressedImage_pb2.CompressedImage
        self._time = Timestamp

    def channels(self, topic: str) -> Mapping[str, Channel]:
        """The channels of a stream by the last part of their topics."""
        schema = json_text(TRACKS_SCHEMA).encode()
        return {
            "annotations": _protobuf_channel(f"{topic}/annotations", self._annotations),
            "mask": _protobuf_channel(f"{topic}/mask", self._image),
            "tracks": Channel(
                f"{topic}/tracks", TRACKS_SCHEMA["title"], "jsonschema", schema, "json"
            ),
        }

    def image_channel(self, topic: str) -> Channel:
        """The channel of a stream's pictures, where there is no log that has them."""
        return _protobuf_channel(f"{topic}/image", self._coded)

    def image_message(self, image: LabelledImage, picture: RgbImage) -> bytes:
        """The picture of a frame, uint8 (H, W, 3), as JPEG."""
        made = self._coded(
            timestamp=self._stamp(image),
            frame_id=utf8_text(image.recorded.frame_id),
            format="jpeg",
            data=jpeg(picture),
        )
        return bytes(made.SerializeToString(deterministic=True))

    def messages(self, image: LabelledImage, encoding: str) -> Iterator[tuple[str, bytes]]:
        """The messages of a frame: the name of the channel, and the message."""
        stamp = self._stamp(image)
        yield "annotations", self._drawn(image, stamp)
        yield "mask", self._mask(image, stamp, encoding)
        yield "tracks", json_text(tracks_json(image)).encode()

    def _stamp(self, image: LabelledImage) -> Any:
        seconds, ns = image.seconds_and_ns
        return self._time(seconds=seconds, nanos=ns)

    def _drawn(self, image: LabelledImage, stamp: Any) -> bytes:
        size = max(_SMALLEST_TEXT, round(image.info.height * _TEXT_SHARE))
        made = self._annotations(timestamp=stamp)
        for tracked in image.scene.instances:
            colour = self._colour_of(tracked)
            for outer, holes in polygons_of(tracked):
                for ring in (outer, *holes):
                    made.points.append(self._loop(tracked, ring, colour, stamp))
            made.texts.append(self._caption(tracked, colour, size, stamp))
        return bytes(made.SerializeToString(deterministic=True))

    def _loop(self, tracked: TrackedInstance, ring: Any, colour: Any, stamp: Any) -> Any:
        points = np.round(ring, DECIMALS).tolist()
        return self._points(
            timestamp=stamp,
            type=self._points.LINE_LOOP,
            points=[self._point(x=x, y=y) for x, y in points],
            outline_color=colour,
            thickness=_THICKNESS,
            metadata=[
                self._note(key="track_id", value=str(tracked.track_id)),
                self._note(key="label", value=utf8_text(tracked.label)),
            ],
        )

    def _caption(self, tracked: TrackedInstance, colour: Any, size: float, stamp: Any) -> Any:
        """Above the box, or in it where there is no room above."""
        x, top, _, _ = tracked.instance.mask.box
        return self._text(
            timestamp=stamp,
            position=self._point(x=x, y=max(top, size)),
            text=caption_of(tracked),
            font_size=size,
            text_color=self._colour(r=1.0, g=1.0, b=1.0, a=1.0),
            background_color=self._colour(r=colour.r, g=colour.g, b=colour.b, a=0.6),
        )

    def _colour_of(self, tracked: TrackedInstance) -> Any:
        red, green, blue = (value / 255 for value in colour_of(tracked.track_id))
        return self._colour(r=red, g=green, b=blue, a=1.0)

    def _mask(self, image: LabelledImage, stamp: Any, encoding: str) -> bytes:
        mask = id_mask(image, encoding)
        stored = mask.astype(mask.dtype.newbyteorder("<"), copy=False)
        made = self._image(
            timestamp=stamp,
            frame_id=utf8_text(image.recorded.frame_id),
            width=image.info.width,
            height=image.info.height,
            encoding=encoding,
            step=image.info.width * mask.itemsize,
            data=stored.tobytes(),
        )
        return bytes(made.SerializeToString(deterministic=True))


def _protobuf_channel(topic: str, message: Any) -> Channel:
    from mcap_protobuf.schema import build_file_descriptor_set

    schema = build_file_descriptor_set(message).SerializeToString(deterministic=True)
    return Channel(topic, message.DESCRIPTOR.full_name, "protobuf", schema, "protobuf")
