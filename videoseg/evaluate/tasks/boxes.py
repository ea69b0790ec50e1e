"""True box -> mask of the one object in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Row, mean, region_figures
from videoseg.evaluate.tasks._truth import (
    box_cue,
    check_size,
    mask_row,
    single_objects,
    size_group,
)
from videoseg.types import Prompt, PromptKind


@dataclass
class Boxes:
    """The tight box of every countable object, one question each; crowds are left out."""

    name: ClassVar[str] = "boxes"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "iou"

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Boxes."""
        return frozenset({"box"})

    @property
    def figures(self) -> Sequence[Figure]:
        """Overlap and boundary."""
        return (*region_figures(), mean("boundary F", "f"))

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Ask every box alone."""
        frame = sample.frame()
        for target, mask in single_objects(sample):
            check_size(frame, (mask,), sample.key)
            prompt = Prompt(label=target.name, cues=(box_cue(mask),), max_instances=1)
            yield driver.ask(frame, target.key, prompt)

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per object."""
        by_key = {answer.question: answer for answer in answers}
        for target, truth in single_objects(sample):
            if target.key in by_key:
                yield mask_row(
                    sample.key,
                    target.key,
                    target.name,
                    ("all", size_group(truth)),
                    by_key[target.key].best,
                    truth,
                    target.ignore() if target.ignore else None,
                )


TASKS = {Boxes.name: Boxes}
