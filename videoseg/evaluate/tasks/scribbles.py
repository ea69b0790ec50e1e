"""Real strokes by people -> mask of the object they were drawn for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Row, mean, region_figures
from videoseg.evaluate.tasks._truth import check_size, mask_row, single_objects
from videoseg.types import Prompt, PromptKind


@dataclass
class Scribbles:
    """Every set of strokes of every object, one question each, handed over as points."""

    name: ClassVar[str] = "scribbles"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "iou"

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Points inside and outside."""
        return frozenset({"point", "negative"})

    @property
    def figures(self) -> Sequence[Figure]:
        """Overlap and boundary."""
        return (*region_figures(), mean("boundary F", "f"))

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Ask every set of strokes alone."""
        frame = sample.frame()
        for target, mask in single_objects(sample):
            check_size(frame, (mask,), sample.key)
            for n, load in enumerate(target.scribbles):
                prompt = Prompt(label=target.name, cues=(load(),), max_instances=1)
                yield driver.ask(frame, f"{target.key}/{n}", prompt)

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per set of strokes."""
        by_key = {answer.question: answer for answer in answers}
        for target, truth in single_objects(sample):
            ignore = target.ignore() if target.ignore else None
            for n in range(len(target.scribbles)):
                key = f"{target.key}/{n}"
                if key in by_key:
                    groups = ("all", f"strokes {n}")
                    best = by_key[key].best
                    yield mask_row(sample.key, key, target.name, groups, best, truth, ignore)


TASKS = {Scribbles.name: Scribbles}
