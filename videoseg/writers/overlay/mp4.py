"""An MP4 that every browser plays: H.264, yuv420p, index in front, times and tags of the source."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from videoseg.drawing.planes import LUMA_WEIGHTS, Plane
from videoseg.errors import OutputError
from videoseg.formats.timecode import timecode_of
from videoseg.system.addresses import for_ffmpeg
from videoseg.types import Colour, Frame, StreamInfo
from videoseg.writers.overlay.sound import Sound

if TYPE_CHECKING:
    from av import VideoFrame

UNSPECIFIED = 2
"""What H.273 writes for primaries, transfer and matrix that are not known."""
_HDR_TRANSFERS = (16, 18)
"""PQ and HLG."""
_SWSCALE_MATRIX = {6: 5}
_FINEST = 1_000_000
"""Largest time base denominator: times are exact to the microsecond, gaps of 35 minutes fit."""
_MOST_UNITS = 2**31 - 1
"""Units of time between two frames, and parts of a fraction, that fit the container's 32 bits."""
_SLOWEST = Fraction(1, 1000)
"""Frames per second; the last frame is shown for no longer than this says."""
_MOST_ASPECT = 65535
"""Width and height of a pixel, as H.264 counts them."""
LARGEST = 16384
"""Pixels on a side that x264 takes."""
_FASTEST_COUNTED = 255
"""Frames per second that fit the one byte of a timecode track."""


def output_colour(info: StreamInfo) -> Colour:
    """The tags to write: the source's, with BT.709 where it is no kind of Y'CbCr we can make.

    What was HDR is drawn on its tone-mapped pictures, so it is written as BT.709.
    """
    colour = info.colour
    if colour.transfer in _HDR_TRANSFERS:
        return Colour(primaries=1, transfer=1, matrix=1, full_range=False)
    matrix = colour.matrix if colour.matrix is None or colour.matrix in LUMA_WEIGHTS else 1
    return Colour(colour.primaries, colour.transfer, matrix, colour.full_range)


def assumed_matrix(info: StreamInfo) -> int:
    """The matrix to compute with; where nothing is said, the one that players assume by size."""
    matrix = output_colour(info).matrix
    if matrix is not None:
        return matrix
    return 5 if info.height < 720 else 1


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture to draw on.

    Attributes:
        encoded: What will be encoded.
        planes: Views of its planes: uint8 (H, W) and twice (H / 2, W / 2), H and W even.
        frame: What it is a picture of.
    """

    encoded: VideoFrame
    planes: tuple[Plane, ...]
    frame: Frame


class Mp4:
    """Writes one stream of pictures and the sound of its source.

    A width or height that is odd, or less than 4, grows by copies of the last column or row.

    Args:
        path: The file; made at once, so that a folder that cannot be written is found now.
        info: The stream.
        crf: Quality of x264, 1 (best) to 51.
        preset: Speed of x264.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, info: StreamInfo, *, crf: int, preset: str) -> None:
        import av

        self._path = path
        self._info = info
        self._colour = output_colour(info)
        self._width, self._height = (max(4, size + size % 2) for size in (info.width, info.height))
        self._rate = max(_SLOWEST, info.frame_rate or Fraction(25))
        # Frames that are far apart leave no bits for a fine time base.
        finest = min(_FINEST, max(1000, int(_MOST_UNITS * self._rate / 1000)))
        self._time_base = info.time_base
        if info.time_base.denominator > finest:
            self._time_base = Fraction(1, finest)
        # No frame is shorter than a unit, whatever an average says; and both parts fit.
        self._rate = min(self._rate, max(1 / self._time_base, _SLOWEST)).limit_denominator(2000)
        self._longest_gap = int(_MOST_UNITS / _timescale(self._time_base) / self._time_base)
        self._latest: int | None = None
        self._shift: int | None = None
        self._end = Fraction(0)
        self._durations: dict[int, int] = {}
        self._sound: Sound | None = None
        with self._failing():
            path.write_bytes(b"")
            self._container = av.open(
                for_ffmpeg(path), "w", format="mp4", options={"movflags": "faststart"}
            )
        try:
            self._stream = self._video_stream(crf, preset)
            if info.has_audio and info.location is not None:
                self._sound = Sound(info.location, self._container)
            self._container.options["movie_timescale"] = str(self._movie_timescale())
        except BaseException:
            self.discard()
            raise

    def picture_of(self, frame: Frame) -> Picture:
        """A copy of a frame's picture, to be drawn on and written.

        The decoder's own samples are taken where they are what will be encoded, else the RGB image
        is converted.
        """
        import av

        source = frame.native if self._passes(frame.native) else self._converted(frame)
        picture = av.VideoFrame(self._width, self._height, "yuv420p")
        picture.time_base = self._time_base
        self._tag(picture)
        planes = _planes(picture)
        for target, given in zip(planes, _planes(source), strict=True):
            height, width = given.shape
            target[:height, :width] = given
            target[:height, width:] = given[:, -1:]
            target[height:] = target[height - 1]
        return Picture(picture, planes, frame)

    def write(self, picture: Picture) -> None:
        """Encode a picture at its frame's time.

        Raises:
            OutputError: The file cannot be written.
        """
        encoded, frame = picture.encoded, picture.frame
        encoded.pts = self._time(frame.pts)
        if self._shift is None:
            # Stamps of pictures may count from 1970: no player would wait for the first.
            start = -self._time(self._info.start_pts) if frame.name is not None else 0
            self._shift = start if start < 0 else max(start, -encoded.pts)
            self._begin_timecode(frame.index)
            if self._sound is not None:
                begin = frame.seconds if frame.index else None
                with self._failing():
                    self._sound.start(begin, self._shift * self._time_base)
        encoded.pts += self._shift
        encoded.pts = self._placed(encoded.pts, frame)
        if frame.duration:
            self._durations[encoded.pts] = min(self._time(frame.duration), self._longest_gap)
        self._end = frame.seconds + (
            frame.duration * frame.time_base if frame.duration else 1 / self._rate
        )
        with self._failing():
            self._mux(encoded)
            if self._sound is not None:
                self._sound.mux_until(self._end)

    def finish(self) -> None:
        """End the file; one without a picture is removed.

        Raises:
            OutputError: The file cannot be written.
        """
        if self._shift is None:
            self.discard()
            return
        with self._failing():
            self._mux(None)
            if self._sound is not None:
                ends = self._sound.picture_end()
                whole = ends is not None and self._end >= ends - 1 / self._rate / 2
                self._sound.mux_until(None if whole else self._end)
                self._sound.finish(None if whole else self._end)
                self._sound.close()
            self._container.close()

    def discard(self) -> None:
        """Close and remove the file, whatever state it is in."""
        if self._sound is not None:
            self._sound.close()
        with suppress(OSError):
            self._container.close()
        self._path.unlink(missing_ok=True)

    def _placed(self, pts: int, frame: Frame) -> int:
        """The time of a frame; rounding must not make two the same.

        Raises:
            OutputError: It is too long after the frame before for the container.
        """
        if self._latest is not None:
            pts = max(pts, self._latest + 1)
        if self._latest is not None and pts - self._latest > self._longest_gap:
            seconds = float((pts - self._latest) * self._time_base)
            raise OutputError(
                f"cannot write {self._path}: frame {frame.index} comes {seconds:.0f} s after the "
                "one before it, which MP4 cannot hold; leave the gap out with --start and --end, "
                "or write other outputs"
            )
        self._latest = pts
        return pts

    def _begin_timecode(self, index: int) -> None:
        """Write the timecode of the first frame, where the source has one that fits its rate."""
        timecode = timecode_of(index, self._info.timecode, self._info.frame_rate)
        if timecode is not None and self._rate <= _FASTEST_COUNTED:
            self._stream.metadata["timecode"] = timecode

    def _movie_timescale(self) -> int:
        """Units per second in which starts of all tracks are whole, as far as 32 bits go."""
        units = self._time_base.denominator
        units *= -(-1000 // units)
        for rate in self._sound.rates if self._sound is not None else ():
            common = math.lcm(units, rate)
            units = common if common < 2**31 else units
        return units

    def _video_stream(self, crf: int, preset: str) -> Any:
        # With its macroblock tree, x264 gives other bytes from run to run, even in one thread; at
        # a crf higher by 2 it does as well without.
        options = {"crf": str(crf), "preset": preset, "x264-params": "mbtree=0"}
        stream: Any = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, "yuv420p"
        stream.time_base = self._time_base
        context = stream.codec_context
        context.time_base = self._time_base
        aspect = self._info.sample_aspect_ratio.limit_denominator(_MOST_ASPECT)
        if 0 < aspect <= _MOST_ASPECT:
            context.sample_aspect_ratio = aspect
        self._tag(context)
        return stream

    def _tag(self, target: Any) -> None:
        """Write the colour tags; the encoder looks for them on its context and on each frame."""
        colour = self._colour
        target.color_primaries = UNSPECIFIED if colour.primaries is None else colour.primaries
        target.color_trc = UNSPECIFIED if colour.transfer is None else colour.transfer
        target.colorspace = UNSPECIFIED if colour.matrix is None else colour.matrix
        target.color_range = 0 if colour.full_range is None else 1 + colour.full_range

    def _passes(self, native: Any) -> bool:
        """Whether the decoder's frame holds, sample by sample, what will be encoded."""
        import av

        mapped = self._info.colour.transfer in _HDR_TRANSFERS
        if self._info.rotation or mapped or not isinstance(native, av.VideoFrame):
            return False
        full_range = native.color_range == 2 or native.format.name == "yuvj420p"
        return (
            native.format.name in ("yuv420p", "yuvj420p")
            and (native.width, native.height) == (self._info.width, self._info.height)
            and full_range == bool(self._colour.full_range)
            and native.colorspace == (self._colour.matrix or UNSPECIFIED)
        )

    def _converted(self, frame: Frame) -> VideoFrame:
        import av

        matrix = assumed_matrix(self._info)
        image = np.ascontiguousarray(frame.image)
        return av.VideoFrame.from_numpy_buffer(image, "rgb24").reformat(
            format="yuv420p",
            interpolation="AREA",
            dst_colorspace=_SWSCALE_MATRIX.get(matrix, matrix),
            src_color_range=2,
            dst_color_range=2 if self._colour.full_range else 1,
            threads=1,
        )

    def _time(self, units: int) -> int:
        return round(units * (self._info.time_base / self._time_base))

    def _mux(self, frame: VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            duration = self._durations.pop(packet.pts, None)
            if duration is not None:
                packet.duration = duration
            self._container.mux(packet)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        from av.error import FFmpegError

        try:
            yield
        except (FFmpegError, OSError) as error:
            reason = error.strerror or error
            raise OutputError(f"cannot write {self._path}: {reason}") from error


def _timescale(time_base: Fraction) -> int:
    """Units per second that FFmpeg's muxer counts in: at least 10,000."""
    units = time_base.denominator
    while units < 10_000:
        units *= 2
    return units


def _planes(frame: VideoFrame) -> tuple[Plane, ...]:
    """Views of a frame's planes without the padding of their rows."""
    planes: list[Any] = list(frame.planes)
    return tuple(
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in planes
    )
