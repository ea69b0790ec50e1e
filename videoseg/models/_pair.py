"""Two models as one: a grounder finds boxes by words, a segmenter outlines what is in them."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.protocols import Grounder, Segmenter, Weighed, destinations_of
from videoseg.types import Cue, Detections, Frame, Grounding, ModelCard, Prompt
from videoseg.types.usage import Destination


@dataclass
class Pair:
    """A ``Segmenter`` made of a grounder and a segmenter.

    Words go to the grounder, and each box that it finds to the segmenter; how sure the grounder is
    of the box is the score. What is pointed at goes straight to the segmenter, also where there are
    words. Points and boxes that only say what is not meant go along with every box. What the two
    can do beside answering a pair can do, too (``_pair_abilities.pair_of`` makes it).
    """

    grounder: Grounder
    segmenter: Segmenter
    one_at_a_time: threading.Lock = field(
        init=False, repr=False, compare=False, default_factory=threading.Lock
    )
    """Held by calls of one of the two that is not asked from several threads at once."""

    @property
    def card(self) -> ModelCard:
        """The two cards as one."""
        return paired(self.grounder.card, self.segmenter.card)

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Where the two send frames; empty where these stay on this machine."""
        return destinations_of(self.grounder) + destinations_of(self.segmenter)

    @property
    def members(self) -> tuple[Grounder, Segmenter]:
        """The two."""
        return self.grounder, self.segmenter

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Load both models and refuse what they cannot do.

        Raises:
            PromptError: One of them cannot take such a prompt.
            MissingDependencyError: Weights or a package are missing.
        """
        worded, pointed = parted(prompts)
        self.grounder.prepare(worded)
        self.segmenter.prepare(pointed)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``.

        Raises:
            MemoryError: Fewer frames at once may fit.
        """
        questions = self.questions(frames, prompts)
        answers = self.outline(frames, [each.prompts for each in questions])
        return [asked.answer(one) for asked, one in zip(questions, answers, strict=True)]

    def questions(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> list[Questions]:
        """What the segmenter is asked on each frame, once boxes are found."""
        worded = [tuple(p for p in asked if _is_grounded(p)) for asked in prompts]
        found = self.ground(frames, worded)
        return [Questions.of(asked, boxes) for asked, boxes in zip(prompts, found, strict=True)]

    def ground(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[tuple[Grounding, ...]]:
        """Have the grounder find boxes."""
        return self.grounder.ground(frames, prompts)

    def outline(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Have the segmenter outline what is in boxes."""
        return self.segmenter.segment(frames, prompts)

    def close(self) -> None:
        """Release both models. A second call does nothing."""
        self.grounder.close()
        self.segmenter.close()

    def weight_files(self) -> tuple[Path, ...]:
        """The files that were loaded, once they are."""
        return tuple(
            path for one in self.members if isinstance(one, Weighed) for path in one.weight_files()
        )


@dataclass(frozen=True, slots=True)
class Questions:
    """What the segmenter is asked on one frame.

    Attributes:
        prompts: One for each box that was found, and those that point.
        origins: For each the number of the prompt that it comes from.
        scores: For each how sure the grounder is of it, None where it was not asked.
    """

    prompts: tuple[Prompt, ...]
    origins: tuple[int, ...]
    scores: tuple[float | None, ...]

    @classmethod
    def of(cls, asked: Sequence[Prompt], found: Sequence[Grounding]) -> Questions:
        """Put boxes in the place of words."""
        worded = [number for number, prompt in enumerate(asked) if _is_grounded(prompt)]
        rows: list[tuple[Prompt, int, float | None]] = [
            (dataclasses.replace(prompt, text=None), number, None)
            for number, prompt in enumerate(asked)
            if number not in worded
        ]
        for one in found:
            number = worded[one.prompt]
            prompt = asked[number]
            cues = (Cue(boxes=((*one.box, True),)), *prompt.cues)
            rows.append((Prompt(prompt.label, cues=cues, max_instances=1), number, one.score))
        prompts, origins, scores = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(prompts, origins, scores)

    def answer(self, answer: Detections) -> Detections:
        """The segmenter's answer as one to the prompts that were asked."""
        instances = []
        for one in answer.instances:
            score = self.scores[one.prompt]
            instances.append(
                dataclasses.replace(
                    one,
                    prompt=self.origins[one.prompt],
                    score=one.score if score is None else score,
                )
            )
        return Detections(answer.stream, answer.index, tuple(instances))


def _is_grounded(prompt: Prompt) -> bool:
    """Whether the grounder is asked: there are words, and nothing says where they are."""
    return prompt.text is not None and not prompt.kinds & {"point", "box", "mask"}


def parted(prompts: Sequence[Prompt]) -> tuple[list[Prompt], list[Prompt]]:
    """What the grounder is asked, and what the segmenter is asked without it."""
    worded = [prompt for prompt in prompts if _is_grounded(prompt)]
    pointed = [dataclasses.replace(p, text=None) for p in prompts if not _is_grounded(p)]
    return worded, pointed


def paired(grounder: ModelCard, segmenter: ModelCard) -> ModelCard:
    """The cards of two models as one."""
    extras = dict.fromkeys(one.extra for one in (grounder, segmenter) if one.extra is not None)
    licences = dict.fromkeys((grounder.licence, segmenter.licence))
    return ModelCard(
        name=f"{grounder.name}+{segmenter.name}",
        summary=f"{grounder.summary}; {segmenter.summary}",
        kinds=grounder.kinds | segmenter.kinds,
        open_vocabulary=grounder.open_vocabulary,
        licence=" and ".join(licences),
        megabytes=grounder.megabytes + segmenter.megabytes,
        extra=",".join(extras) or None,
        weights=grounder.weights + segmenter.weights,
        packages=tuple(dict.fromkeys(grounder.packages + segmenter.packages)),
        memory=grounder.memory + segmenter.memory,
        sends_frames_away=grounder.sends_frames_away or segmenter.sends_frames_away,
    )
