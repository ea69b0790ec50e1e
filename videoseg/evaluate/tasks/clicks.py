"""Clicks -> mask: IoU after each click, and the number of clicks until it is good (NoC).

The first click is made at the maximum of the distance transform of the object, each next one at
that of the largest error, positive or negative (``metrics.clicks``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.metrics.clicks import Click, clicks_needed, iou_curves, simulate
from videoseg.evaluate.metrics.region import iou
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Picture, Row, mean
from videoseg.evaluate.tasks._truth import check_size, single_objects, size_group
from videoseg.geometry import masks
from videoseg.types import Cue, Frame, Mask, Prompt, PromptKind

_GOOD = (0.85, 0.90)


@dataclass
class Clicks:
    """Simulated clicks on every countable object, corrected click by click."""

    name: ClassVar[str] = "clicks"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "last"
    clicks: Annotated[int, Ge(1), Doc("clicks per object, at least 1; 20 is usual for NoC")] = 5

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Points inside and outside."""
        return frozenset({"point", "negative"})

    @property
    def figures(self) -> Sequence[Figure]:
        """IoU@k, and NoC counting ``clicks`` where the target is not reached."""
        return (
            *(mean(f"IoU@{k}", f"iou@{k}") for k in range(1, self.clicks + 1)),
            *(
                mean(
                    f"NoC@{100 * good:.0f} (of {self.clicks})",
                    f"noc@{good:g}",
                    higher_is_better=False,
                )
                for good in _GOOD
            ),
        )

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Click every object alone until no error or no click is left."""
        frame = sample.frame()
        for target, mask in single_objects(sample):
            check_size(frame, (mask,), sample.key)
            made: list[Answer] = []

            def answer(
                clicks: Sequence[Click],
                key: str = target.key,
                label: str = target.name,
                made: list[Answer] = made,
            ) -> Mask | None:
                made.append(_asked(driver, frame, f"{key}/{len(clicks)}", label, clicks))
                return made[-1].best

            ignore = target.ignore() if target.ignore else None
            simulate(answer, masks.to_bitmap(mask), ignore=ignore, clicks=self.clicks)
            yield from made

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per object."""
        by_key = {answer.question: answer for answer in answers}
        for target, truth in single_objects(sample):
            ignore = target.ignore() if target.ignore else None
            keys = [f"{target.key}/{k}" for k in range(1, self.clicks + 1)]
            made = [by_key[key] for key in keys if key in by_key]
            if not made:
                continue
            reached = [iou(answer.best, truth, ignore=ignore) for answer in made]
            curve = iou_curves([reached], self.clicks)[0]
            values = {f"iou@{k}": float(value) for k, value in enumerate(curve, start=1)}
            values["last"] = float(np.asarray(curve)[-1])
            for good in _GOOD:
                values[f"noc@{good:g}"] = float(clicks_needed([reached], good, self.clicks)[0])
            yield Row(
                sample.key,
                target.key,
                target.name,
                ("all", size_group(truth)),
                values,
                Picture(0, truth, made[-1].best),
            )


def _asked(
    driver: Driver, frame: Frame, question: str, label: str, clicks: Sequence[Click]
) -> Answer:
    points = tuple((click.x, click.y, click.positive) for click in clicks)
    prompt = Prompt(label=label, cues=(Cue(points=points),), max_instances=1)
    return driver.ask(frame, question, prompt)


TASKS = {Clicks.name: Clicks}
