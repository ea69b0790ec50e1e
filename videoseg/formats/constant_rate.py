"""Frames that come at any times, placed on a timeline of constant rate: one on each number."""

from __future__ import annotations

from dataclasses import dataclass

from videoseg.formats.frame_numbers import number_of
from videoseg.types import Scene, StreamInfo

_MOST_REPEATS = 10_000
"""Numbers in a row that one frame fills; a gap in the times that is longer stays one."""


@dataclass(slots=True)
class ConstantRate:
    """Gives the frames of one stream their numbers, so that each number has one frame.

    A frame has the number nearest to its time. Of two frames with one number the second is dropped;
    a number without a frame repeats the frame before.

    Attributes:
        info: The stream.
        first: The number of the stream's first frame, whether it is in the run or not.
        last: The last number that was given; None before the first frame.
        repeated: Numbers that repeat a frame.
        dropped: Frames that have no number.
        missing: Numbers that have no frame, as the gap in the times is too long.
    """

    info: StreamInfo
    first: int
    last: int | None = None
    repeated: int = 0
    dropped: int = 0
    missing: int = 0

    def place(self, scene: Scene) -> range:
        """The numbers of the next frame and of those before it that have none.

        The last is the frame's own; before it, each repeats the frame that was placed last. Empty
        where the frame is dropped.
        """
        number = number_of(scene, self.info, self.first)
        if self.last is None:
            self.last = number
            return range(number, number + 1)
        if number <= self.last:
            self.dropped += 1
            return range(0)
        begin, self.last = self.last + 1, number
        if number - begin > _MOST_REPEATS:
            self.missing += number - begin
            return range(number, number + 1)
        self.repeated += number - begin
        return range(begin, number + 1)

    def note(self) -> str | None:
        """What became of frames at uneven times, in one line; None where all have their number."""
        said = [
            f"{what}: {count}"
            for what, count in (
                ("numbers that repeat the frame before", self.repeated),
                ("frames left out, since another has their number", self.dropped),
                ("numbers without a file, in long gaps", self.missing),
            )
            if count
        ]
        if not said:
            return None
        rate = self.info.frame_rate
        even = "" if rate is None else f" of {float(rate):g} a second"
        return f"{self.info.stream}: frames do not come at the even times{even}; {'; '.join(said)}"
