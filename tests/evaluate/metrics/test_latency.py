"""Percentiles of times, and the price of a thousand images."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.evaluate.metrics.latency import cost_per_thousand, latency


def test_percentiles_by_hand() -> None:
    # 0.00 ... 1.00 in steps of 0.01: the percentiles are the values themselves.
    result = latency(np.arange(101)[::-1] / 100)
    measured = (result.count, result.mean, result.p50, result.p90, result.p95, result.p99)
    assert measured == pytest.approx((101, 0.5, 0.5, 0.9, 0.95, 0.99))
    assert result.maximum == 1
    # Between two values: linear.
    assert latency([1.0, 2.0]).p90 == pytest.approx(1.9)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_percentiles_rise(times: list[float]) -> None:
    result = latency(times)
    ranked = [min(times), result.p50, result.p90, result.p95, result.p99, result.maximum]
    assert ranked == pytest.approx(sorted(ranked))
    assert result.maximum == max(times)


def test_price_by_hand() -> None:
    # 0.36 s an image is 360 s a thousand, a tenth of an hour.
    assert cost_per_thousand(0.36, 2.5) == pytest.approx(0.25)
    assert cost_per_thousand(0.36, 0) == 0


@pytest.mark.parametrize("times", [[], [-1.0], [math.nan], [[1.0]]])
def test_impossible_times_are_refused(times: list[float]) -> None:
    with pytest.raises(ValueError, match="time"):
        latency(times)


def test_negative_prices_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        cost_per_thousand(0.1, -1)
