"""Frames for a browser: any frame of an input by its index, exact, small and soon.

One thread decodes. It serves who waits first, and then reads on around the place that is looked at.
A second one makes small pictures of everything, for who looks for a place (``overview``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from fractions import Fraction
from typing import Self, TypeVar

from videoseg.errors import SourceError, UsageError
from videoseg.jobs.inputs import Input
from videoseg.protocols import Timed
from videoseg.server.page.frame_reader import FrameReader
from videoseg.server.page.leaving import GoneError
from videoseg.server.page.overview import Overview
from videoseg.server.page.picture_cache import SCALES, Kept, Picture, rough_scale
from videoseg.types import Frame

_MOST_PICTURES = 96 << 20
"""Bytes of pictures that are kept, beside those of the overview."""
_MOST_FRAMES = 96 << 20
"""Bytes of whole frames that are kept."""
_AHEAD, _BEHIND = 60, 24
"""Frames that are read on after the place that is looked at, and before it; the other way round
for who goes backwards."""
_WHOLE = 3
"""Whole frames that are kept on each side of that place: only they are soon clicked."""
_IDLE_SECONDS = 0.2
_PATIENCE_SECONDS = 0.03
"""For the very frame, for who looks for a place; then a near one is shown."""
_ROUGH = 0
"""In place of a scale: the picture of the overview."""
_NEVER = Fraction(10**11)
"""Seconds at which no frame is shown any more."""

V = TypeVar("V")


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
        self._goes_back = False
        self._scale = 1
        self._end = self.info.frame_count
        self._left = False
        self._held = 0
        self._reader = FrameReader(opened)
        rough = rough_scale(self.info.width, self.info.height)
        self._overview = Overview(opened, rough, self._changed, self._may_go_on)
        self._threads = [
            threading.Thread(target=work, name=f"videoseg-{name}", daemon=True)
            for name, work in (("frames", self._work), ("overview", self._look_over))
        ]
        self._counting = threading.Thread(target=self._count, name="videoseg-count", daemon=True)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        if self._end is None:
            self._counting.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def frame_count(self) -> int | None:
        """How many frames there are, as far as is known by now; promised, until one is missing."""
        return self._end

    def picture(
        self, index: int, scale: int, is_gone: Callable[[], bool] = lambda: False
    ) -> Picture:
        """A frame as JPEG.

        Args:
            index: The frame.
            scale: One of ``SCALES``.
            is_gone: Whether nobody waits for it any more.

        Raises:
            UsageError: There is no such frame or scale.
            SourceError: The input cannot be read there.
            GoneError: Nobody waits for it any more.
        """
        if scale not in SCALES:
            raise UsageError(f"scale is one of {', '.join(map(str, SCALES))}, got {scale}")
        with self._changed:
            self._look_at(index, scale)
            return self._awaited(index, scale, lambda: self._pictures.get((index, scale)), is_gone)

    def near(self, index: int, is_gone: Callable[[], bool] = lambda: False) -> Picture:
        """A small picture of a frame, or of one near to it that is there already.

        Raises:
            UsageError: There is no such frame.
            SourceError: The input cannot be read there.
            GoneError: Nobody waits for it any more.
        """
        until = time.monotonic() + _PATIENCE_SECONDS
        with self._changed:
            self._look_at(index, _ROUGH)
            while (found := self._overview.nearest(index, self._end)) is not None:
                left = until - time.monotonic()
                if found.index == index or left <= 0:
                    return found
                self._changed.wait(left)
            return self._awaited(index, _ROUGH, lambda: self._overview.of(index), is_gone)

    def frame(self, index: int) -> Frame:
        """A whole frame; the same object as before, while it is kept.

        Raises:
            UsageError: There is no such frame.
            SourceError: The input cannot be read there.
        """
        with self._changed:
            return self._awaited(index, None, lambda: self._frames.get(index))

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Within, nothing is read that nobody waits for: who asks the model has the processor."""
        with self._changed:
            self._held += 1
        try:
            yield
        finally:
            with self._changed:
                self._held -= 1
                self._changed.notify_all()

    def _look_at(self, index: int, scale: int) -> None:
        """Read on around another place from now on; the lock is held."""
        if self._place is not None and index != self._place:
            self._goes_back = index < self._place
        self._place, self._scale = index, scale
        self._changed.notify_all()

    def _count(self) -> None:
        """Find out how many frames there are, where the container does not say it."""
        with self.input.again() as source:
            if isinstance(source, Timed):
                with suppress(SourceError):  # where it breaks off is said when it is looked at
                    last = source.index_at(_NEVER)
                    with self._changed:
                        self._end = last if self._end is None else min(self._end, last)

    def _look_over(self) -> None:
        with self._changed:  # who opens the page sees the first frame first
            while self._place is None and not self._left:
                self._changed.wait(_IDLE_SECONDS)
        self._overview.fill(self.info.frame_count)

    def _may_go_on(self) -> bool:
        """Return when nobody waits for anything; False when the page is left."""
        with self._changed:
            while (self._held or self._wanted) and not self._left:
                self._changed.wait(_IDLE_SECONDS)
            return not self._left

    def _awaited(
        self,
        index: int,
        scale: int | None,
        found: Callable[[], V | None],
        is_gone: Callable[[], bool] = lambda: False,
    ) -> V:
        value = found()
        wanted = (index, scale)
        while value is None:
            if self._left or index < 0 or (self._end is not None and index >= self._end):
                raise UsageError(f"there is no frame {index}")
            if is_gone():
                self._wanted = [wish for wish in self._wanted if wish != wanted]
                raise GoneError
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
                ahead = None if self._held else self._unread()
                if ahead is not None:
                    return ahead, self._scale
                self._changed.wait(_IDLE_SECONDS)
        return None

    def _unread(self) -> int | None:
        """The nearest frame about the place that is looked at which has no picture yet."""
        if self._place is None or (self._scale == _ROUGH and self._overview.reads_all):
            return None
        ahead, behind = (_BEHIND, _AHEAD) if self._goes_back else (_AHEAD, _BEHIND)
        last = self._place + ahead
        last = last if self._end is None else min(last, self._end - 1)
        ways = [range(self._place, last + 1), range(self._place - 1, self._place - behind, -1)]
        for way in reversed(ways) if self._goes_back else ways:
            for index in way:
                if index >= 0 and index not in self._failed and not self._has(index):
                    return index
        return None

    def _has(self, index: int) -> bool:
        if self._scale == _ROUGH:
            return self._overview.of(index) is not None
        return (index, self._scale) in self._pictures

    def _serve(self, index: int, scale: int | None) -> None:
        """Decode up to a frame; the pictures of those on the way are kept, too."""
        shown = self._scale if scale is None else scale
        error: Exception | None = None
        is_there = False
        try:
            with self._changed:
                kept = self._frames.get(index)
            for frame in self._reader.to(index) if kept is None else (kept,):
                self._keep(frame, shown)
                is_there = is_there or frame.index == index
                if self._left or self._is_pressed(index):
                    return
        except Exception as failure:  # handed to who waits
            error = failure
        with self._changed:
            if error is None and not is_there:
                if not self._reader.is_under_way:  # the input is shorter than it promises
                    self._end = min(index, self._reader.position)
                error = UsageError(f"there is no frame {index}")
            if error is not None:
                self._failed[index] = error
            self._wanted = [wish for wish in self._wanted if wish[0] != index]
            self._changed.notify_all()

    def _is_pressed(self, index: int) -> bool:
        """Whether somebody waits for another frame than the one that is read for."""
        if self._wanted:
            return self._wanted[-1][0] != index
        return self._held > 0

    def _keep(self, frame: Frame, scale: int) -> None:
        with self._changed:
            wishes = [wish for wish in self._wanted if wish[0] == frame.index]
            near = self._place is not None and abs(frame.index - self._place) <= _WHOLE
        scales = {wished for _, wished in wishes if wished is not None} or {scale}
        made = [(each, Picture.of(frame, each)) for each in sorted(scales) if each != _ROUGH]
        self._overview.add(frame)
        with self._changed:
            if wishes or near:
                self._frames.put(frame.index, frame, frame.image.nbytes)
            for each, picture in made:
                self._pictures.put((frame.index, each), picture, len(picture.jpeg))
            self._changed.notify_all()
