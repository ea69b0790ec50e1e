"""The data sets of the table: what is asked of each, and exactly how its files must lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg.evaluate.tasks.instances import PER_CATEGORY, PER_INSTANCE

_TRAIN2014 = ("images/mscoco/images/train2014/*.jpg", "train2014/*.jpg")
"""Where the pictures of the RefCOCO sets may lie."""
_REFER = "github.com/lichengunc/refer; pictures: cocodataset.org, train2014"


@dataclass(frozen=True, slots=True)
class Needed:
    """Files that a data set cannot do without.

    Attributes:
        patterns: Below the folder of data; what any of them finds will do.
        what: What they are.
    """

    patterns: tuple[str, ...]
    what: str

    def is_there(self, folder: Path) -> bool:
        """Whether one pattern finds something."""
        return any(next(folder.glob(pattern), None) is not None for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure of a task as the table shows it.

    Attributes:
        metric: Its name in the table, by which published figures are put beside it.
        figure: Its name in the task.
    """

    metric: str
    figure: str


@dataclass(frozen=True, slots=True)
class DataRow:
    """One data set of the table.

    Attributes:
        name: As published tables call it.
        folder: Below the folder of data.
        layout: How it is read.
        task: What is asked.
        shown: Figures of the task that the table shows.
        needed: Files that must be there.
        origin: Where to get them.
        data: Settings of the layout.
        task_settings: Settings of the task.
        json: Where its annotation file may lie, below its own folder; the first that is there.
    """

    name: str
    folder: str
    layout: str
    task: str
    shown: tuple[Shown, ...]
    needed: tuple[Needed, ...]
    origin: str
    data: Mapping[str, Any] = field(default_factory=dict)
    task_settings: Mapping[str, Any] = field(default_factory=dict)
    json: tuple[str, ...] = ()

    def settings(self, folder: Path) -> dict[str, Any]:
        """Settings of the layout, for a data set below this folder."""
        there = [name for name in self.json if (folder / self.folder / name).is_file()]
        return {**self.data, **({"json": there[0]} if there else {})}

    @property
    def run_name(self) -> str:
        """Name of the folder of its runs."""
        return f"{self.folder}-{self.task}"

    def missing(self, folder: Path) -> tuple[Needed, ...]:
        """What is not there."""
        return tuple(each for each in self.needed if not each.is_there(folder))


_REFERRED = (Shown("mIoU", "mIoU"), Shown("cIoU", "cIoU"))


def _refer(name: str, folder: str, by: str) -> DataRow:
    return DataRow(
        name=f"{name} val",
        folder=folder,
        layout="refer",
        task="expressions",
        shown=_REFERRED,
        needed=(
            Needed((f"{folder}/refs({by}).p",), "expressions"),
            Needed((f"{folder}/instances.json",), "outlines"),
            Needed(_TRAIN2014, "pictures of COCO train2014"),
        ),
        origin=_REFER,
        data={"split": "val", "by": by},
    )


ROWS = (
    DataRow(
        name="RefCOCO-M",
        folder="refcoco-m",
        layout="refcoco-m",
        task="expressions",
        shown=_REFERRED,
        needed=(Needed(("refcoco-m/**/*.parquet",), "expressions, outlines and pictures"),),
        origin="huggingface.co/datasets/moondream/refcoco-m",
    ),
    _refer("RefCOCO", "refcoco", "unc"),
    _refer("RefCOCO+", "refcoco+", "unc"),
    _refer("RefCOCOg", "refcocog", "umd"),
    DataRow(
        name="LVIS val",
        folder="lvis",
        layout="lvis",
        task="instances",
        shown=(Shown(PER_INSTANCE, PER_INSTANCE), Shown(PER_CATEGORY, PER_CATEGORY)),
        needed=(
            Needed(("lvis/lvis_v1_val.json", "lvis/annotations/lvis_v1_val.json"), "outlines"),
            Needed(
                ("lvis/val2017/*.jpg", "lvis/images/val2017/*.jpg", "val2017/*.jpg"),
                "pictures of COCO val2017 (and train2017 beside it)",
            ),
        ),
        origin="lvisdataset.org; pictures: cocodataset.org",
        json=("lvis_v1_val.json", "annotations/lvis_v1_val.json"),
    ),
)
