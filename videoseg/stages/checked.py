"""Lets whoever watches a run look in wherever it can end: before a frame, and with an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeAlias

from videoseg.protocols import Stage
from videoseg.system.closing import close_if_able
from videoseg.types import Detections, Frame

Check: TypeAlias = Callable[[], object]
"""Called often, in the thread of the run; what it raises ends the run."""


def unchecked() -> None:
    """A check that lets all go on."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A ``Stage``: another one, with a check before each frame that it takes and each answer.

    Attributes:
        stage: The other one.
        check: What is called.
    """

    stage: Stage
    check: Check

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer."""
        answers = self.stage.run(self._taken(frames))
        with ExitStack() as ends:
            ends.callback(close_if_able, answers)
            for pair in answers:
                self.check()
                yield pair

    def _taken(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.check()
            yield frame
