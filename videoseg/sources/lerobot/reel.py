"""A video that several episodes share, read forwards; frames are found by their own times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from videoseg.errors import SourceError
from videoseg.sources.video import VideoSource
from videoseg.types import Frame, StreamInfo

EXACT = 1e-4
"""Seconds from a time within which a frame is the one meant: what LeRobot itself allows."""
_WORTH_A_JUMP = 2.0
"""Seconds of video that are decoded sooner than looked past: key frames are about as far apart."""


@dataclass
class Reel:
    """An open video.

    Attributes:
        path: Its file.
        video: What decodes it; closed by ``close``.
    """

    path: Path
    video: VideoSource
    info: StreamInfo = field(init=False)
    _frames: Iterator[Frame] = field(init=False, repr=False, default=iter(()))
    _behind: Frame | None = field(init=False, repr=False, default=None)
    _ahead: Frame | None = field(init=False, repr=False, default=None)
    _begun: bool = field(init=False, repr=False, default=False)

    def __post_init__(self) -> None:
        (self.info,) = self.video.open(str(self.path)).values()

    def go_to(self, time: float) -> None:
        """Be ready for frames from a time on; what was read before is used where it is near.

        Raises:
            SourceError: The video cannot be read.
        """
        latest = self._ahead or self._behind
        if self._begun and latest is not None and self._behind is not None:
            earliest = float(self._behind.seconds)
            if earliest <= time and time - float(latest.seconds) < _WORTH_A_JUMP:
                return
        if not self._begun and time < _WORTH_A_JUMP:
            first = 0
        else:
            # The frame before is wanted, too: it may be the nearest.
            first = max(0, self.video.index_at(Fraction(time)) - 1)
        self._behind = self._ahead = None
        self._frames, self._begun = self.video.frames(first), True

    def nearest(self, time: float) -> Frame | None:
        """The frame that is nearest to a time, not earlier than the one asked for before.

        Raises:
            SourceError: The video breaks off.
        """
        while self._ahead is None or float(self._ahead.seconds) <= time + EXACT:
            if self._ahead is not None:
                self._behind, self._ahead = self._ahead, None
            if self._behind is not None and abs(float(self._behind.seconds) - time) <= EXACT:
                return self._behind
            self._ahead = next(self._frames, None)
            if self._ahead is None:
                break
        near = [frame for frame in (self._behind, self._ahead) if frame is not None]
        return min(near, key=lambda frame: abs(float(frame.seconds) - time), default=None)

    def close(self) -> None:
        """Close the video. A second call does nothing."""
        with suppress(SourceError):
            self.video.close()
