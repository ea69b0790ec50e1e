"""A phrase for each object of a sequence, answered on every frame; all frames are scored.

What the model says is taken as it is, frame by frame; with ``tracked`` it goes through tracker and
smoothing first, as in a run, which drop flickers and bridge gaps. The expressions of MeViS and
Ref-YouTube-VOS are scored each for itself, and the mean is over expressions, as in their own
evaluations. Those of one annotator of Ref-DAVIS17 are scored together (``_joint``); the mean over
all is the mean over its four annotators, each of whom refers to every object once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Annotated, ClassVar

from typing_extensions import Doc

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import Media, VideoSample
from videoseg.evaluate.tables import Figure, Row, mean
from videoseg.evaluate.tasks._joint import scored_together
from videoseg.evaluate.tasks._truth import check_size
from videoseg.evaluate.tasks._video import FIGURES, Followed, object_rows
from videoseg.types import Prompt, PromptKind


@dataclass
class TextVideo:
    """Every phrase of every object; everything that is found for a phrase counts."""

    name: ClassVar[str] = "text-video"
    media: ClassVar[Media] = "videos"
    worst: ClassVar[str] = "j"
    tracked: Annotated[bool, Doc("through tracker and smoothing, as a run does")] = False

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Text."""
        return frozenset({"text"})

    @property
    def figures(self) -> Sequence[Figure]:
        """J&F and its parts, and how many phrases the model would not take."""
        return (*FIGURES, mean("phrases refused", "refused", higher_is_better=False))

    def ask(self, sample: VideoSample, driver: Driver) -> Iterator[Answer]:
        """Ask each phrase through the whole sequence, alone."""
        for target in sample.targets:
            truth = target.mask(sample.scored[0])
            check_size(next(sample.frames()), () if truth is None else (truth,), sample.key)
            for n, phrase in enumerate(target.phrases):
                key, prompt = f"{target.key}/{n}", Prompt(label=phrase, text=phrase)
                if self.tracked:
                    yield from driver.track(sample.frames(), {key: prompt})
                else:
                    yield from driver.follow(sample.frames(), {key: prompt}, carry=False)

    def score(self, sample: VideoSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per phrase."""
        given: dict[str, list[Answer]] = {}
        for answer in answers:
            given.setdefault(answer.question, []).append(answer)
        followed = [
            Followed(key, phrase, target, {answer.frame: answer.union for answer in given[key]})
            for target in sample.targets
            for n, phrase in enumerate(target.phrases)
            if (key := f"{target.key}/{n}") in given
        ]
        if sample.joint:
            followed = [
                each
                for _, said in groupby(sorted(followed, key=_annotator), _annotator)
                for each in scored_together(sample, list(said), given)
            ]
        for row in object_rows(sample, followed, "unsupervised"):
            refused = float(any(answer.refused for answer in given[row.question]))
            yield replace(row, values={**row.values, "refused": refused})


def _annotator(one: Followed) -> int:
    return int(one.question.rpartition("/")[2])


TASKS = {TextVideo.name: TextVideo}
