"""Tells a file that ends from a file that breaks off, and says so in one line."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.system.addresses import is_address

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_CLOCK = re.compile(r"(\d{1,9}):(\d{1,9}):(\d{1,9}(?:\.\d{1,12})?)")
"""Hours, minutes and seconds of a tag of Matroska."""
_TOLERANCE = Fraction(1, 10)
"""Seconds, or else two frames, that a container without an index may promise too much."""
_ADVICE = "the file is incomplete: copy, download or export it again"
_MICROSECONDS = Fraction(1, 1_000_000)
BARE = frozenset({"h264", "hevc", "vvc", "mpegvideo", "m4v", "mpeg", "mpegts"})
"""Formats that say nothing about their own end: only the last packet shows whether it is whole.

They come from broadcasts, cameras and other places where pieces get lost."""
_TS_PACKETS = (188, 192, 204)
"""Sizes of a transport stream's packets, in bytes."""
_TS_SYNC = 0x47


@dataclass(frozen=True, slots=True)
class _Number:
    """A packet's number, an object of its own: PyAV tells what packets carry by identity alone."""

    value: int


@dataclass
class EndOfStream:
    """Watches packets and frames go by, and judges at the end whether it came too early.

    Attributes:
        frames: Frames decoded so far.
        torn: Whether a packet was cut short by the file's end.
    """

    frames: int = 0
    torn: bool = False
    _end_pts: int = 0
    _frame_duration: int = 0
    _end_seconds: Fraction = Fraction(0)
    _end_position: int = 0
    _sent: int = 0
    _last_whole: int = 0
    _fields: bool = False

    def skip(self, *, packets: int, frames: int) -> None:
        """Take as seen what a jump left out."""
        self._sent = self._last_whole = packets
        self.frames = frames

    def see_packet(self, packet: Packet[Stream], container: InputContainer) -> bool:
        """Note a packet of picture or sound; whether only its first part is left.

        A transport stream marks packets in this way wherever a piece is lost; there a decoder
        makes what it can of them.
        """
        if packet.size:
            self._end_position = max(self._end_position, (packet.pos or 0) + packet.size)
        if packet.pts is not None:
            end = (packet.pts + (packet.duration or 0)) * packet.time_base
            self._end_seconds = max(self._end_seconds, end)
        torn = bool(packet.is_corrupt) and container.format.name != "mpegts"
        self.torn = self.torn or torn
        return torn

    def number(self, packet: Packet[VideoStream]) -> None:
        """Number a packet that is about to be decoded; its frame comes out with the number."""
        if packet.size:
            self._sent += 1
            packet.opaque = _Number(self._sent)

    def see_frame(self, frame: VideoFrame) -> None:
        """Note one decoded frame."""
        self.frames += 1
        if isinstance(frame.opaque, _Number) and not frame.is_corrupt:
            self._last_whole = max(self._last_whole, frame.opaque.value)
            self._fields = frame.interlaced_frame
        if frame.pts is not None:
            self._frame_duration = frame.duration or 0
            self._end_pts = frame.pts + self._frame_duration

    def broken(self, location: str, error: Exception) -> str:
        """The message for a file that could not be read on."""
        if not self.frames:
            return unreadable(location, error)
        advice = _ADVICE
        if is_address(location):
            advice = "check the connection, or download it first"
        elif _is_of_the_system(error):
            advice = "check the disk that it lies on"
        return (
            f"{location}: cannot be read after frame {self.frames - 1} ({_reason(error)}); {advice}"
        )

    def missing(self, container: InputContainer, stream: VideoStream, location: str) -> str | None:
        """The message for a stream that ended too early, or None where it ended as promised."""
        if self.frames and (
            self.torn
            or _index_beyond_end(container, stream)
            or self._ends_in_damage(container)
            or self._ends_in_a_piece(container, location)
            or self._lacks_its_end(container, stream, location)
            or self._ends_before_promised(container, stream)
        ):
            return f"{location}: breaks off after {self.frames} frames; {_ADVICE}"
        return None

    def _ends_in_damage(self, container: InputContainer) -> bool:
        """Whether nothing whole came of the last packet, in formats where that says something.

        Two packets may hold one field each of the same frame.
        """
        if container.format.name not in BARE:
            return False
        return self._last_whole < self._sent - (1 if self._fields else 0)

    def _ends_in_a_piece(self, container: InputContainer, location: str) -> bool:
        """Whether bytes follow the last whole packet, in formats where none may."""
        size, name = container.size, container.format.name
        if size <= 0:
            return False
        if name == "mpegts":
            packet = _ts_packet_size(Path(location))
            return packet is not None and size % packet > 0
        if name == "yuv4mpegpipe":
            return 0 < self._end_position < size
        return False

    def _lacks_its_end(self, container: InputContainer, stream: VideoStream, location: str) -> bool:
        """Whether what some formats count or append when they are finished is not there."""
        size, name = container.size, container.format.name
        if name == "avi":
            return 0 < size < _riff_size(Path(location))
        if name == "nut":  # FFmpeg ends it with an index, whenever it could be finished
            return size > 0 and not len(stream.index_entries)
        return name == "ivf" and self._sent < stream.frames

    def _ends_before_promised(self, container: InputContainer, stream: VideoStream) -> bool:
        """Whether the picture, or else all streams together, end before the header says so.

        An index (MP4, QuickTime) is exact and is judged by itself: there the header's duration
        still counts what an edit list cuts away. A container's own duration also covers sound,
        which may well go on after the picture.
        """
        if container.format.name in BARE or (len(stream.index_entries) and stream.frames):
            return False
        unit = stream.time_base or Fraction(1)
        tolerance = max(_TOLERANCE, 2 * self._frame_duration * unit)
        promised = _promised_end(stream)
        if promised is not None:
            return promised - self._end_pts * unit > tolerance
        if not container.duration or not self._end_seconds:
            return False
        start = (container.start_time or 0) * _MICROSECONDS
        return container.duration * _MICROSECONDS - (self._end_seconds - start) > tolerance


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
    if is_address(location):
        return f"{location}: cannot be opened ({_reason(error)}); check the address"
    if location == "-":
        return (
            f"-: standard input is not a video that can be read in one go ({_reason(error)}); an "
            "MP4 needs its index in front (ffmpeg -movflags +faststart), or give the file by name"
        )
    path = Path(location)
    if path.is_dir():
        return f"{location}: is a folder without images; give a video file or a folder of images"
    if path.is_file():
        if not path.stat().st_size:
            return f"{location}: is empty; {_ADVICE}"
        if (refused := _refused(path)) is not None:
            return f"{location}: cannot be opened ({refused}); check that you may read it"
        if _lacks_index(path):
            return f"{location}: its index is missing ({_reason(error)}); {_ADVICE}"
    return f"{location}: is not a video that can be read ({_reason(error)}); give a video file"


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _refused(path: Path) -> str | None:
    """Why the system does not let a file be read, or None where it does."""
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return _reason(error)
    return None


def _lacks_index(path: Path) -> bool:
    """Whether a QuickTime or MP4 file (it begins with "ftyp") ends without a whole "moov" box.

    It comes last in a file that was never finished, or that was cut.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(12)[4:8] != b"ftyp":
            return False
        place = 0
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:  # the size follows the name, in 64 bits
                length = int.from_bytes(head[8:16], "big")
            end = place + length if length else size
            if head[4:8] == b"moov":
                return end > size
            if length and length < 8:
                return False  # damaged
            place = end
    return True


def _is_of_the_system(error: Exception) -> bool:
    """Whether an error came from the disk or the network; FFmpeg calls a torn file EIO, too."""
    number = getattr(error, "errno", None)
    return number in errno.errorcode and number not in (errno.EIO, errno.EINVAL, errno.ENOMEM)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _ts_packet_size(path: Path) -> int | None:
    """The distance between the sync bytes of a transport stream's first packets."""
    head = _head(path, 4096) if path.is_file() else b""
    for size in _TS_PACKETS:
        first = size - 188 if size == 192 else 0  # M2TS puts a time before each packet
        syncs = head[first::size]
        if len(syncs) > 1 and set(syncs) == {_TS_SYNC}:
            return size
    return None


def _riff_size(path: Path) -> int:
    """Bytes that a RIFF file says it has; 8 where it was never finished."""
    head = _head(path, 8) if path.is_file() else b""
    return 8 + int.from_bytes(head[4:8], "little")


def _index_beyond_end(container: InputContainer, stream: VideoStream) -> bool:
    """Whether the container's index points to data past the end of the file."""
    entries = stream.index_entries
    if not len(entries) or container.size <= 0:
        return False
    last = entries[len(entries) - 1]
    return last.pos + last.size > container.size


def _promised_end(stream: VideoStream) -> Fraction | None:
    """When the picture itself ends by its header, in seconds; None where that is not said.

    Of Matroska's tag some writers take off where the stream begins, FFmpeg does not.
    """
    if tag := _CLOCK.fullmatch(stream.metadata.get("DURATION", "")):
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    if stream.duration and stream.time_base:
        return (stream.duration + (stream.start_time or 0)) * stream.time_base
    return None
