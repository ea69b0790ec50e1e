"""Rows (one per question), figures (metrics over rows), and tables of figures with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.intervals import (
    Interval,
    Statistic,
    bootstrap,
    paired_difference,
    ratio,
)
from videoseg.evaluate.metrics.region import PRECISION_THRESHOLDS, Overlap
from videoseg.types import Mask

GROUPS = ("all", "things", "stuff", "absent", "all names", "small", "medium", "large")
"""Groups that tables show first, in this order; others follow by name."""
COUNT = "1"
"""Name of the column that is 1 in every row: what a mean divides by."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What a contact sheet shows of a row."""

    frame: int
    truth: Mask | None
    predicted: Mask | None


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """What was measured of one question.

    Attributes:
        unit: The image or sequence that it belongs to; these are what intervals resample.
        question: Unique in its unit.
        label: What was asked, in words.
        groups: The groups of the table that it counts in.
        values: Column name to value; a column that is missing was not measured here.
        picture: What to show of it, or None.
    """

    unit: str
    question: str
    label: str
    groups: tuple[str, ...]
    values: Mapping[str, float]
    picture: Picture | None = None

    def value(self, column: str) -> float | None:
        """A column's value, None where it was not measured."""
        return 1.0 if column == COUNT else self.values.get(column)


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric as a function of sums of columns.

    Attributes:
        name: As tables give it: mIoU, J&F, NoC@85.
        columns: The columns whose sums it needs; rows that lack one are left out.
        statistic: The function of the sums.
        group: The only group that it is figure_text for, or None for all.
        higher_is_better: Which way is up.
    """

    name: str
    columns: tuple[str, ...]
    statistic: Statistic = ratio
    group: str | None = None
    higher_is_better: bool = True

    def columns_of(self, rows: Iterable[Row]) -> npt.NDArray[np.float64]:
        """float64 (n, k); every row must have the columns (see ``measured``)."""
        return np.asarray([[row.value(name) for name in self.columns] for row in rows], np.float64)

    def measured(self, row: Row) -> bool:
        """Whether a row has all the columns."""
        return all(row.value(name) is not None for name in self.columns)


def mean(
    name: str, column: str, *, group: str | None = None, higher_is_better: bool = True
) -> Figure:
    """The figure that is a column's mean."""
    return Figure(name, (column, COUNT), group=group, higher_is_better=higher_is_better)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a table.

    Attributes:
        group: What it was taken over.
        figure: Name of the metric.
        interval: Value and 95 % interval.
        n: Questions it was taken over.
    """

    group: str
    figure: str
    interval: Interval
    n: int


def summarise(rows: Sequence[Row], figures: Sequence[Figure]) -> tuple[Entry, ...]:
    """Every figure over every group, groups in the order of ``GROUPS``."""
    entries = []
    for group, members in _by_group(rows).items():
        for figure in figures:
            if figure.group not in (None, group):
                continue
            chosen = [row for row in members if figure.measured(row)]
            if chosen:
                units = [row.unit for row in chosen]
                interval = bootstrap(figure.columns_of(chosen), figure.statistic, units=units)
                entries.append(Entry(group, figure.name, interval, len(chosen)))
    return tuple(entries)


def differences(
    first: Sequence[Row], second: Sequence[Row], figures: Sequence[Figure]
) -> tuple[Entry, ...]:
    """Every figure of ``first`` less that of ``second``, over the questions that both have."""
    others = {(row.unit, row.question): row for row in second}
    pairs = [
        (row, others[row.unit, row.question]) for row in first if (row.unit, row.question) in others
    ]
    entries = []
    for group in _by_group([row for row, _ in pairs]):
        for figure in figures:
            if figure.group not in (None, group):
                continue
            chosen = [
                (a, b)
                for a, b in pairs
                if group in a.groups and figure.measured(a) and figure.measured(b)
            ]
            if not chosen:
                continue
            interval = paired_difference(
                figure.columns_of(a for a, _ in chosen),
                figure.columns_of(b for _, b in chosen),
                figure.statistic,
                units=[a.unit for a, _ in chosen],
            )
            entries.append(Entry(group, figure.name, interval, len(chosen)))
    return tuple(entries)


def overlap_columns(pair: Overlap) -> dict[str, float]:
    """The columns of a mask against its truth: IoU, its two areas, and whether it passes P@X."""
    columns: dict[str, float] = {
        "iou": pair.iou,
        "intersection": float(pair.intersection),
        "union": float(pair.union),
    }
    for threshold in PRECISION_THRESHOLDS:
        columns[f"p@{threshold:g}"] = float(pair.iou >= threshold)
    return columns


def region_figures(group: str | None = None) -> tuple[Figure, ...]:
    """mIoU, cIoU and P@X over ``overlap_columns``."""
    return (
        mean("mIoU", "iou", group=group),
        Figure("cIoU", ("intersection", "union"), group=group),
        *(mean(f"P@{x:g}", f"p@{x:g}", group=group) for x in PRECISION_THRESHOLDS),
    )


def figure_text(value: float, digits: int = 3) -> str:
    """A value as tables print it; a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _by_group(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        for group in row.groups:
            groups.setdefault(group, []).append(row)
    return {group: groups[group] for group in sorted(groups, key=_place)}


def _place(group: str) -> tuple[int, str]:
    return (GROUPS.index(group) if group in GROUPS else len(GROUPS), group)
