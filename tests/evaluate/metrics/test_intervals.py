"""Bootstrap intervals: seeds, clusters, pairing, and how often they hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import examples
from videoseg.evaluate.metrics.intervals import (
    bootstrap,
    bootstrap_units,
    mean_columns,
    paired_difference,
    ratio,
)
from videoseg.evaluate.metrics.presence import matthews, outcomes

floats = st.lists(st.floats(-100, 100), min_size=2, max_size=20)


@examples(50)
@given(floats)
def test_an_interval_lies_within_the_values_and_repeats(values: list[float]) -> None:
    interval = bootstrap(mean_columns(values), resamples=200)
    assert interval.value == pytest.approx(np.mean(values))
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.units == len(values)
    assert interval == bootstrap(mean_columns(values), resamples=200)


def test_another_seed_draws_other_units() -> None:
    values = np.random.default_rng(0).normal(size=30)
    assert bootstrap(mean_columns(values)) != bootstrap(mean_columns(values), seed=1)


def test_ends_are_those_of_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap(mean_columns(values), resamples=4000)
    error = 1.96 * values.std() / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - error, abs=0.01)
    assert interval.high == pytest.approx(values.mean() + error, abs=0.01)
    wider = bootstrap(mean_columns(values), resamples=4000, level=0.99)
    assert wider.low < interval.low < interval.high < wider.high


def test_coverage_of_the_true_mean() -> None:
    # 95 % nominal; 300 trials of 40 units: below 90 % or above 99 % is beyond chance.
    generator = np.random.default_rng(0)
    held = [
        not bootstrap(mean_columns(generator.exponential(size=40)), resamples=400).excludes(1)
        for _ in range(300)
    ]
    assert 0.88 <= np.mean(held) <= 0.99


def test_units_are_drawn_whole() -> None:
    # Ten copies of each value say nothing new: the interval is that of the values alone.
    values = np.random.default_rng(0).normal(size=25)
    alone = bootstrap(mean_columns(values))
    copies = mean_columns(np.repeat(values, 10))
    names = np.repeat([f"image {i:02}" for i in range(25)], 10)
    clustered = bootstrap(copies, units=names)
    assert (clustered.low, clustered.high) == pytest.approx((alone.low, alone.high))
    assert clustered.units == 25
    assert bootstrap(copies).low > clustered.low


def test_cumulative_iou_resamples_sums() -> None:
    generator = np.random.default_rng(0)
    union = generator.integers(1, 1000, size=50)
    intersection = generator.integers(0, union + 1)
    columns = np.stack([intersection, union], axis=1)
    interval = bootstrap(columns)
    assert interval.value == pytest.approx(intersection.sum() / union.sum())
    same = bootstrap_units(50, lambda drawn: float(intersection[drawn].sum() / union[drawn].sum()))
    assert (same.low, same.high) == pytest.approx((interval.low, interval.high))


def test_matthews_correlation_has_an_interval() -> None:
    generator = np.random.default_rng(0)
    present = generator.random(200) < 0.4
    scores = present * 0.3 + generator.random(200)
    interval = bootstrap(outcomes(scores, present, 0.6), matthews)
    assert -1 < interval.low < interval.value < interval.high < 1


def test_what_is_hard_for_both_cancels() -> None:
    generator = np.random.default_rng(0)
    hard = generator.normal(size=100)
    first, second = hard + 0.1, hard + generator.normal(scale=0.05, size=100)
    difference = paired_difference(mean_columns(first), mean_columns(second))
    assert difference.value == pytest.approx(first.mean() - second.mean())
    assert difference.low > 0
    assert difference.excludes(0)
    assert bootstrap(mean_columns(first)).low < bootstrap(mean_columns(second)).high
    back = paired_difference(mean_columns(second), mean_columns(first))
    assert (back.low, back.high) == pytest.approx((-difference.high, -difference.low))
    same = paired_difference(mean_columns(first), mean_columns(first))
    assert (same.low, same.value, same.high) == (0, 0, 0)


def test_a_single_unit_has_no_interval() -> None:
    interval = bootstrap(mean_columns([0.1, 0.9]), units=["a", "a"])
    assert interval.value == pytest.approx(0.5)
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)
    assert not interval.excludes(0)


def test_resamples_on_which_it_is_undefined_are_left_out() -> None:
    # A quarter of all draws of two units hold only the one without a denominator.
    interval = bootstrap([[0.0, 0.0], [1.0, 2.0]])
    assert (interval.value, interval.low, interval.high) == (0.5, 0.5, 0.5)
    assert math.isnan(ratio(np.zeros(2)))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="rows of columns"):
        bootstrap(np.zeros((0, 2)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        bootstrap(mean_columns([math.nan, 1]))
    with pytest.raises(ValueError, match="one unit for each row"):
        bootstrap(mean_columns([1, 2]), units=["a"])
    with pytest.raises(ValueError, match="do not pair"):
        paired_difference(mean_columns([1, 2]), mean_columns([1]))
    with pytest.raises(ValueError, match="level"):
        bootstrap(mean_columns([1, 2]), level=95)
    with pytest.raises(ValueError, match="resample"):
        bootstrap(mean_columns([1, 2]), resamples=0)
    with pytest.raises(ValueError, match="at least one unit"):
        bootstrap_units(0, float)
