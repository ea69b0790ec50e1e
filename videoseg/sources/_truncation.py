"""Tells a file that ends from a file that breaks off, and says so in one line."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_TOLERANCE = Fraction(1, 10)
"""Seconds, or else two frames, that a container without an index may promise too much."""
_ADVICE = "the file is incomplete: copy, download or export it again"
_MICROSECONDS = Fraction(1, 1_000_000)


@dataclass
class EndOfStream:
    """Watches packets and frames go by, and judges at the end whether it came too early."""

    frames: int = 0
    end_pts: int = 0
    frame_duration: int = 0
    torn: bool = False

    def is_torn(self, packet: Packet[VideoStream], container: InputContainer) -> bool:
        """Whether only the first part of this packet is left, because the file ends in it.

        A transport stream marks packets in this way wherever a piece is lost; there a decoder
        makes what it can of them.
        """
        torn = bool(packet.is_corrupt) and container.format.name != "mpegts"
        self.torn = self.torn or torn
        return torn

    def see_frame(self, frame: VideoFrame) -> None:
        """Note one decoded frame."""
        self.frames += 1
        if frame.pts is not None:
            self.frame_duration = frame.duration or 0
            self.end_pts = frame.pts + self.frame_duration

    def broken(self, location: str, error: Exception) -> str:
        """The message for a file that could not be read on."""
        return (
            f"{location}: cannot be read after frame {self.frames - 1} ({_reason(error)}); "
            f"{_ADVICE}"
            if self.frames
            else unreadable(location, error)
        )

    def missing(self, container: InputContainer, stream: VideoStream, location: str) -> str | None:
        """The message for a stream that ended too early, or None where it ended as promised."""
        if not (self.torn or _index_beyond_end(container, stream)):
            promised = _promised_seconds(container, stream)
            unit = stream.time_base or Fraction(1)
            got = (self.end_pts - (stream.start_time or 0)) * unit
            tolerance = max(_TOLERANCE, 2 * self.frame_duration * unit)
            if promised is None or not self.frames or promised - got <= tolerance:
                return None
        return f"{location}: breaks off after {self.frames} frames; {_ADVICE}"


def empty(container: InputContainer, stream: VideoStream, location: str) -> str:
    """The message for a stream without a single frame."""
    if _index_beyond_end(container, stream):
        return f"{location}: breaks off before its first frame; {_ADVICE}"
    return (
        f"{location}: holds no frame that can be decoded ({stream.codec_context.name}); "
        "check that it plays, or export it again"
    )


def unreadable(location: str, error: Exception) -> str:
    """The message for a file that cannot be opened at all."""
    path = Path(location)
    if path.is_dir():
        return f"{location}: is a folder without images; give a video file or a folder of images"
    if path.is_file() and not path.stat().st_size:
        return f"{location}: is empty; {_ADVICE}"
    # A QuickTime or MP4 file begins with "ftyp"; one that was not finished lacks its index.
    if _head(path)[4:8] == b"ftyp":
        return f"{location}: its index is missing ({_reason(error)}); {_ADVICE}"
    return f"{location}: is not a video that can be read ({_reason(error)}); give a video file"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(12)
    except OSError:
        return b""


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _index_beyond_end(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the container's index points to data past the end of the file."""
    entries = stream.index_entries
    if not len(entries) or container.size <= 0:
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > container.size


def _promised_seconds(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """How long the picture lasts by its header; None where that cannot be known.

    An index (MP4, QuickTime) is exact and is judged by itself: there the header's duration still
    counts what an edit list cuts away. A container's own duration also covers sound, which may
    well go on after the picture.
    """
    if len(stream.index_entries) and stream.frames:
        return None
    if tag := stream.metadata.get("DURATION"):
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    if container.duration and len(container.streams) == 1:
        return container.duration * _MICROSECONDS
    return None
