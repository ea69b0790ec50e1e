"""The object of the first frame, carried through the sequence by the stage that a run uses.

Scored as DAVIS scores semi-supervised segmentation: the first frame, on which the model was helped,
and the last do not count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from videoseg.errors import SourceError
from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import Media, VideoSample, VideoTarget
from videoseg.evaluate.tables import Figure, Row
from videoseg.evaluate.tasks._truth import box_cue, check_size
from videoseg.evaluate.tasks._video import FIGURES, Followed, object_rows
from videoseg.types import Cue, Prompt, PromptKind


@dataclass
class Carried:
    """Box (or mask) of every object on its first frame, carried to the last."""

    name: ClassVar[str] = "carried"
    media: ClassVar[Media] = "videos"
    worst: ClassVar[str] = "j"
    start: Annotated[
        Literal["box", "mask"], Doc("what the model is given of the first frame's truth")
    ] = "box"
    repeat: Annotated[
        bool, Doc("give it again on every frame as it is, carried nowhere: a baseline")
    ] = False
    tracked: Annotated[bool, Doc("through tracker and smoothing, as a run does")] = False

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """What is given on the first frame; and masks, which is how it is carried."""
        return frozenset({self.start} if self.repeat else {self.start, "mask"})

    @property
    def figures(self) -> Sequence[Figure]:
        """J&F and its parts."""
        return FIGURES

    def ask(self, sample: VideoSample, driver: Driver) -> Iterator[Answer]:
        """Follow all objects of the sequence together."""
        for target in sample.targets:
            if sum(index >= target.first for index in sample.scored) < 3:
                raise SourceError(f"{sample.key}: fewer than three frames, so none would be scored")
        questions = {target.key: self._prompt(sample, target) for target in sample.targets}
        if self.tracked:
            yield from driver.track(sample.frames(), questions)
            return
        yield from driver.follow(sample.frames(), questions, carry=not self.repeat)

    def score(self, sample: VideoSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per object."""
        followed = [
            Followed(
                target.key,
                target.name,
                target,
                {a.frame: a.best for a in answers if a.question == target.key},
            )
            for target in sample.targets
        ]
        yield from object_rows(sample, followed, "semi-supervised")

    def _prompt(self, sample: VideoSample, target: VideoTarget) -> Prompt:
        truth = target.mask(target.first)
        if truth is None:
            where = "the first frame" if target.first == 0 else f"frame {target.first}"
            raise SourceError(f"{sample.key}: object {target.key} is not on {where}")
        check_size(next(sample.frames()), (truth,), sample.key)
        anchor = None if self.repeat else target.first
        cue = (
            Cue(frame=anchor, mask=truth) if self.start == "mask" else box_cue(truth, frame=anchor)
        )
        return Prompt(label=f"{target.name} ({target.key})", cues=(cue,), max_instances=1)


TASKS = {Carried.name: Carried}
