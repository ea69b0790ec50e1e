"""Asks a model on some frames only; between them a tracker interpolates."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from videoseg.protocols import LooksAhead, Resumable, Stage, Tracker
from videoseg.system.closing import close_if_able
from videoseg.types import Detections, Frame
from videoseg.types.snapshot import Snapshot

_MOST_HELD = 32
"""Frames that may wait for the answers of one batch."""


@dataclass(frozen=True, slots=True)
class EveryNth:
    """A ``Stage`` around another one, which sees every n-th frame and those that must be asked.

    The last frame of all is asked too: there is nothing to interpolate to behind it.

    Attributes:
        stage: What asks the model.
        every: Distance between frames that are asked, in frames, at least 1.
        first: Index of a frame that is asked, from which the others are counted; a run that goes
            on later counts from the same frame.
        also: Indices of frames that are asked besides: those that cues were made on.
    """

    stage: Stage
    every: int
    first: int = 0
    also: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every n-th frame needs n of at least 1, got {self.every = }")

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order; None for those on which the model was not asked.

        A frame that is not asked goes on at once, unless one before it waits for its answer.
        """
        marked = ((frame, last or self._is_asked(frame)) for frame, last in _with_last(frames))
        waiting: deque[Frame] = deque()  # in order; the last of them is asked
        next_asked: deque[Frame] = deque()

        def asked() -> Iterator[Frame]:
            while True:
                while next_asked:
                    yield next_asked.popleft()
                for frame, due in marked:
                    waiting.append(frame)
                    if due:
                        next_asked.append(frame)
                        break
                else:
                    return

        answers = self.stage.run(asked())
        with ExitStack() as ends:
            ends.callback(close_if_able, answers)
            for frame, due in marked:
                if not due:
                    yield frame, None
                    continue
                waiting.append(frame)
                next_asked.append(frame)
                for answered, detections in answers:
                    while waiting[0] is not answered:
                        yield waiting.popleft(), None
                    yield waiting.popleft(), detections
                    if not waiting:
                        break

    def _is_asked(self, frame: Frame) -> bool:
        return (frame.index - self.first) % self.every == 0 or frame.index in self.also


@dataclass(frozen=True, slots=True)
class RememberingEveryNth(EveryNth):
    """The same around a stage that can be put back to where it was."""

    stage: Resumable

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        if detections is not None:
            self.stage.recall(frame, detections)

    def snapshot(self) -> Snapshot:
        """What the stage remembers."""
        return self.stage.snapshot()

    def restore(self, state: Snapshot) -> None:
        """Remember what ``snapshot`` gave."""
        self.stage.restore(state)


def every_nth(stage: Stage, every: int, *, first: int, also: Iterable[int | None]) -> Stage:
    """A stage that is asked on every n-th frame; itself where that is every frame."""
    if every == 1:
        return stage
    frames = frozenset(frame for frame in also if frame is not None)
    if isinstance(stage, Resumable):
        return RememberingEveryNth(stage, every, first, frames)
    return EveryNth(stage, every, first, frames)


def seeing_ahead(tracker: Tracker, every: int) -> Tracker:
    """A tracker that looks far enough ahead to see the next frame that is asked.

    The setting ``look_ahead``, where it has one, is raised to that distance.
    """
    if isinstance(tracker, LooksAhead) and tracker.look_ahead < every:
        tracker.look_ahead = every
    return tracker


def batch_within(batch: int, every: int) -> int:
    """The largest batch, at most this one, that does not make too many frames wait for it.

    Where every frame is asked, 0 stays 0: the stage finds out what fits.
    """
    most = 1 + (_MOST_HELD - 1) // every
    if batch == 0:
        return 0 if every == 1 else most
    return max(1, min(batch, most))


def _with_last(frames: Iterable[Frame]) -> Iterator[tuple[Frame, bool]]:
    """Each frame, and whether it is the last."""
    held: Frame | None = None
    for frame in frames:
        if held is not None:
            yield held, False
        held = frame
    if held is not None:
        yield held, True
