"""Pictures of topics that carry a video stream, one access unit a message: H.264 and H.265."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from videoseg.formats.images.colour import Converter
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.geometry.sizes import check_pixels
from videoseg.types import RgbImage

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

_CODECS = {"h264": "h264", "avc": "h264", "h265": "hevc", "hevc": "hevc"}
_START = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
"""What a unit begins with (Annex B), and the first byte of its header."""
_MOST_UNITS = 64
"""Units of a message to look at; a key frame comes after a few that describe it."""
_H264_KEY = 5
_H265_KEYS = range(16, 22)
"""``nal_unit_type`` of pictures that decoding can begin with (ITU-T H.265, table 7-1)."""
_MOST_PASSED = 256
"""Messages that wait for one that may need them; streams with few key frames have no end."""
_MOST_PIXELS = 1 << 25
"""Pixels of a frame, which a few damaged bytes may claim; 8K has 33 million."""


class VideoStream:
    """Decodes the messages of one topic, in their order, from a key frame on.

    A picture comes out with the message that holds it: Foxglove's schema allows no frames that
    need later ones.

    Args:
        background: What transparent pixels are laid over, ``#rrggbb``.
    """

    def __init__(self, background: str) -> None:
        self._converter = Converter(background)
        self._decoder: VideoCodecContext | None = None
        self._codec = ""
        self._passed: list[bytes] = []

    def is_key(self, message: ImageMessage) -> bool:
        """Whether decoding can begin with a message.

        Raises:
            MessageError: Its format is not known.
        """
        return is_key(bytes(message.data), self._codec_of(message))

    def skip(self, message: ImageMessage) -> None:
        """Pass a message whose picture is not wanted; a later one may need it."""
        data, codec = bytes(message.data), self._codec_of(message)
        if not data:
            return  # to a decoder it would be the end
        if is_key(data, codec):
            self._passed = []
            self._decoder = None
        elif self._decoder is None and not self._passed:
            return
        self._passed.append(data)
        if len(self._passed) >= _MOST_PASSED:
            self._catch_up(codec)

    def rgb(self, message: ImageMessage) -> RgbImage:
        """uint8 (H, W, 3).

        Raises:
            MessageError: It holds no whole picture, or comes before the first key frame.
        """
        codec = self._codec_of(message)
        data = bytes(message.data)
        if not data:
            raise MessageError("empty")
        key = is_key(data, codec)
        if self._decoder is None and not self._passed and not key:
            raise MessageError("before the first key frame")
        if key:
            self._passed = []
        self._catch_up(codec)
        frames = [frame for frame in self._decoded(data, codec) if not frame.is_corrupt]
        if not frames:
            raise MessageError("damaged")
        return self._converter.rgb(frames[-1], frames[-1].width, frames[-1].height)

    def _catch_up(self, codec: str) -> None:
        """Decode what was passed; one that is damaged is left out, as where it is asked for."""
        passed, self._passed = self._passed, []
        for earlier in passed:
            with suppress(MessageError):
                self._decoded(earlier, codec)

    def _codec_of(self, message: ImageMessage) -> str:
        codec = _CODECS.get(message.format.strip().lower())
        if codec is None:
            raise MessageError(f"in the unknown format {message.format[:40]!r}")
        if codec != self._codec:
            self._codec, self._decoder, self._passed = codec, None, []
        return codec

    def _decoded(self, data: bytes, codec: str) -> list[VideoFrame]:
        from av.error import FFmpegError
        from av.packet import Packet

        if self._decoder is None:
            self._decoder = _new_decoder(codec)
        try:
            frames = self._decoder.decode(Packet(data))
            for frame in frames:
                check_pixels(frame.width, frame.height)
        except (FFmpegError, ValueError) as error:
            raise MessageError("damaged") from error
        return frames


def is_key(data: bytes, codec: str) -> bool:
    """Whether decoding can begin with a message.

    Args:
        data: Units with start codes (Annex B).
        codec: ``h264`` or ``hevc``.
    """
    for _, unit in zip(range(_MOST_UNITS), _START.finditer(data), strict=False):
        header = unit[1][0]
        if codec == "h264" and header & 0x1F == _H264_KEY:
            return True
        if codec == "hevc" and header >> 1 & 0x3F in _H265_KEYS:
            return True
    return False


def _new_decoder(codec: str) -> VideoCodecContext:
    """One that gives each picture at once: threads over frames would keep some back."""
    from av.codec.context import CodecContext, Flags
    from av.video.codeccontext import VideoCodecContext

    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)  # noqa: S101
    decoder.thread_type = "SLICE"
    decoder.flags |= Flags.low_delay
    decoder.options = {"max_pixels": str(_MOST_PIXELS)}
    return decoder
