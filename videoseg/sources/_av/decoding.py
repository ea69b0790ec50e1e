"""One pass over a video: frames in order of presentation, each with a time, damage dealt with."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from videoseg.errors import SourceError
from videoseg.sources._av.clock import Clock
from videoseg.sources._av.container import Opened, Place, opened
from videoseg.sources._av.gpu import as_by_the_cpu
from videoseg.sources._av.index import Jump, Key
from videoseg.sources._av.truncation import EndOfStream, empty

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Numbered: TypeAlias = "tuple[int, VideoFrame, int]"
"""A frame's number from 0, the frame, and its time."""
_MOST_PASSED = 5000
"""Packets of picture and sound to look for a key among, after a jump."""

OnBadFrame: TypeAlias = Literal["fail", "skip", "repeat"]
OnTruncation: TypeAlias = Literal["fail", "accept"]


class NoWayError(Exception):
    """A container does not lead to where it was asked to jump; read it from its beginning."""


@dataclass
class Policy:
    """What to do about damage.

    Attributes:
        on_bad_frame: ``fail`` raises, ``skip`` leaves a damaged frame out, ``repeat`` shows the one
            before it again in its place.
        on_truncation: ``fail`` raises at the end of a file that breaks off, ``accept`` ends there.
    """

    on_bad_frame: OnBadFrame
    on_truncation: OnTruncation


@dataclass
class Losses:
    """What a pass had to leave out or to replace, as far as it went.

    Attributes:
        dropped: Frames left out, because they were damaged or their time did not rise.
        repeated: Frames replaced by the one before them.
        truncated: What was missing at the end, where that was accepted.
    """

    dropped: int = 0
    repeated: int = 0
    truncated: str | None = None

    def notes(self) -> list[str]:
        """One line each for people to read."""
        found = []
        if self.dropped:
            found.append(
                f"{self.dropped} damaged or misplaced frames were left out (on_bad_frame=repeat "
                "puts the frame before in the place of damaged ones)"
            )
        if self.repeated:
            found.append(f"{self.repeated} damaged frames were replaced by the one before them")
        if self.truncated:
            found.append(self.truncated)
        return found


@dataclass
class Decoding:
    """An open video that is being decoded, once, from its first frame on or from a later one.

    Attributes:
        place: Where it is.
        policy: What to do about damage.
        number: Which picture stream, from 0; None = the main one.
        timeout: Seconds to wait for an address.
        losses: What had to be left out so far.
        jump: The way to the frame to begin with; None = the first.
    """

    place: Place
    policy: Policy
    number: int | None
    timeout: float
    losses: Losses = field(default_factory=Losses)
    jump: Jump | None = None
    _files: ExitStack = field(init=False, repr=False, default_factory=ExitStack)
    _opened: Opened | None = field(init=False, repr=False, default=None)
    _frames: Iterator[VideoFrame] = field(init=False, repr=False, default=iter(()))
    _first: VideoFrame | None = field(init=False, repr=False, default=None)
    _pending: list[int] = field(init=False, repr=False, default_factory=list)
    _errors: int = field(init=False, repr=False, default=0)
    _started: bool = field(init=False, repr=False, default=False)

    def open(self) -> None:
        """Open it and decode its first whole frame, or the one to jump to.

        Raises:
            SourceError: It is no video, holds no picture, or none of its frames can be decoded.
            NoWayError: There is no exact way to the frame to jump to.
        """
        self._opened = self._files.enter_context(opened(self.place, self.number, self.timeout))
        frames = self._decoded(self._opened)
        self._files.callback(frames.close)
        self._frames = frames
        try:
            if self.jump is not None:
                self._started = True
                self._first = self._landed(frames, self.jump)
            else:
                self._first = next((f for f in frames if not self._is_bad_start(f)), None)
            if self._first is None:
                raise SourceError(
                    empty(self._opened.container, self._opened.stream, self.place.shown)
                )
        except BaseException:
            self.close()
            raise
        self._started = True

    @property
    def video(self) -> Opened:
        """The open video."""
        assert self._opened is not None  # noqa: S101 (opened)
        return self._opened

    @property
    def first(self) -> VideoFrame:
        """The first whole frame, as long as ``frames`` has not begun."""
        assert self._first is not None  # noqa: S101 (opened, and not begun)
        return self._first

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._files.close()

    def frames(self, clock: Clock, number: int = 0) -> Iterator[Numbered]:
        """Yield frames from the first on, each with its number and its time; both rise.

        A damaged frame has a number, whether it is left out or replaced; so numbers do not depend
        on where decoding began.

        Args:
            clock: Gives the times.
            number: Of the first.

        Raises:
            SourceError: A frame is damaged or the file breaks off, and the policy is to fail.
        """
        shown: tuple[VideoFrame, int] | None = None
        repeats = self.policy.on_bad_frame == "repeat"
        for frame in self._from_first():
            pts = clock.time(frame)
            if pts is None:
                self.losses.dropped += 1
                continue
            for time in self._lost(shown, pts):
                if repeats and shown is not None:
                    self.losses.repeated += 1
                    yield number, shown[0], time
                number += 1
            if not frame.is_corrupt:
                shown = frame, pts
                yield number, frame, pts
            elif self._replaces("is damaged") and shown is not None:
                self.losses.repeated += 1
                yield number, shown[0], pts
            else:
                self.losses.dropped += 1
            number += 1
        for lost, time in enumerate(self._lost(shown, None), number):
            if repeats and shown is not None:
                self.losses.repeated += 1
                yield lost, shown[0], time

    def _from_first(self) -> Iterator[VideoFrame]:
        if self._first is not None:
            yield self._first
            self._first = None
        yield from self._frames

    def _is_bad_start(self, frame: VideoFrame) -> bool:
        """Damaged frames before the first whole one: a recording may begin between key frames."""
        self.losses.dropped += frame.is_corrupt
        return frame.is_corrupt

    def _replaces(self, what: str) -> bool:
        """Whether to repeat the frame before.

        Raises:
            SourceError: The policy is to fail.
        """
        if self.policy.on_bad_frame == "fail":
            raise SourceError(
                f"{self.place.shown}: a frame {what}; copy or export the file again, or leave "
                "such frames out (on_bad_frame=skip)"
            )
        return self.policy.on_bad_frame == "repeat"

    def _lost(self, shown: tuple[VideoFrame, int] | None, until: int | None) -> Iterator[int]:
        """Each time before ``until`` that had a packet but gave no frame.

        Decoders with several threads say late that a packet is damaged; which one it was shows
        when a frame comes out whose time is later.
        """
        while self._pending and (until is None or self._pending[0] <= until):
            time = heapq.heappop(self._pending)
            if time != until and self._errors and shown is not None and time > shown[1]:
                self._errors -= 1
                yield time

    def _decoded(self, video: Opened) -> Generator[VideoFrame]:
        """Decode to the end, whole frames and damaged ones.

        Raises:
            SourceError: The file broke off, after its last frame.
        """
        from av.error import FFmpegError

        location, end = self.place.shown, EndOfStream()
        video.decoder.copy_opaque = True
        try:
            if self.jump is not None:
                end.skip(packets=self.jump.key.before, frames=self.jump.shown_before)
            for packet in self._packets(video):
                if packet.stream is not video.stream:
                    end.see_packet(packet, video.container)
                elif end.see_packet(packet, video.container):
                    self.losses.dropped += 1
                else:
                    end.number(packet)
                    for frame in map(as_by_the_cpu, self._decoded_packet(video, packet)):
                        end.see_frame(frame)
                        yield frame
        except FFmpegError as error:
            self._break_off(end.broken(location, error), error)
            return
        missing = end.missing(video.container, video.stream, location)
        if missing is not None:
            self._break_off(missing, None)

    def _packets(self, video: Opened) -> Iterator[Packet[Any]]:
        """Packets of picture and sound, from the first or from the key to jump to.

        Raises:
            NoWayError: The container does not lead to the key.
        """
        container = video.container
        if self.jump is not None:
            key = self.jump.key
            container.seek(key.pts if key.dts is None else key.dts, stream=video.stream)
        packets: Iterator[Packet[Any]] = container.demux(video.stream, *container.streams.audio)
        if self.jump is not None:
            packets = itertools.chain([_met(packets, video.stream, self.jump.key)], packets)
        return packets

    def _landed(self, frames: Iterator[VideoFrame], jump: Jump) -> VideoFrame:
        """The frame to jump to, once all before it that came along have been passed."""
        from av.error import FFmpegError

        passed: set[int] = set()
        whole = False
        try:
            for frame in frames:
                if frame.pts is None or frame.pts > jump.pts:
                    break
                # Some encoders call a frame a key that is made whole by the frames after it.
                whole = whole or (frame.pts == jump.key.pts and frame.key_frame)
                if frame.pts == jump.pts:
                    if frame.is_corrupt or not whole:
                        break
                    self._forgive(sum(time < jump.pts for time in self._pending) - len(passed))
                    return frame
                passed.add(frame.pts)
        except (FFmpegError, SourceError) as error:
            raise NoWayError(self.place.shown) from error
        raise NoWayError(self.place.shown)

    def _forgive(self, lost: int) -> None:
        """Leave damage out of all counts that lies before the frame to begin with."""
        lost = min(lost, self._errors)
        self._errors -= lost
        if self.policy.on_bad_frame == "skip":
            self.losses.dropped -= lost

    def _decoded_packet(self, video: Opened, packet: Packet[VideoStream]) -> list[VideoFrame]:
        from av.error import FFmpegError

        if packet.pts is not None and not packet.is_discard:
            heapq.heappush(self._pending, packet.pts)
        try:
            return video.decode(packet)
        except EOFError:  # a decoder that gave up has nothing left to give
            return []
        except FFmpegError:
            self._errors += self._started
            if not self._started or not self._replaces("cannot be decoded"):
                self.losses.dropped += 1
            return []

    def _break_off(self, message: str, error: Exception | None) -> None:
        if self.policy.on_truncation == "fail":
            raise SourceError(message) from error
        self.losses.truncated = message


def _met(packets: Iterator[Packet[Any]], stream: VideoStream, key: Key) -> Packet[Any]:
    """Pass packets up to a key and give it.

    Raises:
        NoWayError: It is not among the next few.
    """
    for passed, packet in enumerate(packets):
        if packet.stream is stream and key.is_packet(packet):
            return packet
        if passed > _MOST_PASSED:
            break
    raise NoWayError(stream.codec_context.name)
