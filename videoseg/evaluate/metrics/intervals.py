"""Bootstrap intervals over images or sequences, and paired differences between two runs.

The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter
13) over units: whole images or whole sequences are drawn with replacement, never the objects or
frames inside them, because those depend on each other (the cluster bootstrap of Davison and
Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8).

Two ways to say what is estimated:

* most metrics are a function of column sums: a mean is ``sum(value) / sum(1)``, cIoU is
  ``sum(intersection) / sum(union)``, MCC is a function of four counts. ``bootstrap`` and
  ``paired_difference`` take such columns, and draw all resamples in a few matrix products;
* ``bootstrap_units`` takes any function of the units drawn (medians, AP), one call a resample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Values

Statistic: TypeAlias = Callable[[Values], Values]
"""Sums of the columns, float64 (..., k), to the value of the metric, float64 (...); NaN where it
is undefined."""

RESAMPLES = 2000
_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and how far chance in the choice of units may have moved it.

    Attributes:
        value: The metric over all units as they are.
        low: Lower end; NaN where there is a single unit, which says nothing about chance.
        high: Upper end, likewise.
        units: Number of units (images or sequences) that were resampled.
        level: Share of resamples between the ends.
    """

    value: float
    low: float
    high: float
    units: int
    level: float = 0.95

    def excludes(self, value: float) -> bool:
        """Whether ``value`` (0 for a difference) lies outside the interval."""
        return value < self.low or value > self.high


def ratio(sums: Values) -> Values:
    """The statistic of two columns, numerator and denominator: a mean, a share, cIoU."""
    numerator, denominator = sums[..., 0], sums[..., 1]
    undefined = np.full_like(numerator, np.nan)
    return np.asarray(np.divide(numerator, denominator, out=undefined, where=denominator != 0))


def mean_columns(values: npt.ArrayLike) -> Values:
    """Columns whose ``ratio`` is the mean: float64 (n, 2), each value and a 1."""
    measured = np.asarray(values, dtype=np.float64)
    return np.stack([measured, np.ones_like(measured)], axis=-1)


def bootstrap(
    columns: npt.ArrayLike,
    statistic: Statistic = ratio,
    *,
    units: npt.ArrayLike | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a function of column sums.

    Args:
        columns: float (n, k), one row for each thing that was measured (``mean_columns(values)``
            for a mean).
        statistic: The metric as a function of the sums of the columns.
        units: (n,), the image or sequence that each row belongs to, any sortable values; None
            where each row is its own.
        resamples: How many times units are drawn.
        level: Share of resamples between the ends, above 0 and below 1.
        seed: Of the generator; the same seed draws the same units.

    Raises:
        ValueError: There is no row, a value is not finite, the lengths differ, or ``level`` or
            ``resamples`` is out of range.
    """
    sums = _unit_sums(columns, units)
    value = float(statistic(sums.sum(axis=0)))
    drawn = _drawn_sums(sums, resamples, seed)
    return _interval(value, statistic(drawn), len(sums), level)


def paired_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    statistic: Statistic = ratio,
    *,
    units: npt.ArrayLike | None = None,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of ``statistic(first) - statistic(second)`` for two runs over the same things.

    Both runs see the same units in every resample, so what makes an image hard for both cancels.

    Args:
        first: float (n, k), one row for each thing that was measured.
        second: float (n, k), the other run's values for the same things in the same order.
        statistic: The metric as a function of the sums of the columns.
        units: (n,), as of ``bootstrap``.
        resamples: As of ``bootstrap``.
        level: As of ``bootstrap``.
        seed: As of ``bootstrap``.

    Raises:
        ValueError: As of ``bootstrap``, or the runs differ in shape.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"the runs do not pair: {a.shape = } {b.shape = }")
    width = a.shape[-1]

    def difference(sums: Values) -> Values:
        return statistic(sums[..., :width]) - statistic(sums[..., width:])

    both = np.concatenate([a, b], axis=-1)
    return bootstrap(both, difference, units=units, resamples=resamples, level=level, seed=seed)


def bootstrap_units(
    count: int,
    statistic: Callable[[npt.NDArray[np.int64]], float],
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of any function of the units drawn.

    Args:
        count: Number of units.
        statistic: Positions of the drawn units, int64 (count,), with repeats, to the value of the
            metric; NaN where it is undefined.
        resamples: How many times units are drawn.
        level: Share of resamples between the ends, above 0 and below 1.
        seed: Of the generator.

    Raises:
        ValueError: There is no unit, or ``level`` or ``resamples`` is out of range.
    """
    if count < 1:
        raise ValueError("an interval needs at least one unit")
    value = statistic(np.arange(count))
    drawn = [statistic(row) for chunk in _draws(count, resamples, seed) for row in chunk]
    return _interval(value, np.asarray(drawn, dtype=np.float64), count, level)


def _unit_sums(columns: npt.ArrayLike, units: npt.ArrayLike | None) -> Values:
    """Columns added up within each unit, float64 (units, k)."""
    rows = np.asarray(columns, dtype=np.float64)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"an interval needs rows of columns, got {rows.shape = }")
    if not np.isfinite(rows).all():
        raise ValueError("a value is NaN or infinite; leave out what was not measured")
    if units is None:
        return rows
    names = np.asarray(units)
    if names.shape != (len(rows),):
        raise ValueError(f"one unit for each row, got {names.shape = } for {len(rows)} rows")
    found, position = np.unique(names, return_inverse=True)
    sums = np.zeros((len(found), rows.shape[1]))
    np.add.at(sums, position, rows)
    return sums


def _draws(count: int, resamples: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Positions drawn with replacement, int64 (some resamples, count), in chunks."""
    if resamples < 1:
        raise ValueError(f"at least one resample is needed, got {resamples}")
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // count)
    for start in range(0, resamples, step):
        yield generator.integers(0, count, size=(min(step, resamples - start), count))


def _drawn_sums(sums: Values, resamples: int, seed: int) -> Values:
    """Column sums of each resample, float64 (resamples, k)."""
    count = len(sums)
    parts = []
    for drawn in _draws(count, resamples, seed):
        offset = np.arange(len(drawn))[:, None] * count
        times = np.bincount((drawn + offset).ravel(), minlength=len(drawn) * count)
        parts.append(times.reshape(len(drawn), count) @ sums)
    return np.concatenate(parts)


def _interval(value: float, drawn: Values, units: int, level: float) -> Interval:
    """Ends from the resamples on which the metric is defined."""
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, got {level}")
    defined = drawn[~np.isnan(drawn)]
    if units == 1 or not len(defined):
        return Interval(value, math.nan, math.nan, units, level)
    tail = 50 * (1 - level)
    low, high = np.percentile(defined, [tail, 100 - tail]).tolist()
    return Interval(value, low, high, units, level)
