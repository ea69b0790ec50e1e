"""Passes the sound of a source on into an MP4, packet by packet where browsers can play it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from videoseg.addresses import without_secrets
from videoseg.errors import SourceError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

PLAYABLE = ("aac", "mp3", "opus", "flac")
"""Codecs that every browser plays in MP4; their packets are copied. Others become AAC."""
_EARLIER = 2
"""Seconds to seek before the first packet wanted: sound may be stored well behind its picture."""

_log = logging.getLogger(__name__)


class Sound:
    """Every sound track of a source, muxed in step with the picture.

    Args:
        location: File of the source.
        target: The MP4, before its first packet.

    Attributes:
        rates: Samples per second of each track.

    Raises:
        SourceError: The file cannot be read any more.
    """

    def __init__(self, location: str, target: OutputContainer) -> None:
        import av

        try:
            self._source: InputContainer = av.open(location, metadata_errors="replace")
        except (av.error.FFmpegError, OSError) as error:
            raise SourceError(
                f"cannot read the sound of {without_secrets(location)}: {error.strerror or error}"
            ) from error
        self._target = target
        self._location = without_secrets(location)
        # FFmpeg leaves the context out where it does not know a codec, whatever the types say.
        tracks = [
            track
            for track in self._source.streams.audio
            if track.codec_context is not None  # type: ignore[redundant-expr]
        ]
        self._tracks: dict[int, _Copied | _Encoded] = {
            track.index: _Copied(track, target)
            if track.codec_context.codec.canonical_name in PLAYABLE
            else _Encoded(track, target)
            for track in tracks
        }
        self.rates = [track.codec_context.sample_rate for track in tracks]
        self._packets: Iterator[Any] = self._source.demux(tracks) if tracks else iter(())
        self._next: Packet[AudioStream] | None = None
        self._begin: Fraction | None = None
        self._shift = Fraction(0)

    def start(self, begin: Fraction | None, shift: Fraction) -> None:
        """Say where the picture begins.

        Args:
            begin: Seconds before which no packet is wanted, or None for all.
            shift: Seconds to add to every time.
        """
        from av.error import FFmpegError

        self._begin, self._shift = begin, shift
        if begin is not None and begin > _EARLIER:
            # What is too early is left out again; where seeking fails, that is everything.
            with suppress(FFmpegError):
                self._source.seek(int((begin - _EARLIER) * 1_000_000))
        self._advance()

    def mux_until(self, end: Fraction | None) -> None:
        """Mux every packet that begins before ``end`` seconds of the source; None = all."""
        while self._next is not None:
            begins = self._next.pts * self._next.time_base  # type: ignore[operator]
            if end is not None and begins >= end:
                return
            if self._begin is None or begins >= self._begin:
                self._tracks[self._next.stream.index].mux(self._next, self._shift)
            self._advance()

    def picture_end(self) -> Fraction | None:
        """Seconds at which the source says that its picture ends, or None."""
        picture = self._source.streams.best("video")
        if picture is not None and picture.duration and picture.time_base:
            return (picture.duration + (picture.start_time or 0)) * picture.time_base
        if self._source.duration:
            return Fraction(self._source.duration + (self._source.start_time or 0), 1_000_000)
        return None

    def finish(self) -> None:
        """Mux what encoders still hold."""
        for track in self._tracks.values():
            track.finish()

    def close(self) -> None:
        """Release the source. A second call does nothing."""
        self._source.close()

    def _advance(self) -> None:
        from av.error import FFmpegError

        try:
            self._next = next(
                (packet for packet in self._packets if packet.pts is not None and packet.size), None
            )
        except FFmpegError as error:
            _log.warning("the sound of %s ends early: %s", self._location, error)
            self._next = None


class _Copied:
    """A track whose packets go over as they are, with their times."""

    def __init__(self, source: AudioStream, target: OutputContainer) -> None:
        self._target = target
        self._stream = target.add_stream_from_template(source)
        self._last: int | None = None

    def mux(self, packet: Packet[AudioStream], shift: Fraction) -> None:
        offset = round(shift / packet.time_base)
        packet.pts = (packet.pts or 0) + offset
        packet.dts = packet.pts if packet.dts is None else packet.dts + offset
        if self._last is not None and packet.dts <= self._last:
            _log.warning("left out a packet of sound whose time does not rise: %s", packet)
            return
        self._last = packet.dts
        packet.stream = self._stream
        self._target.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""


class _Encoded:
    """A track that no browser plays as it is, encoded to AAC."""

    def __init__(self, source: AudioStream, target: OutputContainer) -> None:
        from av.audio.resampler import AudioResampler

        self._target = target
        self._stream: AudioStream = target.add_stream("aac", rate=source.codec_context.sample_rate)
        layout = source.codec_context.layout
        self._stream.layout = layout if layout.nb_channels in (1, 2) else "stereo"
        self._resampler = AudioResampler(
            format="fltp", layout=self._stream.layout, rate=self._stream.rate, frame_size=1024
        )
        self._shift = Fraction(0)

    def mux(self, packet: Packet[AudioStream], shift: Fraction) -> None:
        from av.error import InvalidDataError

        self._shift = shift
        try:
            frames = packet.decode()
        except InvalidDataError:
            _log.warning("left out a packet of sound that cannot be decoded: %s", packet)
            return
        for frame in frames:
            for ready in self._resampler.resample(frame):
                self._encode(ready)

    def finish(self) -> None:
        for ready in self._resampler.resample(None):
            self._encode(ready)
        self._target.mux(self._stream.encode(None))

    def _encode(self, frame: AudioFrame) -> None:
        if frame.pts is not None:
            frame.pts += round(self._shift / Fraction(frame.time_base or 1))
        self._target.mux(self._stream.encode(frame))
