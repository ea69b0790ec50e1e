"""Asks a model some prompts on every frame; of the others the answers are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from videoseg.protocols import Stage
from videoseg.stages.known_answers import KnownAnswers, combined
from videoseg.system.closing import close_if_able
from videoseg.types import Detections, Frame


@dataclass(frozen=True, slots=True)
class Joined:
    """A ``Stage`` around one that asks about each frame for itself.

    Attributes:
        stage: What asks the model.
        numbers: Of the prompts that it asks, among all of the run.
        known: Answers about the others.
    """

    stage: Stage
    numbers: tuple[int, ...]
    known: KnownAnswers

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer.

        Raises:
            RunLogError: An answer is missing.
        """
        count = len(self.known.prompts)
        answers = self.stage.run(frames)
        with ExitStack() as ends:
            ends.callback(close_if_able, answers)
            for frame, answer in answers:
                self.known.count(frame.stream, frame.index)
                kept = self._kept(self.known.on(frame))
                asked = Detections(frame.stream, frame.index) if answer is None else answer
                yield frame, combined(self._numbered(asked, count), kept, count)

    def _kept(self, known: Detections) -> Detections:
        """What is known of prompts that are not asked."""
        found = tuple(one for one in known.instances if one.prompt not in self.numbers)
        presence = tuple(
            None if n in self.numbers else value for n, value in enumerate(known.presence)
        )
        return replace(known, instances=found, presence=presence)

    def _numbered(self, answer: Detections, count: int) -> Detections:
        """An answer with the numbers that prompts have among all."""
        found = tuple(replace(one, prompt=self.numbers[one.prompt]) for one in answer.instances)
        said = dict(zip(self.numbers, answer.presence, strict=True)) if answer.presence else {}
        presence = tuple(said.get(n) for n in range(count)) if said else ()
        return replace(answer, instances=found, presence=presence)
