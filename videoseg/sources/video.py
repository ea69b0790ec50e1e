"""Video files and addresses through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from videoseg.errors import SourceError, SourceNotFoundError
from videoseg.sources import _truncation
from videoseg.sources._clock import Clock
from videoseg.types import Colour, Frame, RgbImage, StreamInfo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream

_BT601, _BT709 = 5, 1
_SWSCALE_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""ITU-T H.273 matrix_coefficients -> the constant libswscale knows the same matrix by."""
_LIMITED, _FULL = 1, 2
_UNSPECIFIED = 2


@dataclass
class VideoSource:
    """Frames of the main picture stream of anything that FFmpeg can open.

    Frames come upright: the rotation that a camera wrote into the file is applied here, once.
    Colour becomes RGB by the stream's own matrix and range; a stream that names none is read as
    BT.601 below 720 lines and as BT.709 from there on, in limited range, as players do.

    Attributes:
        dropped: Packets and frames that the last call of ``frames`` had to leave out, because they
            could not be decoded or their time did not rise.
    """

    dropped: int = field(init=False, repr=False, default=0)
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _running: weakref.WeakSet[Generator[Frame]] = field(
        init=False, repr=False, default_factory=weakref.WeakSet
    )

    @classmethod
    def accepts(cls, location: str) -> bool:  # noqa: ARG003
        """Whether this source is the one to try for ``location``; it is, where no other is."""
        return True

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Open a file or address and decode its first frame, to learn what it holds.

        Raises:
            SourceNotFoundError: There is no such file.
            SourceError: It is no video, holds no picture, or its first frame cannot be decoded.
        """
        self.close()
        with _opened(location) as (container, stream):
            first = next(self._decoded(container, stream, location), None)
            if first is None:
                raise SourceError(_truncation.empty(container, stream, location))
            self._info = _describe(location, container, stream, first)
        return {self._info.stream: self._info}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield frames ``start <= index < stop``; every call decodes from the first frame.

        Frames before ``start`` are decoded and counted but not converted: seeking by time cannot
        promise the same index in every container.

        Raises:
            SourceError: No file is open, or it breaks off before it should. What could be decoded
                before the break has been yielded by then.
        """
        if self._info is None or self._info.location is None:
            raise SourceError("no video is open; call open() with a file first")
        frames = self._frames(self._info, self._info.location, start, stop)
        self._running.add(frames)
        return frames

    def close(self) -> None:
        """End every iteration that still runs and close its file. A second call does nothing."""
        for frames in tuple(self._running):
            frames.close()
        self._running.clear()
        self._info = None

    def _frames(
        self, info: StreamInfo, location: str, start: int, stop: int | None
    ) -> Generator[Frame]:
        from av.video.reformatter import VideoReformatter

        reformatter = VideoReformatter()
        self.dropped = 0
        if stop is not None and stop <= start:
            return
        with _opened(location) as (container, stream):
            for index, (frame, pts, duration) in enumerate(
                _timed(self._rising(container, stream, location, info))
            ):
                if index >= start:
                    yield Frame(
                        stream=info.stream,
                        index=index,
                        pts=pts,
                        time_base=info.time_base,
                        image=_upright_rgb(frame, info, reformatter),
                        duration=duration,
                        native=frame,
                    )
                if index + 1 == stop:
                    return

    def _rising(
        self, container: InputContainer, stream: VideoStream, location: str, info: StreamInfo
    ) -> Iterator[tuple[VideoFrame, int]]:
        """Decoded frames with a time each; frames whose time does not rise are dropped."""
        clock = Clock(info.start_pts, _nominal_step(info))
        for frame in self._decoded(container, stream, location):
            pts = clock.time(frame)
            if pts is None:
                self.dropped += 1
            else:
                yield frame, pts

    def _decoded(
        self, container: InputContainer, stream: VideoStream, location: str
    ) -> Iterator[VideoFrame]:
        """Decode to the end; single packets that cannot be decoded are dropped.

        Raises:
            SourceError: The file broke off; raised after its last frame.
        """
        from av.error import FFmpegError, InvalidDataError

        end = _truncation.EndOfStream()
        try:
            for packet in container.demux(stream):
                if end.is_torn(packet, container):
                    self.dropped += 1
                    continue
                try:
                    decoded = packet.decode()
                except InvalidDataError:
                    self.dropped += 1
                    continue
                for frame in decoded:
                    end.see_frame(frame)
                    yield frame
        except FFmpegError as error:
            raise SourceError(end.broken(location, error)) from error
        broken = end.missing(container, stream, location)
        if broken:
            raise SourceError(broken)


PARTS = {"video": VideoSource}


@contextmanager
def _opened(location: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a container and pick its main picture stream; closed at the end, whatever happens."""
    import av

    if "://" not in location and not Path(location).exists():
        raise SourceNotFoundError(f"{location}: no such file; check the path")
    try:
        container = av.open(location, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(_truncation.unreadable(location, error)) from error
    with container:
        stream = _picture_stream(container, location)
        if not getattr(stream, "codec_context", None):
            raise SourceError(
                f"{location}: its video codec cannot be decoded here; convert it to H.264"
            )
        # Whole frames side by side: with two cores 1.3 to 1.9 times as fast as slices of one.
        stream.thread_type = "AUTO"
        yield container, stream


def _picture_stream(container: InputContainer, location: str) -> VideoStream:
    """The main video stream, passing over cover pictures and text that FFmpeg draws as video."""
    from av.stream import Disposition

    cover = Disposition.attached_pic | Disposition.timed_thumbnails
    candidates = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not candidates or container.format.name == "tty":
        others = {"text" if stream.type == "video" else stream.type for stream in container.streams}
        raise SourceError(
            f"{location}: holds no video, only {' and '.join(sorted(others)) or 'a header'}; "
            "give a file with a picture stream"
        )
    best = container.streams.best("video")
    return next((stream for stream in candidates if stream is best), candidates[0])


def _describe(
    location: str, container: InputContainer, stream: VideoStream, first: VideoFrame
) -> StreamInfo:
    context = stream.codec_context
    info = StreamInfo(
        stream=Path(location).stem or "video",
        width=first.width,
        height=first.height,
        time_base=Fraction(stream.time_base or 1),
        frame_rate=Fraction(rate) if (rate := stream.average_rate) else None,
        frame_count=stream.frames or None,
        start_pts=first.pts or 0,
        bit_depth=max(component.bits for component in first.format.components),
        sample_aspect_ratio=Fraction(ratio)
        if (ratio := stream.sample_aspect_ratio)
        else Fraction(1),
        rotation=round(-first.rotation / 90) * 90 % 360,  # the library counts counterclockwise
        colour=Colour(
            primaries=_tag(context.color_primaries),
            transfer=_tag(context.color_trc),
            matrix=_tag(context.colorspace),
            full_range={_LIMITED: False, _FULL: True}.get(int(context.color_range)),
        ),
        timecode=_timecode(container, stream),
        has_audio=bool(container.streams.audio),
        location=location,
    )
    if info.rotation in (90, 270):
        return replace(
            info,
            width=info.height,
            height=info.width,
            sample_aspect_ratio=1 / info.sample_aspect_ratio,
        )
    return info


def _tag(value: int) -> int | None:
    return None if value == _UNSPECIFIED else int(value)


def _timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """The start timecode; MP4 keeps it on a stream of its own, MXF and Matroska on the file."""
    for holder in (stream, container, *container.streams):
        found: str | None = holder.metadata.get("timecode")
        if found:
            return found
    return None


def _nominal_step(info: StreamInfo) -> int:
    """Time units from one frame to the next where the file says nothing; at least 1."""
    return max(1, round(1 / (info.frame_rate * info.time_base))) if info.frame_rate else 1


def _timed(
    frames: Iterator[tuple[VideoFrame, int]],
) -> Iterator[tuple[VideoFrame, int, int | None]]:
    """Add durations: up to the next frame's time; for the last, what the file says, or None."""
    held: tuple[VideoFrame, int] | None = None
    try:
        for frame, pts in frames:
            if held is not None:
                yield *held, pts - held[1]
            held = frame, pts
    except SourceError:
        if held is not None:
            yield *held, held[0].duration or None
        raise
    if held is not None:
        yield *held, held[0].duration or None


def _upright_rgb(frame: VideoFrame, info: StreamInfo, reformatter: VideoReformatter) -> RgbImage:
    """uint8 (H, W, 3) of the stream's size, whatever size this frame was coded in."""
    turned = info.rotation in (90, 270)
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    colour: dict[str, Any] = {}
    if not frame.format.is_rgb:
        matrix = _BT601 if frame.height < 720 else _BT709
        colour = {
            "src_colorspace": _SWSCALE_MATRIX.get(int(frame.colorspace), matrix),
            "src_color_range": _FULL if _is_full_range(frame) else _LIMITED,
            "dst_color_range": _FULL,
        }
    converted = reformatter.reformat(frame, width, height, "rgb24", threads=1, **colour)
    return _turned(np.asarray(converted.to_ndarray(), dtype=np.uint8), info.rotation)


def _is_full_range(frame: VideoFrame) -> bool:
    return int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")


def _turned(image: RgbImage, degrees: int) -> RgbImage:
    """Turn clockwise."""
    if not degrees:
        return image
    import cv2

    code = {
        90: cv2.ROTATE_90_CLOCKWISE,
        180: cv2.ROTATE_180,
        270: cv2.ROTATE_90_COUNTERCLOCKWISE,
    }[degrees]
    return np.asarray(cv2.rotate(image, code), dtype=np.uint8)
