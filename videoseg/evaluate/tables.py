"""Rows (one per question), figures (metrics over rows), and tables of figures with intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.intervals import (
    Interval,
    Statistic,
    bootstrap,
    bootstrap_units,
    paired_difference,
    ratio,
)
from videoseg.evaluate.metrics.region import PRECISION_THRESHOLDS, Overlap
from videoseg.types import Mask

GROUPS = (
    *("all", "things", "stuff", "absent", "all names"),
    *("small", "medium", "large", "rare", "common", "frequent"),
)
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
        lists: Column name to values of things within the question, such as detections.
    """

    unit: str
    question: str
    label: str
    groups: tuple[str, ...]
    values: Mapping[str, float]
    picture: Picture | None = None
    lists: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a line of the file of rows; without the picture."""
        value = {
            "unit": self.unit,
            "question": self.question,
            "label": self.label,
            "groups": self.groups,
            "values": self.values,
        }
        return {**value, "lists": self.lists} if self.lists else value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Row:
        """From a line of the file of rows.

        Raises:
            KeyError, TypeError, AttributeError: It is not what ``to_json`` writes.
        """
        return cls(
            value["unit"],
            value["question"],
            value["label"],
            tuple(value["groups"]),
            dict(value["values"]),
            lists=dict(value.get("lists", {})),
        )

    def value(self, column: str) -> float | None:
        """A column's value, None where it was not measured."""
        return 1.0 if column == COUNT else self.values.get(column)


class Figure(Protocol):
    """A metric over rows.

    Attributes:
        name: As tables give it: mIoU, J&F, NoC@85.
        group: The only group that it is taken for, or None for all.
        higher_is_better: Which way is up.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - in the class's own words

    @property
    def group(self) -> str | None: ...  # noqa: D102

    @property
    def higher_is_better(self) -> bool: ...  # noqa: D102

    def measured(self, row: Row) -> bool:
        """Whether a row has what it needs."""
        ...

    def interval(self, rows: Sequence[Row]) -> Interval:
        """Its value over at least one row, with its interval over units."""
        ...

    def difference(self, first: Sequence[Row], second: Sequence[Row]) -> Interval:
        """The value of ``first`` less that of ``second``, which has the same questions in order."""
        ...


@dataclass(frozen=True, slots=True)
class Summed:
    """A metric as a function of sums of columns.

    Attributes:
        name: As tables give it: mIoU, J&F, NoC@85.
        columns: The columns whose sums it needs; rows that lack one are left out.
        statistic: The function of the sums.
        group: The only group that it is taken for, or None for all.
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

    def interval(self, rows: Sequence[Row]) -> Interval:
        """Its value over at least one row, with its interval over units."""
        units = [row.unit for row in rows]
        return bootstrap(self.columns_of(rows), self.statistic, units=units)

    def difference(self, first: Sequence[Row], second: Sequence[Row]) -> Interval:
        """The value of ``first`` less that of ``second``, which has the same questions in order."""
        return paired_difference(
            self.columns_of(first),
            self.columns_of(second),
            self.statistic,
            units=[row.unit for row in first],
        )


Weighed: TypeAlias = Callable[[npt.NDArray[np.float64]], float]
"""How often each row counts, float64 (n,), to the value of a metric; NaN where it is undefined."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """A metric that is no function of sums: it is taken over all rows at once, as AP is.

    Attributes:
        name: As tables give it.
        columns: The columns that a row must have; rows that lack one are left out.
        over: Makes the metric of rows a function of how often each counts.
        group: The only group that it is taken for, or None for all.
        higher_is_better: Which way is up.
        resamples: How many times units are drawn for its interval.
    """

    name: str
    columns: tuple[str, ...]
    over: Callable[[Sequence[Row]], Weighed]
    group: str | None = None
    higher_is_better: bool = True
    resamples: int = 200

    def measured(self, row: Row) -> bool:
        """Whether a row has all the columns."""
        return all(row.value(name) is not None for name in self.columns)

    def interval(self, rows: Sequence[Row]) -> Interval:
        """Its value over at least one row, with its interval over units."""
        return self._bootstrapped(self.over(rows), rows)

    def difference(self, first: Sequence[Row], second: Sequence[Row]) -> Interval:
        """The value of ``first`` less that of ``second``, which has the same questions in order."""
        a, b = self.over(first), self.over(second)
        return self._bootstrapped(lambda times: a(times) - b(times), first)

    def _bootstrapped(self, value: Weighed, rows: Sequence[Row]) -> Interval:
        names, places = np.unique([row.unit for row in rows], return_inverse=True)

        def drawn(units: npt.NDArray[np.int64]) -> float:
            times = np.bincount(units, minlength=len(names)).astype(np.float64)
            return value(times[places])

        return bootstrap_units(len(names), drawn, resamples=self.resamples)


def mean(
    name: str, column: str, *, group: str | None = None, higher_is_better: bool = True
) -> Summed:
    """The figure that is a column's mean."""
    return Summed(name, (column, COUNT), group=group, higher_is_better=higher_is_better)


def mean_of_labels(name: str, columns: tuple[str, str], *, group: str | None = None) -> Pooled:
    """The ratio of two columns' sums taken for each label, then the mean over labels."""

    def over(rows: Sequence[Row]) -> Weighed:
        _, labels = np.unique([row.label for row in rows], return_inverse=True)
        parts = [np.asarray([row.value(each) for row in rows], np.float64) for each in columns]

        def value(times: npt.NDArray[np.float64]) -> float:
            sums = [np.bincount(labels, weights=part * times) for part in parts]
            ratios = ratio(np.stack(sums, axis=-1))
            known = ratios[~np.isnan(ratios)]
            return float(known.mean()) if len(known) else math.nan

        return value

    return Pooled(name, columns, over, group)


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
                entries.append(Entry(group, figure.name, figure.interval(chosen), len(chosen)))
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
            interval = figure.difference([a for a, _ in chosen], [b for _, b in chosen])
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


def region_figures(group: str | None = None) -> tuple[Summed, ...]:
    """mIoU, cIoU and P@X over ``overlap_columns``."""
    return (
        mean("mIoU", "iou", group=group),
        Summed("cIoU", ("intersection", "union"), group=group),
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
