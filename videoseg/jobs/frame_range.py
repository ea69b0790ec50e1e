"""Which frames of an input a run takes: from the setting ``start`` to the setting ``end``."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from videoseg.errors import UsageError
from videoseg.jobs.inputs import Input
from videoseg.jobs.positions import frame_index, parse_position
from videoseg.protocols import Timed
from videoseg.types import Frame

_NEVER = Fraction(10**11)
"""Seconds at which no frame is shown any more; times of day count from 1970."""


@dataclass(frozen=True, eq=False)
class FrameRange:
    """The frames of an open input that a run takes.

    Attributes:
        input: The input.
        start: Index of the first frame.
        stop: Index behind the last frame; None = to the end.
    """

    input: Input
    start: int = 0
    stop: int | None = None

    @classmethod
    def between(cls, opened: Input, start: str, end: str) -> FrameRange:
        """The frames between two places (``jobs.positions``); empty text = no limit.

        Raises:
            UsageError: One is no place, or there is no frame between them.
            SourceError: The source cannot look a time up.
        """
        first = index_of(opened, start) if start else 0
        stop = frame_index(parse_position(end), opened.first, opened.source) if end else None
        if stop is not None and stop <= first:
            raise UsageError(f"there are no frames between {start or 'the start'} and {end}")
        return cls(opened, first, stop)

    def frames(self) -> Iterator[Frame]:
        """The frames, in order."""
        return self.input.source.frames(self.start, self.stop)

    @property
    def count(self) -> int | None:
        """How many frames the source promises, over all streams; None where it does not say."""
        frames = 0
        for info in self.input.streams.values():
            if info.frame_count is None:
                return None
            frames += len(range(info.frame_count)[self.start : self.stop : self.input.every])
        return frames

    @functools.cached_property
    def ends(self) -> tuple[int, int | None]:
        """Index of the first frame, and of the last.

        Where the container does not say how many frames it holds they are counted, which may mean
        to read all of it; of what is read once, or from an address, the last stays None.

        Raises:
            SourceError: It cannot be read.
        """
        counts = [info.frame_count for info in self.input.streams.values()]
        known = [count for count in (self.stop, *counts) if count is not None]
        source = self.input.source
        if None in counts and Path(self.input.location).is_file() and isinstance(source, Timed):
            known.append(source.index_at(_NEVER))
        return self.start, max(self.start, min(known) - 1) if known else None


def index_of(opened: Input, place: str) -> int:
    """The frame of an input's first stream at a place (``jobs.positions``).

    Raises:
        UsageError: It is no place, or lies behind the end.
        SourceError: The source cannot look a time up.
    """
    info = opened.first
    index = frame_index(parse_position(place), info, opened.source)
    if info.frame_count is not None and index >= info.frame_count:
        raise UsageError(f"{place} is after the last of {info.frame_count} frames")
    return index
