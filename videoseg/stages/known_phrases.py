"""Asks a model those prompts alone whose words it knows; the others are said to be refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from videoseg.errors import UnknownPhraseError
from videoseg.prompts import Refused
from videoseg.protocols import Resumable, Segmenter, Stage
from videoseg.system.closing import close_if_able
from videoseg.types import Detections, Frame, Prompt
from videoseg.types.snapshot import Snapshot


def prepare_known(model: Segmenter, prompts: Sequence[Prompt]) -> tuple[Refused, ...]:
    """Prepare a model for all prompts that it knows; the others, in their order.

    Raises:
        UnknownPhraseError: It knows none of them.
        PromptError: A prompt is wrong in another way.
        MissingDependencyError: Weights or a package are missing.
    """
    refused: dict[int, Refused] = {}
    while True:
        rest = {n: prompt for n, prompt in enumerate(prompts) if n not in refused}
        try:
            model.prepare(tuple(rest.values()))
        except UnknownPhraseError as error:
            found = [n for n, prompt in rest.items() if prompt.text == error.phrase]
            for n in found:
                refused[n] = Refused(n, prompts[n].label, error.phrase, str(error))
            if not found:
                raise
            if len(refused) == len(prompts):
                raise _nothing_known([refused[n] for n in sorted(refused)]) from error
        else:
            return tuple(refused[n] for n in sorted(refused))


def _nothing_known(refused: Sequence[Refused]) -> UnknownPhraseError:
    reasons = dict.fromkeys(each.reason for each in refused)
    return UnknownPhraseError("; ".join(reasons), phrase=refused[0].text)


@dataclass(frozen=True, slots=True)
class KnownOnly:
    """A ``Stage`` that asks some of a run's prompts, and answers as if all had been asked.

    Attributes:
        stage: What asks the model.
        places: For each prompt that it asks its place among all of the run.
        count: Prompts of the run.
    """

    stage: Stage
    places: tuple[int, ...]
    count: int

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer."""
        answers = self.stage.run(frames)
        with ExitStack() as ends:
            ends.callback(close_if_able, answers)
            for frame, answer in answers:
                yield frame, None if answer is None else self._of_all(answer)

    def _of_all(self, answer: Detections) -> Detections:
        found = tuple(replace(one, prompt=self.places[one.prompt]) for one in answer.instances)
        presence: tuple[float | None, ...] = ()
        if answer.presence:
            known = dict(zip(self.places, answer.presence, strict=True))
            presence = tuple(known.get(place) for place in range(self.count))
        return replace(answer, instances=found, presence=presence)


@dataclass(frozen=True, slots=True)
class RememberingKnownOnly(KnownOnly):
    """The same around a stage that can be put back to where it was."""

    stage: Resumable

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        self.stage.recall(frame, None if detections is None else self._of_known(detections))

    def snapshot(self) -> Snapshot:
        """What the stage remembers."""
        return self.stage.snapshot()

    def restore(self, state: Snapshot) -> None:
        """Remember what ``snapshot`` gave."""
        self.stage.restore(state)

    def _of_known(self, answer: Detections) -> Detections:
        number = {place: n for n, place in enumerate(self.places)}
        found = tuple(
            replace(one, prompt=number[one.prompt])
            for one in answer.instances
            if one.prompt in number
        )
        presence = tuple(answer.presence[place] for place in self.places) if answer.presence else ()
        return replace(answer, instances=found, presence=presence)


def known_only(stage: Stage, places: Sequence[int], count: int) -> Stage:
    """A stage that answers for all prompts of a run; itself where it asks all of them."""
    if len(places) == count:
        return stage
    if isinstance(stage, Resumable):
        return RememberingKnownOnly(stage, tuple(places), count)
    return KnownOnly(stage, tuple(places), count)
