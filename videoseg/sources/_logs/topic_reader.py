"""Frames of one topic, message after message, and what had to be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from videoseg.formats.robotics.decoding import TopicDecoder
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.sources._logs.clock import LATE, TopicClock
from videoseg.sources._logs.log import Entry
from videoseg.types import Frame, Recorded, RgbImage, StreamInfo

TIME_BASE = Fraction(1, 10**9)


@dataclass
class TopicReader:
    """Turns the messages of a topic into frames.

    Attributes:
        info: Its stream.
        decoder: Makes pictures of messages.
        clock: Gives them times.
        start: Index of the first frame that is wanted.
        stop: Index behind the last; None = to the end.
        every: Every n-th of these is wanted.
        index: Of the next message: each message counts, whether it becomes a frame or not.
        lost: Messages that were left out, by why.
    """

    info: StreamInfo
    decoder: TopicDecoder
    clock: TopicClock
    start: int = 0
    stop: int | None = None
    every: int = 1
    index: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def is_done(self) -> bool:
        """Whether no frame of it is wanted any more; the log's own count is not relied on."""
        if self.stop is None:
            return False
        count = self.info.frame_count
        return self.index >= (self.stop if count is None else min(self.stop, count))

    def frame(self, entry: Entry) -> Frame | None:
        """The frame in a message; None if it is not wanted, or has none."""
        index, self.index = self.index, self.index + 1
        try:
            message = self.decoder.read(entry.data)
            time = self.clock.time(message.stamp, entry.log_time, entry.publish_time)
            if time is None:
                self.lost[LATE] += index >= self.start
            if time is None or not self._wants(index):
                self.decoder.skip(message)
                return None
            image = self._image(message)
        except MessageError as error:
            self.lost[str(error)] += index >= self.start
            return None
        return Frame(
            stream=self.info.stream,
            index=index,
            pts=time,
            time_base=TIME_BASE,
            image=image,
            recorded=Recorded(
                entry.topic, message.frame_id, message.stamp, entry.log_time, entry.publish_time
            ),
        )

    def time(self, entry: Entry) -> int | None:
        """Time of the frame in a message, without its picture; None if it would be left out."""
        self.index += 1
        try:
            message = self.decoder.read(entry.data)
        except MessageError:
            return None
        return self.clock.time(message.stamp, entry.log_time, entry.publish_time)

    def _wants(self, index: int) -> bool:
        inside = index >= self.start and (self.stop is None or index < self.stop)
        return inside and (index - self.start) % self.every == 0

    def _image(self, message: ImageMessage) -> RgbImage:
        image = self.decoder.rgb(message)
        height, width = image.shape[:2]
        if (width, height) != (self.info.width, self.info.height):
            raise MessageError(f"of another size than {self.info.width} x {self.info.height}")
        return image

    def notes(self) -> Iterator[str]:
        """Lines for people about what was left out, and about times."""
        name = self.info.stream
        if self.lost.total():
            reasons = ", ".join(f"{count} {why}" for why, count in self.lost.items() if count)
            yield f"{name}: messages left out: {self.lost.total()} ({reasons})"
        for what, count in self.clock.counts.items():
            if what != LATE:
                yield f"{name}: {what}: {count}"
        if self.clock.gaps:
            yield (
                f"{name}: places where pictures are missing: {self.clock.gaps} (about "
                f"{self.clock.missing} in all)"
            )
