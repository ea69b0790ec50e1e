"""Class name -> union mask of everything of that class on the image; and names that are not there.

Every name that is on an image is asked, things and stuff apart, and a few that are not. The table
takes the model's answers as they are, under the one threshold that its settings give for all names
and images; the curve shows what every higher threshold would give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from typing_extensions import Doc

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.metrics.presence import matthews, trade_off
from videoseg.evaluate.samples import ImageSample, Media
from videoseg.evaluate.tables import Figure, Picture, Row, Summed, mean, region_figures
from videoseg.evaluate.tasks._truth import (
    OUTCOMES,
    absent_names,
    check_size,
    mask_row,
    outcome_columns,
)
from videoseg.geometry import masks
from videoseg.types import Mask, Prompt, PromptKind

THINGS = "things"
"""The row of names of things that are on the image."""
STUFF = "stuff"
"""The row of names of stuff (sky, grass) that is on the image."""
ABSENT = "absent"
"""The row of names of what is not on the image."""
ALL = "all names"
"""The row of all of them."""


@dataclass
class Names:
    """Names that are on an image, and names that are not."""

    name: ClassVar[str] = "names"
    media: ClassVar[Media] = "images"
    worst: ClassVar[str] = "iou"
    absent: Annotated[int, Ge(0), Doc("names per image that are not on it, at least 0")] = 3
    seed: Annotated[int, Doc("of the choice of absent names; each image draws for itself")] = 0

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """Text."""
        return frozenset({"text"})

    @property
    def figures(self) -> Sequence[Figure]:
        """Overlap on names that are there, false alarms on those that are not, and both at once."""
        present = [
            Summed(each.name, each.columns, each.statistic, group)
            for group in (THINGS, STUFF)
            for each in (*region_figures(), mean("boundary F", "f"), mean("found", "tp"))
        ]
        return (
            *present,
            mean("false-alarm rate", "fp", group=ABSENT, higher_is_better=False),
            mean("presence accuracy", "right", group=ALL),
            Summed("presence MCC", OUTCOMES, matthews, ALL),
            mean("phrases refused", "refused", higher_is_better=False),
        )

    def ask(self, sample: ImageSample, driver: Driver) -> Iterator[Answer]:
        """Ask every name alone."""
        frame = sample.frame()
        present = _present(sample)
        check_size(frame, (mask for mask, _ in present.values()), sample.key)
        names = (*present, *absent_names(sample, self.absent, self.seed))
        questions = {name: Prompt(label=name, text=name) for name in names}
        yield from driver.ask_each(frame, questions)

    def score(self, sample: ImageSample, answers: Sequence[Answer]) -> Iterator[Row]:
        """One row per name."""
        present = _present(sample)
        for answer in answers:
            found = bool(answer.found)
            common = {
                "score": answer.score,
                "refused": float(answer.refused is not None),
            }
            if answer.question in present:
                truth, thing = present[answer.question]
                groups = (THINGS if thing else STUFF, ALL)
                row = mask_row(
                    sample.key, answer.question, answer.question, groups, answer.union, truth
                )
                values = {**row.values, **common, **outcome_columns(present=True, found=found)}
                yield replace(row, values=values)
            else:
                yield Row(
                    sample.key,
                    answer.question,
                    f"{answer.question} (absent)",
                    (ABSENT, ALL),
                    {**common, **outcome_columns(present=False, found=found)},
                    Picture(0, None, answer.union) if found else None,
                )

    def curve(self, rows: Sequence[Row]) -> list[dict[str, float]]:
        """What each threshold would give: false-alarm rate, recall, accuracy, MCC, and mIoU.

        A name of lower score is answered "not there", so its IoU is 0. From the strictest threshold
        that finds anything to the laxest.
        """
        scores = np.asarray([row.values["score"] for row in rows])
        present = np.asarray([ABSENT not in row.groups for row in rows])
        if not len(rows) or present.all() or not present.any():
            return []
        found = trade_off(scores, present)
        overlaps = np.asarray([row.values.get("iou", 0.0) for row in rows])[present]
        kept = scores[present]
        return [
            {
                "threshold": float(threshold),
                "false_alarm_rate": float(found.false_alarm_rate[n]),
                "recall": float(found.recall[n]),
                "accuracy": float(found.accuracy[n]),
                "mcc": float(found.mcc[n]),
                "mean_iou": float(np.where(kept >= threshold, overlaps, 0.0).mean()),
            }
            for n, threshold in enumerate(found.thresholds.tolist())
            if 0 < threshold <= 1
        ]


def _present(sample: ImageSample) -> dict[str, tuple[Mask, bool]]:
    """For each name that is there the union of its masks, and whether it is a thing."""
    parts: dict[str, list[Mask]] = {}
    things: dict[str, bool] = {}
    for target in sample.targets:
        mask = None if target.name in sample.partly else target.mask()
        if mask is not None:
            parts.setdefault(target.name, []).append(mask)
            things[target.name] = target.thing
    merged = {name: masks.union(found) for name, found in parts.items()}
    return {name: (mask, things[name]) for name, mask in merged.items() if mask is not None}


TASKS = {Names.name: Names}
