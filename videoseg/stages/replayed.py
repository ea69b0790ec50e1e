"""Gives answers that are known from an earlier run, and then goes on with the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from videoseg.errors import RunLogError
from videoseg.protocols import Resumable, Stage
from videoseg.types import Detections, Frame
from videoseg.types.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Replayed:
    """A ``Stage``: frames that were answered before are not asked again.

    Attributes:
        known: ``stream, index, answer`` of the first frames, in their order.
        then: The stage that is asked about the frames after those; None = there must be none.
        state: What that stage remembered after the last of them, if it is one that remembers.
        whole: Whether there must be as many answers as frames where no stage goes on.
    """

    known: Iterable[tuple[str, int, Detections | None]]
    then: Stage | None = None
    state: Snapshot | None = None
    whole: bool = True

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer.

        Raises:
            RunLogError: The answers are to other frames than these.
        """
        source = iter(frames)
        remembers = self.then if isinstance(self.then, Resumable) else None
        for stream, index, answer in self.known:
            frame = next(source, None)
            if frame is None or (frame.stream, frame.index) != (stream, index):
                have = "ends" if frame is None else f"goes on with {frame.index} of {frame.stream}"
                raise RunLogError(f"the log has frame {index} of {stream} where the input {have}")
            if remembers is not None:
                remembers.recall(frame, answer)
            yield frame, answer
        if self.then is None:
            if self.whole and (frame := next(source, None)) is not None:
                raise RunLogError(f"the log ends before frame {frame.index} of {frame.stream}")
            return
        if remembers is not None and self.state:
            remembers.restore(self.state)
        yield from self.then.run(source)
