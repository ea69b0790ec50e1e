"""Pictures of the messages of one topic."""

from __future__ import annotations

from videoseg.formats.robotics.coded import coded_rgb
from videoseg.formats.robotics.messages import ImageKind, ImageMessage, MessageError, Reader
from videoseg.formats.robotics.pixels import Shown, raw_rgb
from videoseg.formats.robotics.video_stream import VideoStream
from videoseg.types import RgbImage

_LATEST = 2**62
"""Nanoseconds, the year 2116; outputs keep times in 64 bits, with room for sums."""


class TopicDecoder:
    """Reads the messages of one topic in their order, and makes RGB images of those asked for.

    Args:
        kind: What the messages hold.
        reader: Who reads them (``schemas.image_reader``).
        shown: How pictures that are not plain colours are shown.
    """

    def __init__(self, kind: ImageKind, reader: Reader, shown: Shown) -> None:
        self._kind, self._shown = kind, shown
        self._video = VideoStream(shown.background) if kind is ImageKind.VIDEO else None
        self._reader = reader

    @property
    def needs_key(self) -> bool:
        """Whether decoding begins with a key frame."""
        return self._video is not None

    def is_key(self, message: ImageMessage) -> bool:
        """Whether decoding can begin with a message.

        Raises:
            MessageError: Its format is not known.
        """
        return self._video is None or self._video.is_key(message)

    def read(self, data: bytes | memoryview) -> ImageMessage:
        """What is in a message.

        Raises:
            MessageError: It is empty, or none of its schema, or its stamp is no time.
        """
        if not len(data):
            raise MessageError("empty")
        message = self._reader(data)
        if abs(message.stamp) > _LATEST:
            raise MessageError("with a stamp that is no time")
        return message

    def skip(self, message: ImageMessage) -> None:
        """Pass a message whose picture is not wanted.

        Raises:
            MessageError: Its format is not known.
        """
        if self._video is not None:
            self._video.skip(message)

    def rgb(self, message: ImageMessage) -> RgbImage:
        """uint8 (H, W, 3).

        Raises:
            MessageError: There is no whole picture in it.
        """
        if self._video is not None:
            return self._video.rgb(message)
        if self._kind is ImageKind.RAW:
            return raw_rgb(message, self._shown)
        return coded_rgb(message, self._shown)
