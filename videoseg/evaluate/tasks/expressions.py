"""Referring expression -> mask of the one object it means: mIoU, cIoU (oIoU), P@X."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Row, mean, region_figures
from videoseg.evaluate.tasks._truth import check_size, mask_row
from videoseg.types import Mask, Prompt, PromptKind


@dataclass
class Expressions:
    """Every expression alone; each means one object, so only the best answer counts."""

    name: ClassVar[str] = "expressions"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "iou"

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Text."""
        return frozenset({"text"})

    @property
    def figures(self) -> Sequence[Figure]:
        """Overlap, boundary, and how many expressions the model would not take."""
        return (
            *region_figures(),
            mean("boundary F", "f"),
            mean("phrases refused", "refused", higher_is_better=False),
        )

    def questions(self, sample: ImageSample) -> int:
        """One for each expression."""
        return sum(len(target.phrases) for target in sample.targets)

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Ask every expression alone."""
        frame = sample.frame()
        questions = {}
        for key, phrase, truth in _said(sample):
            check_size(frame, (truth,), sample.key)
            questions[key] = Prompt(label=phrase, text=phrase, max_instances=1)
        yield from driver.ask_each(frame, questions)

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per expression."""
        by_key = {answer.question: answer for answer in answers}
        for key, phrase, truth in _said(sample):
            if key in by_key:
                answer = by_key[key]
                row = mask_row(sample.key, key, phrase, ("all",), answer.best, truth)
                refused = float(answer.refused is not None)
                yield replace(row, values={**row.values, "refused": refused})


def _said(sample: ImageSample) -> Iterator[tuple[str, str, Mask]]:
    """Yield key, phrase and truth of every expression."""
    for target in sample.targets:
        truth = target.mask() if target.phrases else None
        if truth is not None:
            for n, phrase in enumerate(target.phrases):
                yield f"{target.key}/{n}", phrase, truth


TASKS = {Expressions.name: Expressions}
