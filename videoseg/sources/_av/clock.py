"""Gives decoded frames their times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass
class Clock:
    """Trusts a frame's pts, or its dts in files whose pts prove wrong more often (AVI).

    The rule is the one of FFmpeg's ``guess_correct_pts`` (libavcodec/decode.c): each kind is wrong
    where it does not rise from frame to frame, in order of presentation.

    Attributes:
        start: Time of the first frame where it has none of its own.
        step: Time from one frame to the next where a frame has neither time nor duration, > 0.
    """

    start: int
    step: int
    _time: int | None = None
    _pts: int | None = None
    _dts: int | None = None
    _wrong_pts: int = 0
    _wrong_dts: int = 0

    def time(self, frame: VideoFrame) -> int | None:
        """The time of the next frame; None where it is not after the frame before."""
        time = self._trusted(frame)
        if time is None:
            time = self.start if self._time is None else self._time + self.step
        if self._time is not None and time <= self._time:
            return None
        self._time = time
        self.step = frame.duration or self.step
        return time

    def _trusted(self, frame: VideoFrame) -> int | None:
        pts, dts = frame.pts, frame.dts
        if dts is not None:
            self._wrong_dts += self._dts is not None and dts <= self._dts
            self._dts = dts
        if pts is not None:
            self._wrong_pts += self._pts is not None and pts <= self._pts
            self._pts = pts
        return pts if self._wrong_pts <= self._wrong_dts else dts
