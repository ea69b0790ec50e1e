"""Passes the sound of a source on into a film; sound never ends a run.

Packets are copied where the rules of the film allow it and the muxer takes them, and else encoded
to AAC (``aac.py``) where it may be. A track for which neither works is left out, and one line says
so.
"""

from __future__ import annotations

import errno
import io
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from videoseg.system.addresses import for_ffmpeg, is_address, is_stored, without_secrets
from videoseg.system.object_store import open_ranges
from videoseg.writers._video.aac import Encoded, add_aac, settle_layout

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

_EARLIER = 2
"""Seconds to seek before the first packet wanted: sound may be stored well behind its picture."""
_LEAD = Fraction(1, 2)
"""Seconds to decode before the first sample wanted; some codecs need what came before."""
_PATIENCE = 20.0
"""Seconds to wait for an address."""
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""What goes wrong for the picture, too."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SoundRules:
    """Which sound a film may have.

    Attributes:
        film: What messages call the film, as in "the overlay".
        container: FFmpeg's name of the container.
        title: The container's name in messages.
        copied: Codecs whose packets are copied; None = all that the container takes.
        to_aac: Whether other sound becomes AAC, or is left out.
    """

    film: str
    container: str
    title: str
    copied: Collection[str] | None = None
    to_aac: bool = True


class Sound:
    """Every sound track of a source, muxed in step with the picture.

    Args:
        location: File of the source.
        target: The film, before its first packet.
        rules: Which sound it may have.

    Attributes:
        rates: Samples per second of each track that is written.
    """

    def __init__(self, location: str, target: OutputContainer, rules: SoundRules) -> None:
        import av

        self._location = without_secrets(location)
        self._rules, self._film = rules, rules.film
        self._source: Any = None
        self._tracks: dict[int, _Copied | Encoded] = {}
        self._packets: Iterator[Any] = iter(())
        self._next: Packet[AudioStream] | None = None
        self._begin: Fraction | None = None
        self._shift = Fraction(0)
        self.rates: list[int] = []
        stored = is_stored(location)
        try:
            self._source = av.open(
                open_ranges(location) if stored else for_ffmpeg(location),
                metadata_errors="replace",
                timeout=_PATIENCE if is_address(location) and not stored else None,
                options={"protocol_whitelist": "data"} if stored else {},
            )
        except (av.error.FFmpegError, OSError) as error:
            self._say(f"cannot be read ({error.strerror or error}); {rules.film} is silent")
            return
        for track in self._source.streams.audio:
            self._add(track, target)
        if self._tracks:
            self._packets = self._source.demux(
                [track for track in self._source.streams.audio if track.index in self._tracks]
            )

    def start(self, begin: Fraction | None, shift: Fraction) -> None:
        """Say where the picture begins.

        Args:
            begin: Seconds before which no sound is wanted, or None for all.
            shift: Seconds to add to every time.
        """
        from av.error import FFmpegError

        self._begin, self._shift = begin, shift
        for track in self._tracks.values():
            track.start(begin, shift)
        if begin is not None and begin > _EARLIER and self._source is not None:
            # What is too early is left out again; where seeking fails, that is everything.
            with suppress(FFmpegError):
                self._source.seek(int((begin - _EARLIER) * 1_000_000))
        self._advance()

    def mux_until(self, end: Fraction | None) -> None:
        """Mux all that begins before ``end`` seconds of the source; None = all.

        Raises:
            OSError: The disk is full or broken.
        """
        while self._next is not None:
            begins = _time(self._next)
            if end is not None and begins is not None and begins >= end:
                break
            track = self._tracks.get(self._next.stream.index)
            if track is not None and not self._is_early(track, self._next, begins):
                self._guarded(self._next.stream.index, _muxing(track, self._next, end))
            self._advance()
        for number, track in tuple(self._tracks.items()):
            self._guarded(number, _advancing(track, end))

    def picture_end(self) -> Fraction | None:
        """Seconds at which the source says that its picture ends, or None."""
        if self._source is None:
            return None
        picture: Any = self._source.streams.best("video")
        if picture is not None and picture.duration and picture.time_base:
            end: int = picture.duration + (picture.start_time or 0)
            return end * Fraction(picture.time_base)
        if self._source.duration:
            return Fraction(self._source.duration + (self._source.start_time or 0), 1_000_000)
        return None

    def finish(self, end: Fraction | None) -> None:
        """Mux what encoders still hold and say what was left out.

        Args:
            end: Seconds of the source at which the picture ends, or None for all sound.

        Raises:
            OSError: The disk is full or broken.
        """
        for number, track in tuple(self._tracks.items()):
            self._guarded(number, _finishing(track, end))
        for track in self._tracks.values():
            for line in track.losses(self._film):
                self._say(line)

    def close(self) -> None:
        """Release the source. A second call does nothing."""
        if self._source is not None:
            self._source.close()

    def _add(self, track: AudioStream, target: OutputContainer) -> None:
        """Prepare a track; one that can be neither copied nor encoded is left out."""
        # FFmpeg leaves the context out where it does not know a codec, whatever the types say.
        context: Any = track.codec_context
        if context is None:
            self._say(f"is in a codec that cannot be decoded here; {self._film} is without it")
            return
        settle_layout(context)
        made: _Copied | Encoded
        rules = self._rules
        if (rules.copied is None or context.codec.canonical_name in rules.copied) and _taken(
            rules.container, lambda trial: trial.add_stream_from_template(track)
        ):
            made = _Copied(track, target)
            self.rates.append(context.sample_rate)
        elif rules.to_aac and _taken(rules.container, lambda trial: add_aac(track, trial)):
            made = Encoded(track, target)
            self.rates.append(made.rate)
        else:
            self._say(f"({context.name}) fits into no {rules.title}; {rules.film} is without it")
            return
        self._tracks[track.index] = made

    def _is_early(
        self, track: _Copied | Encoded, packet: Packet[AudioStream], begins: Fraction | None
    ) -> bool:
        """Whether a packet lies before the picture; decoding begins a little earlier."""
        if self._begin is None or begins is None:
            return False
        if isinstance(track, Encoded):
            lasts = (packet.duration or 0) * Fraction(packet.time_base)
            return begins + lasts < self._begin - _LEAD
        return begins < self._begin

    def _guarded(self, number: int, work: Callable[[], None]) -> None:
        """Do something for a track; where it fails, the picture goes on without the track.

        Raises:
            OSError: The disk is full or broken.
        """
        from av.error import FFmpegError

        try:
            work()
        except (FFmpegError, ValueError, LookupError) as error:
            reason = getattr(error, "strerror", None) or error
            if getattr(error, "errno", None) in _DISK:
                raise
            del self._tracks[number]
            self._say(f"cannot be kept to its end ({reason}); {self._film} goes on without it")

    def _advance(self) -> None:
        from av.error import FFmpegError

        try:
            self._next = next((packet for packet in self._packets if packet.size), None)
        except FFmpegError as error:
            self._say(f"ends early: {error.strerror or error}")
            self._next = None

    def _say(self, what: str) -> None:
        _log.warning("the sound of %s %s", self._location, what)


class _Copied:
    """A track whose packets go over as they are, with their times."""

    def __init__(self, source: AudioStream, target: OutputContainer) -> None:
        self._target = target
        self._stream = target.add_stream_from_template(source)
        self._stream.metadata.update(_language(source))
        self._last: int | None = None
        self._shift = Fraction(0)
        self._head: bytes | None = None
        self._falling = 0

    def start(self, begin: Fraction | None, shift: Fraction) -> None:
        """Take the time to add."""
        del begin
        self._shift = shift

    def mux(self, packet: Packet[AudioStream]) -> None:
        """Mux a packet.

        Raises:
            FFmpegError: (PyAV's) The muxer does not take it.
            ValueError: Rate or channels change, which this kind of packet cannot say in MP4.
        """
        self._check(packet)
        offset = round(self._shift / packet.time_base)
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            time = (self._last or 0) + (packet.duration or 1) - offset
        packet.pts = time + offset
        packet.dts = packet.pts if packet.dts is None else packet.dts + offset
        if self._last is not None and packet.dts <= self._last:
            self._falling += 1
            return
        self._last = packet.dts
        packet.stream = self._stream
        self._target.mux(packet)

    def advance(self, end: Fraction | None) -> None:
        """Nothing is held back."""

    def finish(self, end: Fraction | None) -> None:
        """Nothing is held back."""

    def losses(self, film: str) -> Iterator[str]:
        """One line about what was left out of the film that messages call ``film``."""
        del film
        if self._falling:
            yield f"has {self._falling} packets whose time does not rise; they were left out"

    def _check(self, packet: Packet[AudioStream]) -> None:
        """Whether a packet still has the rate and channels of the first.

        Raises:
            ValueError: It has not, which a track of copied packets cannot say.
        """
        head = _head(self._stream.codec_context.codec.canonical_name, packet)
        anew = self._last is not None and packet.has_sidedata("new_extradata")
        if anew or (self._head is not None and head != self._head):
            raise ValueError("its rate or channels change")
        self._head = head


def _head(codec: str, packet: Packet[AudioStream]) -> bytes | None:
    """What a packet says of its rate and channels by itself: AAC with ADTS headers, and MP3."""
    data = bytes(memoryview(packet)[:4])
    if len(data) < 4 or data[0] != 0xFF:
        return None
    if codec == "aac" and data[1] >= 0xF0:
        return bytes((data[2] & 0xFD, data[3] & 0xC0))
    if codec == "mp3":
        return bytes((data[1] & 0xFE, data[2] & 0x0C, data[3] & 0xC0 == 0xC0))
    return None


def _language(source: AudioStream) -> dict[str, str]:
    language = source.metadata.get("language")
    return {} if language is None else {"language": language}


def _time(packet: Packet[AudioStream]) -> Fraction | None:
    time = packet.pts if packet.pts is not None else packet.dts
    return None if time is None else time * Fraction(packet.time_base)


def _muxing(
    track: _Copied | Encoded, packet: Packet[AudioStream], end: Fraction | None
) -> Callable[[], None]:
    def work() -> None:
        track.mux(packet)
        track.advance(end)

    return work


def _advancing(track: _Copied | Encoded, end: Fraction | None) -> Callable[[], None]:
    return lambda: track.advance(end)


def _finishing(track: _Copied | Encoded, end: Fraction | None) -> Callable[[], None]:
    return lambda: track.finish(end)


def _taken(container: str, add: Callable[[Any], object]) -> bool:
    """Whether the muxer takes a stream: tried on a file in memory, up to its header."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            add(trial)
            trial.start_encoding()
    except (FFmpegError, ValueError, NotImplementedError):
        return False
    return True
