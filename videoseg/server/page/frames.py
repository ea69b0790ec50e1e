"""Frames for a browser: any frame of an input by its index, exact, small and soon.

One thread decodes. It serves who waits first, and then reads on around the place that is looked at.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Self, TypeVar

from videoseg.errors import SourceError, UsageError
from videoseg.jobs.inputs import Input
from videoseg.protocols import Timed
from videoseg.system.closing import close_if_able
from videoseg.types import Frame, RgbImage

SCALES = (1, 2, 4, 8)
"""A picture is a frame, or a half, a quarter or an eighth of its width and height."""
_QUALITY = 85
"""Of JPEG, 0 to 100."""
_MOST_PICTURES = 160 << 20
"""Bytes of pictures that are kept."""
_MOST_FRAMES = 96 << 20
"""Bytes of whole frames that are kept."""
_STRIDE = 24
"""Frames up to which decoding on is quicker than jumping."""
_LEAD = 12
"""Frames before one that is jumped back to: the next steps back are there already."""
_AHEAD, _BEHIND = 240, 96
"""Frames that are read on after the place that is looked at, and before it."""
_IDLE_SECONDS = 0.2
_NEVER = Fraction(10**11)
"""Seconds at which no frame is shown any more."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as a browser shows it.

    Attributes:
        index: The frame's index.
        seconds: When it is shown, on the input's own clock.
        jpeg: The picture.
    """

    index: int
    seconds: float
    jpeg: bytes


class Kept(Generic[K, V]):
    """Values by key up to a number of bytes; what was not asked for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        """The value, which is young again."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of so many bytes; the newest is kept however large it is."""
        _, before = self._values.pop(key, (None, 0))
        self._values[key] = value, size
        self._bytes += size - before
        while self._bytes > self._most and len(self._values) > 1:
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone


class FrameService(AbstractContextManager["FrameService"]):
    """Gives frames of an open input's first stream; any thread may ask.

    Args:
        opened: The input; the service reads it alone, and the caller closes it.
    """

    def __init__(self, opened: Input) -> None:
        self.input = opened
        self.info = opened.first
        self._pictures: Kept[tuple[int, int], Picture] = Kept(_MOST_PICTURES)
        self._frames: Kept[int, Frame] = Kept(_MOST_FRAMES)
        self._changed = threading.Condition()
        self._wanted: list[tuple[int, int | None]] = []
        self._failed: dict[int, Exception] = {}
        self._place: int | None = None
        self._scale = 1
        self._end = self.info.frame_count
        self._left = False
        self._reader = _Reader(opened)
        self._thread = threading.Thread(target=self._work, name="videoseg-frames", daemon=True)
        self._counting = threading.Thread(target=self._count, name="videoseg-count", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if self._end is None:
            self._counting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        self._thread.join()

    @property
    def frame_count(self) -> int | None:
        """How many frames there are, as far as is known by now; promised, until one is missing."""
        return self._end

    def picture(self, index: int, scale: int) -> Picture:
        """A frame as JPEG.

        Args:
            index: The frame.
            scale: One of ``SCALES``.

        Raises:
            UsageError: There is no such frame or scale.
            SourceError: The input cannot be read there.
        """
        if scale not in SCALES:
            raise UsageError(f"scale is one of {', '.join(map(str, SCALES))}, got {scale}")
        with self._changed:
            self._place, self._scale = index, scale
            self._changed.notify_all()
            return self._awaited(index, scale, lambda: self._pictures.get((index, scale)))

    def frame(self, index: int) -> Frame:
        """A whole frame; the same object as before, while it is kept.

        Raises:
            UsageError: There is no such frame.
            SourceError: The input cannot be read there.
        """
        with self._changed:
            return self._awaited(index, None, lambda: self._frames.get(index))

    def _count(self) -> None:
        """Find out how many frames there are, where the container does not say it."""
        with self.input.again() as source:
            if isinstance(source, Timed):
                with suppress(SourceError):  # where it breaks off is said when it is looked at
                    last = source.index_at(_NEVER)
                    with self._changed:
                        self._end = last if self._end is None else min(self._end, last)

    def _awaited(self, index: int, scale: int | None, found: Callable[[], V | None]) -> V:
        value = found()
        wanted = (index, scale)
        while value is None:
            if self._left or index < 0 or (self._end is not None and index >= self._end):
                raise UsageError(f"there is no frame {index}")
            if wanted not in self._wanted:
                self._wanted.append(wanted)
                self._changed.notify_all()
            self._changed.wait(_IDLE_SECONDS)
            if index in self._failed:
                raise self._failed.pop(index)
            value = found()
        return value

    def _work(self) -> None:
        try:
            while (wish := self._next_wish()) is not None:
                self._serve(*wish)
        finally:
            self._reader.close()

    def _next_wish(self) -> tuple[int, int | None] | None:
        """What to read next: the newest that is waited for, else what may be asked for soon."""
        with self._changed:
            while not self._left:
                if self._wanted:
                    return self._wanted[-1]
                ahead = self._unread()
                if ahead is not None:
                    return ahead, self._scale
                self._changed.wait(_IDLE_SECONDS)
        return None

    def _unread(self) -> int | None:
        """The nearest frame about the place that is looked at which has no picture yet."""
        if self._place is None:
            return None
        last = self._place + _AHEAD
        last = last if self._end is None else min(last, self._end - 1)
        for index in range(self._place, last + 1):
            if (index, self._scale) not in self._pictures and index not in self._failed:
                return index
        for index in range(self._place - 1, max(-1, self._place - _BEHIND), -1):
            if (index, self._scale) not in self._pictures and index not in self._failed:
                return index
        return None

    def _serve(self, index: int, scale: int | None) -> None:
        """Decode up to a frame; the pictures of those on the way are kept, too."""
        shown = self._scale if scale is None else scale
        error: Exception | None = None
        try:
            with self._changed:
                kept = self._frames.get(index)
            for frame in self._reader.to(index) if kept is None else (kept,):
                self._keep(frame, shown)
                if self._left or self._is_pressed(index):
                    return
        except Exception as failure:  # handed to who waits
            error = failure
        with self._changed:
            if error is None and index not in self._frames:
                if not self._reader.is_under_way:  # the input is shorter than it promises
                    self._end = min(index, self._reader.position)
                error = UsageError(f"there is no frame {index}")
            if error is not None:
                self._failed[index] = error
            self._wanted = [wish for wish in self._wanted if wish[0] != index]
            self._changed.notify_all()

    def _is_pressed(self, index: int) -> bool:
        """Whether somebody waits for another frame than the one that is read for."""
        return bool(self._wanted) and self._wanted[-1][0] != index

    def _keep(self, frame: Frame, scale: int) -> None:
        with self._changed:
            scales = {s for i, s in self._wanted if i == frame.index and s is not None} or {scale}
        made = [(each, _jpeg(frame.image, each)) for each in sorted(scales)]
        with self._changed:
            self._frames.put(frame.index, frame, frame.image.nbytes)
            for each, jpeg in made:
                picture = Picture(frame.index, float(frame.seconds), jpeg)
                self._pictures.put((frame.index, each), picture, len(jpeg))
            self._changed.notify_all()


class _Reader:
    """Reads an input forwards, and jumps where that is shorter."""

    def __init__(self, opened: Input) -> None:
        self._input = opened
        self._stream = opened.first.stream
        self._frames: Iterator[Frame] | None = None
        self.position = 0

    @property
    def is_under_way(self) -> bool:
        """Whether there may be more frames."""
        return self._frames is not None

    def to(self, index: int) -> Iterator[Frame]:
        """The frames up to one, that one last; fewer where the input ends before it."""
        if self._frames is None or not self.position <= index < self.position + _STRIDE:
            back = index < self.position
            self.close()
            self.position = max(0, index - _LEAD) if back else index
            self._frames = self._input.source.frames(self.position)
        try:
            for frame in self._frames:
                if frame.stream != self._stream:
                    continue
                self.position = frame.index + 1
                yield frame
                if frame.index >= index:
                    return
            self._frames = None
        except Exception:
            self._frames = None
            raise

    def close(self) -> None:
        """Let go of what is open of the input."""
        if self._frames is not None:
            close_if_able(self._frames)
            self._frames = None


def _jpeg(image: RgbImage, scale: int) -> bytes:
    """A picture as JPEG, its sides divided by ``scale``."""
    import cv2

    height, width = image.shape[:2]
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale > 1 else image
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return coded.tobytes()
