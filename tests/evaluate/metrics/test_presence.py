"""Presence accuracy, false alarms, the trade-off over thresholds, and MCC."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videoseg.evaluate.metrics.presence import Presence, matthews, presence_at, trade_off

cases = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0]), st.booleans()), min_size=1, max_size=30
).map(lambda drawn: [*drawn, (0.4, True), (0.6, False)])


def test_counts_by_hand() -> None:
    scores, present = [0.9, 0.4, 0.5, 0.1, 0.3], [True, True, False, False, False]
    result = presence_at(scores, present, 0.5)
    assert result == Presence(0.5, 1, 1, 2, 1)
    assert result.accuracy == pytest.approx(3 / 5)
    assert result.recall == pytest.approx(1 / 2)
    assert result.false_alarm_rate == pytest.approx(1 / 3)
    # (1*2 - 1*1) / sqrt((1+1) (1+1) (2+1) (2+1)) = 1/6
    assert result.mcc == pytest.approx(1 / 6)


def test_matthews_of_a_larger_table_by_hand() -> None:
    # TP 90, FP 4, TN 1, FN 5: (90 - 20) / sqrt(94 * 95 * 5 * 6) = 70 / 517.59
    table = np.array([[90.0, 4, 1, 5], [3, 0, 3, 0], [0, 3, 0, 3], [3, 3, 0, 0]])
    assert matthews(table) == pytest.approx([0.135242, 1, -1, 0], abs=1e-6)


def test_without_cases_of_a_kind_a_share_is_undefined() -> None:
    only_present = presence_at([0.9], [True], 0.5)
    assert math.isnan(only_present.false_alarm_rate)
    assert only_present.recall == 1
    assert only_present.mcc == 0


@given(cases)
def test_the_curve_is_what_each_threshold_gives(drawn: list[tuple[float, bool]]) -> None:
    scores, present = [score for score, _ in drawn], [truth for _, truth in drawn]
    curve = trade_off(scores, present)
    assert curve.thresholds[0] == np.inf
    assert curve.thresholds[1:].tolist() == sorted(set(scores), reverse=True)
    for position, threshold in enumerate(curve.thresholds.tolist()):
        there = presence_at(scores, present, threshold)
        assert curve.recall[position] == there.recall
        assert curve.false_alarm_rate[position] == there.false_alarm_rate
        assert curve.accuracy[position] == pytest.approx(there.accuracy)
        assert curve.mcc[position] == pytest.approx(there.mcc)
        assert -1 <= there.mcc <= 1
    assert (np.diff(curve.recall) >= 0).all()
    assert (np.diff(curve.false_alarm_rate) >= 0).all()
    assert curve.recall[-1] == curve.false_alarm_rate[-1] == 1
    mixed = trade_off(scores[::-1], present[::-1])
    assert np.array_equal(mixed.mcc, curve.mcc)


def test_threshold_for_a_false_alarm_rate() -> None:
    curve = trade_off([0.9, 0.8, 0.7, 0.6, 0.5], [True, False, True, False, True])
    position = curve.laxest_within(0.5)
    assert (curve.thresholds[position], curve.recall[position]) == (0.7, pytest.approx(2 / 3))
    assert curve.thresholds[curve.laxest_within(0.49)] == 0.9


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="present and names that are absent"):
        trade_off([0.5], [True])
    with pytest.raises(ValueError, match="NaN"):
        presence_at([math.nan], [True], 0.5)
    with pytest.raises(ValueError, match="one score for each case"):
        presence_at([0.5, 0.2], [True], 0.5)
