"""Reads an input to any of its frames, by going on or by jumping, whichever is quicker."""

from __future__ import annotations

import time
from collections.abc import Iterator

from videoseg.jobs.inputs import Input
from videoseg.system.closing import close_if_able
from videoseg.types import Frame

_STEPS_OF_JUMP = 24.0
"""A jump is thought to take as long as so many frames, until one was made."""
_LEAST_LEAD, _MOST_LEAD = 12, 96
"""Frames before one that is jumped back to: the next steps back are there already."""
_NEW = 0.3
"""Weight of the newest measurement of time."""


class FrameReader:
    """A place in an input's first stream; one thread at a time may ask.

    How far the key frames are apart is not known, but how long jumps have taken is.

    Args:
        opened: The input; the reader reads it alone, and the caller closes it.
    """

    def __init__(self, opened: Input) -> None:
        self._input = opened
        self._stream = opened.first.stream
        self._frames: Iterator[Frame] | None = None
        self._step = self._jump = 0.0
        self.position = 0

    @property
    def is_under_way(self) -> bool:
        """Whether there may be more frames."""
        return self._frames is not None

    @property
    def stride(self) -> float:
        """Frames up to which going on is quicker than jumping."""
        return max(_STEPS_OF_JUMP, self._jump / self._step) if self._step else _STEPS_OF_JUMP

    def to(self, index: int) -> Iterator[Frame]:
        """The frames up to one, that one last; fewer where the input ends before it."""
        jumps = self._frames is None or not self.position <= index < self.position + self.stride
        if jumps:
            lead = round(min(max(self.stride / 2, _LEAST_LEAD), _MOST_LEAD))
            back = index < self.position
            self.close()
            self.position = max(0, index - lead) if back else index
            self._frames = self._input.source.frames(self.position)
        try:
            yield from self._up_to(index, jumps=jumps and self.position > 0)
        except Exception:
            self._frames = None
            raise

    def close(self) -> None:
        """Let go of what is open of the input."""
        if self._frames is not None:
            close_if_able(self._frames)
            self._frames = None

    def _up_to(self, index: int, *, jumps: bool) -> Iterator[Frame]:
        begun = time.perf_counter()
        assert self._frames is not None  # noqa: S101 - the caller has opened it
        for frame in self._frames:
            if frame.stream != self._stream:
                continue
            self._measure(time.perf_counter() - begun, jumps=jumps)
            jumps = False
            self.position = frame.index + 1
            yield frame
            if frame.index >= index:
                return
            begun = time.perf_counter()
        self._frames = None

    def _measure(self, seconds: float, *, jumps: bool) -> None:
        if jumps:
            self._jump = seconds if not self._jump else self._jump + _NEW * (seconds - self._jump)
        else:
            self._step = seconds if not self._step else self._step + _NEW * (seconds - self._step)
