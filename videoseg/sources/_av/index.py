"""Which packet of a file shows which frame, told without decoding, and where decoding may begin."""

from __future__ import annotations

import bisect
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from videoseg.sources._av.container import Opened, Place, opened
from videoseg.sources._av.sample_tables import has_fragments
from videoseg.system.range_reader import RangeReader

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_ONE_EACH = frozenset({
    "av1", "cfhd", "dnxhd", "dvvideo", "ffv1", "ffvhuff", "h264", "hevc", "huffyuv", "jpeg2000",
    "mjpeg", "mpeg1video", "mpeg2video", "png", "prores", "qtrle", "rawvideo", "utvideo", "v210",
    "vp9", "vvc",
})  # fmt: skip
"""Codecs whose every packet shows one frame; others hide some (VP8) or pack two (MPEG-4 in AVI)."""
_UNPARSED = frozenset({"dnxhd", "h264", "hevc", "mjpeg", "prores"})
"""Those of which FFmpeg takes the times from the tables of an MP4 and never from packets."""
_DEEPEST = 64
"""No codec shows a frame this many packets after the place that it is stored at."""


@dataclass(frozen=True, slots=True)
class Key:
    """A packet that decoding may begin with.

    Attributes:
        pts: When it is shown.
        dts: When it is decoded, or None.
        position: Its first byte in the file.
        size: Its length in bytes.
        before: Packets of its stream before it.
    """

    pts: int
    dts: int | None
    position: int
    size: int
    before: int

    def is_packet(self, packet: Packet[VideoStream]) -> bool:
        """Whether this is the packet, met again after a jump."""
        found = (packet.pts, packet.pos, packet.size)
        return found == (self.pts, self.position, self.size)


@dataclass(frozen=True, slots=True)
class Jump:
    """A way to a frame that does not lead past all frames before it.

    Attributes:
        key: What to begin with.
        pts: When the frame is shown.
        shown_before: Frames before the key.
    """

    key: Key
    pts: int
    shown_before: int


@dataclass(frozen=True, slots=True)
class Index:
    """The frames of a file, or of its beginning, by what its packets say.

    Attributes:
        times: ``pts`` of each frame, rising.
        keys: Packets that decoding may begin with, in the order of the file.
        reaches: Frames of which it is certain: what is stored later is shown later.
        complete: Whether the file has no more.
    """

    times: Sequence[int]
    keys: Sequence[Key]
    reaches: int
    complete: bool

    def covers(self, until: Until) -> bool:
        """Whether it has been read so far."""
        sure = self.reaches
        return self.complete or (sure > 0 and until.covers(sure, self.times[sure - 1]))

    def jump_to(self, number: int) -> Jump | None:
        """The shortest way to a frame; None where it begins with the file, or there is none.

        What is shown before a key may lean on what is stored before it (an open group of pictures),
        so the frame must not be earlier than its key.
        """
        if number >= len(self.times):
            return None
        pts = self.times[number]
        key = max(
            (key for key in self.keys if key.pts <= pts), key=lambda k: k.before, default=None
        )
        if key is None or not key.before:
            return None
        return Jump(key, pts, bisect.bisect_left(self.times, key.pts))


@dataclass(frozen=True, slots=True)
class Until:
    """How much of a file has to be read: past a frame's number, or past a time.

    Attributes:
        number: A frame's number, from 0.
        pts: A time.
    """

    number: int = 0
    pts: int | None = None

    def covers(self, count: int, pts: int) -> bool:
        """Whether it is, once ``count`` frames have been read, the latest one shown at ``pts``."""
        return count > self.number and (self.pts is None or pts >= self.pts)


def read_index(
    place: Place, number: int | None, timeout: float, first: VideoFrame, until: Until
) -> Index | None:
    """Read the packets of a place from its beginning, decoding none.

    Args:
        place: Where it is; opened for this.
        number: Which picture stream, see ``opened``.
        timeout: Seconds to wait for an address.
        first: Its first whole frame, with which counting begins.
        until: What has to be covered.

    Returns:
        None where packets do not plainly say which frames they make.

    Raises:
        SourceError: It cannot be opened any more.
    """
    from av.error import FFmpegError

    if first.interlaced_frame or first.pts is None:
        return None  # two packets may hold one field each of a frame
    with opened(place, number, timeout) as video:
        if video.stream.codec_context.codec.canonical_name not in _ONE_EACH:
            return None
        is_key: Callable[[Packet[VideoStream]], bool] = operator.attrgetter("is_keyframe")
        if video.reader is not None and _tells_all_in_tables(video, place):
            video.reader.hollow = True
            keys = {entry.pos for entry in video.stream.index_entries if entry.is_keyframe}
            is_key = lambda packet: packet.pos in keys  # noqa: E731
        packets = (packet for packet in video.container.demux(video.stream) if packet.size)
        try:
            return _index(packets, is_key, first.pts, until)
        except FFmpegError:
            return None


def _tells_all_in_tables(video: Opened, place: Place) -> bool:
    """Whether all about packets stands in the header of the file, so that none need be fetched."""
    name = video.stream.codec_context.codec.canonical_name
    if place.blocks is None or name not in _UNPARSED or "mov" not in video.container.format.name:
        return False
    return not has_fragments(cast("BinaryIO", RangeReader(place.blocks)), place.blocks.size)


def _index(
    packets: Iterator[Packet[VideoStream]],
    is_key: Callable[[Packet[VideoStream]], bool],
    start: int,
    until: Until,
) -> Index | None:
    times: list[int] = []
    keys: list[Key] = []
    left, complete = _DEEPEST, True
    for before, packet in enumerate(packets):
        if packet.pts is None or packet.is_corrupt:
            return None
        if packet.pos is not None and is_key(packet):
            keys.append(Key(packet.pts, packet.dts, packet.pos, packet.size, before))
        if packet.pts >= start and not packet.is_discard:
            times.append(packet.pts)
            left -= until.covers(len(times), packet.pts)
            if not left:
                complete = False
                break
    times.sort()
    if any(earlier == later for earlier, later in itertools.pairwise(times)):
        return None
    return Index(times, keys, max(0, len(times) - (0 if complete else _DEEPEST)), complete)
