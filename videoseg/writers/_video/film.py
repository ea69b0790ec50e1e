"""A film: a stream of pictures in a file, with the times, tags and sound of its source."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from videoseg.errors import OutputError
from videoseg.formats.frame_numbers import frames_in, number_at, timecode_at
from videoseg.formats.images.colour import UNSPECIFIED
from videoseg.formats.matroska import PLACEHOLDER, set_pixel_aspect
from videoseg.system.addresses import for_ffmpeg
from videoseg.types import Colour, Frame, Scene, StreamInfo
from videoseg.writers._video.sound import Sound, SoundRules

if TYPE_CHECKING:
    from av import VideoFrame

UNTAGGED = Colour()
"""Tags that say nothing."""
_FINEST = 1_000_000
"""Largest time base denominator: times are exact to the microsecond, gaps of 35 minutes fit."""
_MOST_UNITS = 2**31 - 1
"""Units of time between two frames, and parts of a fraction, that fit the container's 32 bits."""
_SLOWEST = Fraction(1, 1000)
"""Frames per second; the last frame is shown for no longer than this says."""
_MOST_ASPECT = 65535
"""Width and height of a pixel, as H.264 counts them."""
_FASTEST_COUNTED = 255
"""Frames per second that fit the one byte of a timecode track."""
_QUICKTIME = frozenset({"mp4", "mov"})
"""FFmpeg's names of containers of the kind of QuickTime."""
MATROSKA = frozenset({"matroska", "webm"})
"""Those of the kind of Matroska."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How a film is written.

    Attributes:
        container: FFmpeg's name.
        title: The container's name in messages.
        encoder: FFmpeg's name.
        samples: The pixel format, by FFmpeg's name.
        options: Of the encoder.
        muxing: Options of the container.
        tags: Colour tags; what is None is written as unspecified.
        unit: Seconds in which the container counts whatever it is asked; None = as asked.
        from_zero: Whether the first picture is shown at 0, and else when the source shows it.
        metadata: Of the file.
        stream_metadata: Of the picture.
        threads: Threads of the encoder; 0 = its own choice.
    """

    container: str
    title: str
    encoder: str
    samples: str
    options: Mapping[str, str]
    muxing: Mapping[str, str] = field(default_factory=dict)
    tags: Colour = UNTAGGED
    unit: Fraction | None = None
    from_zero: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    stream_metadata: Mapping[str, str] = field(default_factory=dict)
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Moment:
    """When a picture is shown.

    Attributes:
        index: The frame's index.
        pts: Its time in units of its stream's ``time_base``.
        duration: How long it is shown, in the same units, or None.
        stamped: Whether its time may be a stamp, which counts from 1970: a picture that was a file
            of its own, or a message of a log.
    """

    index: int
    pts: int
    duration: int | None
    stamped: bool

    @classmethod
    def of(cls, frame: Frame | Scene) -> Moment:
        """That of a frame."""
        stamped = frame.name is not None or frame.recorded is not None
        return cls(frame.index, frame.pts, frame.duration, stamped)


class Film:
    """Writes one stream of pictures and the sound of its source.

    Args:
        path: The file; made at once, so that a folder that cannot be written is found now.
        info: The stream.
        size: Width and height of the pictures that are written.
        coding: How.
        sound: Which sound of the source goes along; None = none.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(
        self,
        path: Path,
        info: StreamInfo,
        size: tuple[int, int],
        coding: Coding,
        sound: SoundRules | None,
    ) -> None:
        import av

        self._path = path
        self._info = info
        self._coding = coding
        self._width, self._height = size
        self._rate = max(_SLOWEST, info.frame_rate or Fraction(25))
        self._time_base = coding.unit or info.time_base
        # Frames that are far apart leave no bits for a fine time base.
        finest = min(_FINEST, max(1000, int(_MOST_UNITS * self._rate / 1000)))
        if self._time_base.denominator > finest:
            self._time_base = Fraction(1, finest)
        # No frame is shorter than a unit, whatever an average says; and both parts fit.
        self._rate = min(self._rate, max(1 / self._time_base, _SLOWEST)).limit_denominator(2000)
        self._longest_gap = int(_MOST_UNITS / _timescale(self._time_base) / self._time_base)
        self._aspect = info.sample_aspect_ratio.limit_denominator(_MOST_ASPECT)
        if not 0 < self._aspect <= _MOST_ASPECT:
            self._aspect = Fraction(1)
        self._patched = coding.container in MATROSKA and self._aspect != 1
        self._latest: int | None = None
        self._shift: int | None = None
        self._end = Fraction(0)
        self._durations: dict[int, int] = {}
        self._sound: Sound | None = None
        with self._failing():
            path.write_bytes(b"")
            self._container = av.open(
                for_ffmpeg(path), "w", format=coding.container, options=self._muxing()
            )
        try:
            self._container.metadata.update(coding.metadata)
            self._stream = self._video_stream()
            if sound is not None and info.has_audio and info.location is not None:
                self._sound = Sound(info.location, self._container, sound)
            if coding.container in _QUICKTIME:
                self._container.options["movie_timescale"] = str(self._movie_timescale())
        except BaseException:
            self.discard()
            raise

    def show(self, encoded: VideoFrame, moment: Moment) -> None:
        """Encode a picture at its time, which is written into it.

        Raises:
            OutputError: The file cannot be written.
        """
        units = self._info.time_base
        encoded.time_base = self._time_base
        tag(encoded, self._coding.tags)
        pts = self._time(moment.pts)
        if self._shift is None:
            self._shift = self._start(pts, moment)
        encoded.pts = self._placed(pts + self._shift, moment.index)
        if moment.duration:
            self._durations[encoded.pts] = min(self._time(moment.duration), self._longest_gap)
        lasts = moment.duration * units if moment.duration else 1 / self._rate
        self._end = moment.pts * units + lasts
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
            if self._patched:
                set_pixel_aspect(self._path, self._width, self._height, self._aspect)

    def discard(self) -> None:
        """Close and remove the file, whatever state it is in."""
        if self._sound is not None:
            self._sound.close()
        with suppress(OSError):
            self._container.close()
        self._path.unlink(missing_ok=True)

    def _start(self, pts: int, moment: Moment) -> int:
        """Begin with timecode and sound; what to add to all times."""
        begin = moment.pts * self._info.time_base
        # Matroska has no times before 0, where the run-in of AAC lies: all else would be moved.
        late = moment.index > 0 or self._coding.container in MATROSKA
        if self._coding.from_zero:
            shift, late = -pts, late or begin > 0
        else:
            # No player would wait from 1970 on for the first picture.
            start = -self._time(self._info.start_pts) if moment.stamped else 0
            shift = start if start < 0 else max(start, -pts)
        self._begin_timecode(moment.index, begin, (pts + shift) * self._time_base)
        if self._sound is not None:
            with self._failing():
                self._sound.start(begin if late else None, shift * self._time_base)
        return shift

    def _placed(self, pts: int, index: int) -> int:
        """The time of a frame; rounding must not make two the same.

        Raises:
            OutputError: It is too long after the frame before for the container.
        """
        if self._latest is not None:
            pts = max(pts, self._latest + 1)
        if self._latest is not None and pts - self._latest > self._longest_gap:
            seconds = float((pts - self._latest) * self._time_base)
            raise OutputError(
                f"cannot write {self._path}: frame {index} comes {seconds:.0f} s after the one "
                f"before it, which {self._coding.title} cannot hold; leave the gap out with "
                "--start and --end, or write other outputs"
            )
        self._latest = pts
        return pts

    def _begin_timecode(self, index: int, begin: Fraction, shown: Fraction) -> None:
        """Write the timecode of the film's time 0, where the source has one that fits its rate.

        Args:
            index: The first frame.
            begin: When the source shows it, seconds.
            shown: When the film does, seconds; a track of timecodes begins at 0 all the same.
        """
        number = number_at(index, begin, self._info, 0) - frames_in(shown, self._info)
        timecode = timecode_at(number, self._info)
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

    def _muxing(self) -> dict[str, str]:
        """Options of the container; what is patched must have no checksum."""
        return {**self._coding.muxing, **({"write_crc32": "0"} if self._patched else {})}

    def _video_stream(self) -> Any:
        coding = self._coding
        stream: Any = self._container.add_stream(
            coding.encoder, rate=self._rate, options=dict(coding.options)
        )
        stream.width, stream.height, stream.pix_fmt = self._width, self._height, coding.samples
        stream.time_base = self._time_base
        stream.metadata.update(coding.stream_metadata)
        if self._patched:
            stream.metadata["title"] = PLACEHOLDER
        context = stream.codec_context
        context.time_base = self._time_base
        if coding.threads:
            context.thread_count = coding.threads
        context.sample_aspect_ratio = self._aspect
        tag(context, coding.tags)
        return stream

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


def tag(target: Any, colour: Colour) -> None:
    """Write colour tags; an encoder looks for them on its context and on each frame."""
    target.color_primaries = UNSPECIFIED if colour.primaries is None else colour.primaries
    target.color_trc = UNSPECIFIED if colour.transfer is None else colour.transfer
    target.colorspace = UNSPECIFIED if colour.matrix is None else colour.matrix
    target.color_range = 0 if colour.full_range is None else 1 + colour.full_range


def _timescale(time_base: Fraction) -> int:
    """Units per second that FFmpeg's muxer counts in: at least 10,000."""
    units = time_base.denominator
    while units < 10_000:
        units *= 2
    return units
