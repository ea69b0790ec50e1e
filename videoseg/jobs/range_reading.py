"""Reads ranges of the frames of a run, one after another, without a new start for each."""

from __future__ import annotations

from collections.abc import Iterator

from videoseg.jobs.frame_range import FrameRange
from videoseg.system.closing import close_if_able
from videoseg.types import Frame

_NEAR = 128
"""Frames that are rather decoded and left out than jumped over."""


class RangeReading:
    """Reads the frames of ranges, each of which lies behind the last.

    A range that is near is come to by going on: a jump costs all frames since its key frame, and
    some files allow none.
    """

    def __init__(self, frames: FrameRange) -> None:
        self._range = frames
        self._frames: Iterator[Frame] = iter(())
        self._next: Frame | None = None

    def part(self, start: int, stop: int) -> Iterator[Frame]:
        """The frames ``start <= index < stop``, as far as they are the run's.

        Raises:
            SourceError: As ``FrameSource.frames``.
        """
        begun, self._next = self._next, None  # an error on the way ends this reading
        if begun is None or not 0 <= start - begun.index <= _NEAR:
            self.close()
            self._frames = self._range.input.source.frames(start, self._range.stop)
            begun = next(self._frames, None)
        while begun is not None and begun.index < start:
            begun = next(self._frames, None)
        while begun is not None and begun.index < stop:
            yield begun
            begun = next(self._frames, None)
        self._next = begun

    def close(self) -> None:
        """Let go of the file."""
        close_if_able(self._frames)
