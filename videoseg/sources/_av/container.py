"""Opens containers of video and picks the stream to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.formats.images.header import (
    begins_with_png,
    check_packed,
    check_packed_inside,
)
from videoseg.formats.images.picture import is_apng
from videoseg.geometry.sizes import check_pixels, most_pixels
from videoseg.sources._av import gpu
from videoseg.sources._av import truncation as _truncation
from videoseg.sources._av.cameras import Device, device_of
from videoseg.sources._av.sample_tables import check_tables
from videoseg.system.addresses import (
    camera_name,
    for_ffmpeg,
    is_address,
    is_stored,
    without_secrets,
)
from videoseg.system.object_store import Stored
from videoseg.system.range_reader import Blocks, RangeReader

if TYPE_CHECKING:
    from av.codec.context import CodecContext
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

STDIN = "-"
_LIVE = frozenset({"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srt", "udp"})
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Codecs whose transparency only another decoder than FFmpeg's own reads."""
_UNPACKING = frozenset({"apng", "png"})
"""Codecs whose pictures hold texts and profiles that unpack to anything."""
_LONGEST_PICTURE = 1 << 26
"""Bytes of a PNG in object storage, which is looked through before it is opened."""


@dataclass(frozen=True)
class Place:
    """Where a video is: a file, an address, object storage, a camera, a pipe, or standard input.

    Attributes:
        location: Its path or address.
        low_delay: Whether a frame is wanted as soon as it can be decoded, at whatever cost.
        decoder: What decodes it.
    """

    location: str
    low_delay: bool = False
    decoder: gpu.Decoder = "cpu"

    @property
    def shown(self) -> str:
        """The location as people may read it."""
        return without_secrets(self.location)

    @property
    def is_address(self) -> bool:
        """Whether it is reached by a protocol."""
        return is_address(self.location)

    @cached_property
    def blocks(self) -> Blocks | None:
        """What was read lately of an object in storage; None of what is none.

        Raises:
            SourceError: It is not there, or the storage cannot be reached.
        """
        if not is_stored(self.location):
            return None
        stored = Stored(self.location)
        return Blocks(stored.size(), stored.read)

    @property
    def is_live(self) -> bool:
        """Whether its frames come at their own pace."""
        if camera_name(self.location) is not None:
            return True
        return self.is_address and urlsplit(self.location).scheme.lower() in _LIVE

    @property
    def is_read_once(self) -> bool:
        """Whether what has been read from it is gone."""
        return self.location == STDIN or self.is_live or Path(self.location).is_fifo()

    @property
    def name(self) -> str:
        """A name for its stream."""
        if self.location == STDIN:
            return "stdin"
        camera = camera_name(self.location)
        if camera is not None:
            return f"camera {Path(camera).name}"
        path = self.location
        if self.is_address and not is_stored(path):
            path = unquote(urlsplit(path).path)
        return Path(path).stem or "video"


@dataclass
class Opened:
    """An open container, its picture stream, and what decodes it.

    Attributes:
        container: The container.
        stream: The picture stream that is read.
        decoder: What decodes it.
        pictures: Number of picture streams in the container.
        number: Which of them this is, from 0.
        reader: What it is read through, where it lies in object storage.
    """

    container: InputContainer
    stream: VideoStream
    decoder: CodecContext
    pictures: int
    number: int
    reader: RangeReader | None = None

    def decode(self, packet: Packet[VideoStream]) -> list[VideoFrame]:
        """The frames that come of a packet; an empty packet gives those still held.

        Raises:
            FFmpegError: (PyAV's) The packet, or one of the few before it, is damaged.
        """
        if self.decoder is self.stream.codec_context:
            return packet.decode()
        frames: list[VideoFrame] = self.decoder.decode(  # type: ignore[attr-defined]
            packet if packet.size else None
        )
        return frames


@contextmanager
def opened(place: Place, number: int | None, timeout: float) -> Iterator[Opened]:
    """Open a place and pick its picture stream; closed at the end, whatever happens.

    Args:
        place: Where it is.
        number: Which of its picture streams, from 0; None = the main one.
        timeout: Seconds to wait for an address.

    Raises:
        SourceNotFoundError: There is no such file.
        SourceError: It is no video, or has no such stream.
    """
    if place.location != STDIN and not place.is_address and not Path(place.location).exists():
        raise SourceNotFoundError(f"{place.shown}: no such file; check the path")
    reader = None if place.blocks is None else RangeReader(place.blocks)
    stored = _checked_size(place, reader)
    pixels = {"max_pixels": str(most_pixels(stored))}  # of each frame, for all that decodes
    precautions = _precautions(reader)
    hardware = gpu.wanted(place.decoder, place.shown)
    with _container(place, reader, {**pixels, **precautions}, timeout, hardware) as container:
        streams = _picture_streams(container, place.shown)
        stream = _chosen(container, streams, number, place.shown)
        codec = getattr(stream, "codec_context", None)
        if not codec or ("codec_whitelist" in precautions and codec.name in _UNPACKING):
            where = "here" if reader is None else "from object storage"
            raise SourceError(
                f"{place.shown}: its video codec cannot be decoded {where}; convert it to H.264"
            )
        gpu.check_taken(place.decoder, stream, place.shown)
        stream.codec_context.options = pixels
        try:
            check_pixels(stream.codec_context.width, stream.codec_context.height, stored)
        except ValueError as error:
            raise SourceError(f"{place.shown}: {error}") from error
        # Whole frames side by side: with two cores 1.3 to 1.9 times as fast as slices of one. But
        # damage is then patched up in another way each time, so not where it is to be expected.
        # And every thread holds a frame back.
        fragile = place.is_live or container.format.name in _truncation.BARE
        alone = fragile or place.low_delay or stream.codec_context.is_hwaccel
        stream.thread_type = "SLICE" if alone else "AUTO"
        number = streams.index(stream)
        yield Opened(container, stream, _decoder(stream), len(streams), number, reader)


def _container(
    place: Place,
    reader: RangeReader | None,
    options: Mapping[str, str],
    timeout: float,
    hardware: HWAccel | None,
) -> InputContainer:
    """The container at a place, open.

    Raises:
        SourceError: It is no video.
    """
    import av

    device = device_of(place.location) or _file(place.location)
    try:
        found: InputContainer = av.open(
            device.name if reader is None else reader,
            mode="r",
            format=device.format or None,
            options={**device.options, **options},
            metadata_errors="replace",
            timeout=timeout if place.is_address and reader is None else None,
            hwaccel=hardware,
        )
    except SourceError:  # the storage's own
        raise
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(_truncation.unreadable(place.shown, error)) from error
    return found


def _file(location: str) -> Device:
    """What FFmpeg is told to open what is no camera."""
    if location == STDIN:
        return Device("pipe:0")
    # FFmpeg takes one with a colour profile in front for a single picture.
    return Device(for_ffmpeg(location), "apng" if is_apng(Path(location)) else "")


def _checked_size(place: Place, reader: RangeReader | None) -> int | None:
    """Bytes of a file, once it has been seen to claim no more than it explains; else None.

    Args:
        place: Where it is.
        reader: Reads it, where it lies in object storage.

    Raises:
        SourceError: It claims more.
    """
    path = Path(place.location)
    try:
        if place.blocks is not None and reader is not None:
            return _checked(cast("BinaryIO", reader), place.blocks.size)
        if place.location == STDIN or place.is_address or not path.is_file():
            return None
        with path.open("rb") as file:
            return _checked(file, path.stat().st_size)
    except SourceError:
        raise
    except OSError:
        return None  # said by the decoder
    except ValueError as error:
        raise SourceError(f"{place.shown}: {error}") from error


def _checked(file: BinaryIO, stored: int) -> int:
    """The size of a file, which claims no more than that explains; it is at its beginning again.

    Raises:
        ValueError: It claims more.
    """
    check_tables(file, stored)
    if not isinstance(file, RangeReader):
        check_packed_inside(file, stored)
    elif begins_with_png(file):
        file.seek(0)
        check_packed(memoryview(file.read(_LONGEST_PICTURE)))
    file.seek(0)
    return stored


def _precautions(reader: RangeReader | None) -> dict[str, str]:
    """Options for an object in storage.

    What is in it (a playlist) opens no file and no address. And films of PNG, whose every picture
    would have to be looked through beforehand, are not decoded.
    """
    if reader is None:
        return {}
    is_png = begins_with_png(cast("BinaryIO", reader))
    reader.seek(0)
    return {"protocol_whitelist": "data", **({} if is_png else {"codec_whitelist": _but_png()})}


@cache
def _but_png() -> str:
    from av.codec import codecs_available

    return ",".join(sorted(codecs_available - _UNPACKING))


def _picture_streams(container: InputContainer, location: str) -> list[VideoStream]:
    """The video streams, without cover pictures and text that FFmpeg draws as video."""
    from av.stream import Disposition

    cover = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & cover]
    if streams and container.format.name != "tty":
        return streams
    others = {"text" if stream.type == "video" else stream.type for stream in container.streams}
    if container.format.name != "tty" and container.streams.video:
        others = (others - {"text"}) | {"a cover picture"}
    raise SourceError(
        f"{location}: holds no video, only {' and '.join(sorted(others)) or 'a header'}; "
        "give a file with a picture stream"
    )


def _chosen(
    container: InputContainer, streams: list[VideoStream], number: int | None, location: str
) -> VideoStream:
    if number is None:
        best = container.streams.best("video")
        return next((stream for stream in streams if stream is best), streams[0])
    if number >= len(streams):
        raise SourceError(
            f"{location}: has no picture stream {number}; they are numbered 0 to {len(streams) - 1}"
        )
    return streams[number]


def _decoder(stream: VideoStream) -> CodecContext:
    """The stream's own decoder, or the one that also reads transparency where there is some."""
    from av.codec.context import CodecContext
    from av.error import FFmpegError

    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    tags = {key.lower(): value for key, value in stream.metadata.items()}
    if name is None or tags.get("alpha_mode") != "1":
        return stream.codec_context
    try:
        context = CodecContext.create(name, "r")
        if name == "libvpx":
            context.thread_count = 1  # its threads spin: on busy cores more of them take longer
        return context
    except (FFmpegError, ValueError):  # built without it: opaque is better than nothing
        return stream.codec_context
