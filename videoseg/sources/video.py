"""Video files, addresses and pipes through FFmpeg's libraries (PyAV)."""

from __future__ import annotations

import bisect
import inspect
import math
import weakref
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Ge, Gt
from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.formats.images.colour import Background, Converter
from videoseg.formats.images.orientation import Orientation, orientation_of
from videoseg.sources._av.clock import Clock
from videoseg.sources._av.container import Place
from videoseg.sources._av.decoding import (
    Decoding,
    NoWayError,
    Numbered,
    OnBadFrame,
    OnTruncation,
    Policy,
)
from videoseg.sources._av.deinterlace import FIELDS, bob
from videoseg.sources._av.description import by_fields, described, png_orientation, remarks
from videoseg.sources._av.gpu import Decoder, trouble
from videoseg.sources._av.index import Index, Jump, Until, read_index
from videoseg.types import Frame, StreamInfo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass
class VideoSource:
    """Frames of one picture stream of anything that FFmpeg can open; ``-`` is standard input.

    Frames come upright: the turn and mirroring that a camera wrote into the file are applied here,
    once; ``Frame.native`` is as decoded, and None where the stream's rotation does not say how it
    lies. Colour becomes RGB by the stream's own matrix and range; HDR (PQ, HLG) is shown as on an
    SDR screen, in ``Frame.image`` alone. A pipe or a live address can be read once: the first call
    of ``frames`` goes on from what ``open`` has read.

    Attributes:
        notes: Lines for people about what was found and what was done about it; grows while frames
            are read.
        dropped: Frames that the latest pass left out: damaged, or with a time that did not rise.
        repeated: Damaged frames that the latest pass replaced by the one before.
    """

    stream: Annotated[
        int | None, Ge(0), Doc("number of the picture stream, from 0; none = the main one")
    ] = None
    on_bad_frame: Annotated[
        OnBadFrame, Doc("damaged frame: fail, skip it, or repeat the one before it")
    ] = "skip"
    on_truncation: Annotated[
        OnTruncation, Doc("file that breaks off: fail, or accept what is there")
    ] = "fail"
    deinterlace: Annotated[
        Literal["off", "auto", "bob"],
        Doc("make a frame of every field: never, where frames are marked, or always"),
    ] = "off"
    background: Background = "#000000"
    every: Annotated[int, Ge(1), Doc("yield every n-th frame only, from the first on")] = 1
    timeout: Annotated[float, Gt(0), Doc("seconds to wait for an address, > 0")] = 20.0
    decoder: Annotated[
        Decoder, Doc("what decodes: cpu, cuda (an NVIDIA GPU), or auto (that where there is one)")
    ] = "cpu"
    low_delay: Annotated[
        bool,
        Doc("give each frame before the next has come; it lasts as long as its packet says"),
    ] = False
    _info: StreamInfo | None = field(init=False, repr=False, default=None)
    _place: Place | None = field(init=False, repr=False, default=None)
    _of_all: Orientation | None = field(init=False, repr=False, default=None)
    _fields: bool = field(init=False, repr=False, default=False)
    _found: tuple[str, ...] = field(init=False, repr=False, default=())
    _ready: Decoding | None = field(init=False, repr=False, default=None)
    _first: VideoFrame | None = field(init=False, repr=False, default=None)
    _latest: Decoding | None = field(init=False, repr=False, default=None)
    _known: Index | None = field(init=False, repr=False, default=None)
    _running: weakref.WeakSet[Generator[Frame]] = field(
        init=False, repr=False, default_factory=weakref.WeakSet
    )

    @classmethod
    def accepts(cls, location: str) -> float:  # noqa: ARG003
        """How well it fits: it is the one to try where no other is."""
        return 0.1

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about this input; see the class."""
        return (*self._found, *(self._latest.losses.notes() if self._latest is not None else ()))

    @property
    def dropped(self) -> int:
        """Frames that the latest pass left out."""
        return self._latest.losses.dropped if self._latest is not None else 0

    @property
    def repeated(self) -> int:
        """Damaged frames that the latest pass replaced by the one before."""
        return self._latest.losses.repeated if self._latest is not None else 0

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Open a file, address or pipe and decode its first frame, to learn what it holds.

        Raises:
            SourceNotFoundError: There is no such file.
            SourceError: It is no video, holds no picture, or no frame can be decoded.
        """
        self.close()
        self._place = Place(location, low_delay=self.low_delay, decoder=self.decoder)
        decoding = self._decoding(self._place)
        video, first = decoding.video, decoding.first
        self._of_all = png_orientation(self._place, video, first)
        orientation = self._of_all or orientation_of(first)
        info = described(self._place, video, first, orientation)
        self._fields = self.deinterlace == "bob" or (
            self.deinterlace == "auto" and first.interlaced_frame
        )
        self._found = tuple(remarks(video, first, self.deinterlace, orientation))
        if self.decoder == "auto" and (why := trouble()) is not None:
            self._found += (f"{self._place.shown} is decoded on the CPU: {why}",)
        self._info = by_fields(info) if self._fields else info
        self._ready = decoding
        # Damage before the first whole frame may have hidden some: then only decoding counts.
        self._first = first if not decoding.losses.dropped else None
        return {self._info.stream: self._info}

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield every n-th of the frames ``start <= index < stop``.

        Decoding begins with the last key frame from which ``start`` can be reached, where the
        packets before it plainly say how many frames they make, and else with the first frame; the
        frames, their indices and their times are the same either way.

        Raises:
            SourceError: No file is open, it was a pipe and has been read, or it breaks off before
                it should. What could be decoded before the break has been yielded by then.
        """
        if self._info is None or self._place is None:
            raise SourceError("no video is open; call open() with a file first")
        frames = self._frames(self._info, self._place, start, stop)
        self._running.add(frames)
        return frames

    def index_at(self, seconds: Fraction) -> int:
        """Index of the first frame that begins at this time or later; their number if none does.

        Times count from zero of the file's own clock, as ``Frame.seconds`` does. Reads packets up
        to there, and decodes them where they do not plainly say which frames they make.

        Raises:
            SourceError: As ``frames``; a pipe cannot be read for this and again for its frames.
        """
        if self._info is None or self._place is None:
            raise SourceError("no video is open; call open() with a file first")
        if self._place.is_read_once:
            raise SourceError(
                f"{self._place.shown}: a pipe is read once, so the frame at a time cannot be "
                "looked up beforehand; give a frame number"
            )
        pts = math.ceil(seconds / self._info.time_base)
        index = self._index(self._place, Until(pts=pts))
        if index is not None:
            return bisect.bisect_left(index.times, pts)
        decoding = self._decoding(self._place)
        after = 0
        try:
            for number, _, time in self._pictures(decoding, self._info):
                if time >= pts:
                    return number
                after = number + 1
            return after
        finally:
            decoding.close()

    def close(self) -> None:
        """End every iteration that still runs and close its file. A second call does nothing.

        One that another thread is blocked in, as on a pipe from which nothing comes, is left to it.
        """
        for frames in tuple(self._running):
            if inspect.getgeneratorstate(frames) != inspect.GEN_RUNNING:
                frames.close()
        self._running.clear()
        if self._ready is not None:
            self._ready.close()
        self._info = self._place = self._ready = self._first = self._known = None

    def _decoding(self, place: Place, jump: Jump | None = None) -> Decoding:
        """A new pass.

        Raises:
            NoWayError: Its jump leads nowhere.
        """
        policy = Policy(self.on_bad_frame, self.on_truncation)
        decoding = Decoding(place, policy, self.stream, self.timeout, jump=jump)
        decoding.open()
        return decoding

    def _taken(self, place: Place) -> Decoding:
        """The pass that ``open`` began, or else a new one."""
        ready, self._ready = self._ready, None
        if ready is not None:
            return ready
        if place.is_read_once:
            raise SourceError(
                f"{place.shown}: has been read already, and a pipe cannot be read again; open "
                "it anew, or save it to a file"
            )
        return self._decoding(place)

    def _index(self, place: Place, until: Until) -> Index | None:
        """The index of a file as far as it is wanted; None where frames have to be decoded."""
        if place.is_read_once or self._fields or self._first is None:
            return None
        known = self._known
        if known is None or not known.covers(until):
            if known is not None:  # who jumps about soon jumps further
                until = Until(max(until.number, 2 * len(known.times)), until.pts)
            known = read_index(place, self.stream, self.timeout, self._first, until)
            self._known = known
        return known

    def _begun(self, place: Place, start: int) -> tuple[Decoding, int]:
        """A pass that begins with a frame or before it, and the number of its first frame."""
        index = self._index(place, Until(number=start)) if start else None
        jump = index.jump_to(start) if index is not None else None
        if jump is not None:
            try:
                return self._decoding(place, jump), start
            except NoWayError:
                pass  # its container does not jump exactly, or it is damaged there
        return self._taken(place), 0

    def _frames(
        self, info: StreamInfo, place: Place, start: int, stop: int | None
    ) -> Generator[Frame]:
        if stop is not None and stop <= start:
            return
        decoding, number = self._begun(place, start)
        self._latest = decoding
        converter = Converter(self.background)
        try:
            pictures = self._pictures(decoding, info, number)
            for index, frame, pts, duration in self._timed(pictures):
                if stop is not None and index >= stop:
                    return
                if index >= start and (index - start) % self.every == 0:
                    orientation = self._of_all or orientation_of(frame)
                    yield _framed(frame, orientation, converter, info, index, pts, duration)
                if index + 1 == stop:
                    return
        finally:
            decoding.close()

    def _timed(
        self, pictures: Iterator[Numbered]
    ) -> Iterator[tuple[int, VideoFrame, int, int | None]]:
        if not self.low_delay:
            return _timed(pictures)
        return ((number, frame, pts, frame.duration or None) for number, frame, pts in pictures)

    def _pictures(
        self, decoding: Decoding, info: StreamInfo, number: int = 0
    ) -> Iterator[Numbered]:
        """Whole pictures with their numbers and times, in order."""
        frames = decoding.frames(Clock(decoding.first.pts or 0, _nominal_step(info)), number)
        if not self._fields:
            return frames
        pairs = ((frame, pts) for _, frame, pts in frames)
        fields = bob(pairs, info.time_base * FIELDS, only_flagged=self.deinterlace == "auto")
        return ((number, field, pts) for number, (field, pts) in enumerate(fields))


PARTS = {"video": VideoSource}


def _nominal_step(info: StreamInfo) -> int:
    """Time units from one frame to the next where the file says nothing; at least 1."""
    return max(1, round(1 / (info.frame_rate * info.time_base))) if info.frame_rate else 1


def _timed(
    frames: Iterator[Numbered],
) -> Iterator[tuple[int, VideoFrame, int, int | None]]:
    """Add durations: up to the next frame's time; for the last, what the file says, or None."""
    held: Numbered | None = None
    try:
        for number, frame, pts in frames:
            if held is not None:
                yield *held, pts - held[2]
            held = number, frame, pts
    except SourceError:
        if held is not None:
            yield *held, held[1].duration or None
        raise
    if held is not None:
        yield *held, held[1].duration or None


def _framed(
    frame: VideoFrame,
    orientation: Orientation,
    converter: Converter,
    info: StreamInfo,
    index: int,
    pts: int,
    duration: int | None,
) -> Frame:
    """The upright frame of the stream's size, however this one lies and is coded."""
    width, height = info.width, info.height
    if orientation.sideways:
        width, height = height, width
    return Frame(
        stream=info.stream,
        index=index,
        pts=pts,
        time_base=info.time_base,
        image=orientation.applied(converter.rgb(frame, width, height)),
        duration=duration,
        native=frame if orientation == Orientation(info.rotation) else None,
    )
