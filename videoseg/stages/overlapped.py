"""Asks a model on a thread of its own, while what it answered before is being tracked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass

from videoseg.protocols import Stage
from videoseg.system.threads import read_ahead
from videoseg.types import Detections, Frame


@dataclass(frozen=True, slots=True)
class Overlapped:
    """A ``Stage``: another one, at most two frames ahead of whoever takes its answers.

    An answer is given as soon as it is there, whether or not there is a next frame yet.

    Attributes:
        stage: The other one.
    """

    stage: Stage

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer."""
        with closing(read_ahead(self.stage.run(frames), 1)) as answers:
            yield from answers
