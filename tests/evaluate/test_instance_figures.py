"""cgF1 beside the steps of SA-Co's own evaluation, followed here one pair after another."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from videoseg.evaluate.metrics.average_precision import IOU_THRESHOLDS, Overlaps
from videoseg.evaluate.tables import Row, Summed, summarise
from videoseg.evaluate.tasks._instances import IMAGE_AREAS, instance_columns, instance_figures


def pairs(seed: int, count: int = 40) -> list[Overlaps]:
    """Overlaps of so many images and phrases: some without truth, some without predictions."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        predicted, true = draw.integers(0, 4, 2)
        table = np.where(draw.random((predicted, true)) < 0.5, draw.random((predicted, true)), 0)
        found.append(
            Overlaps(
                table,
                draw.random(predicted),
                np.full(predicted, 2000.0),
                np.zeros(true, dtype=np.bool_),
                np.full(true, 2000.0),
            )
        )
    return found


def by_the_paper(found: list[Overlaps]) -> dict[str, float]:
    """Micro-F1 of the phrases that are there, at each threshold; MCC of presence; their product."""
    hits, extra, missed = (np.zeros(len(IOU_THRESHOLDS)) for _ in range(3))
    outcomes = {"tp": 0, "fp": 0, "tn": 0, "fn": 0}
    for one in found:
        predicted, true = one.table.shape
        name = ("t" if (predicted > 0) == (true > 0) else "f") + ("p" if predicted else "n")
        outcomes[name] += 1
        if true:
            rows, columns = linear_sum_assignment(-one.table)
            for level, threshold in enumerate(IOU_THRESHOLDS):
                good = int((one.table[rows, columns] >= threshold).sum())
                hits[level] += good
                extra[level] += predicted - good
                missed[level] += true - good
    precision, recall = hits / (hits + extra + 1e-4), hits / (hits + missed + 1e-4)
    f1 = 2 * precision * recall / (precision + recall + 1e-4)
    tp, fp, tn, fn = (float(outcomes[name]) for name in ("tp", "fp", "tn", "fn"))
    scale = ((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) ** 0.5
    mcc = (tp * tn - fp * fn) / (scale + 1e-6)
    return {"positive micro-F1": f1.mean(), "presence MCC": mcc, "cgF1": (f1 * mcc).mean()}


def figures_of(found: list[Overlaps]) -> dict[str, Any]:
    rows = []
    for n, one in enumerate(found):
        values, lists = instance_columns(one, IMAGE_AREAS)
        rows.append(Row(str(n), "thing", "thing", ("all",), values, lists=lists))
    summed = [each for each in instance_figures() if isinstance(each, Summed)]
    return {entry.figure: entry.interval.value for entry in summarise(rows, summed)}


@pytest.mark.parametrize("seed", range(4))
def test_cgf1_is_as_sa_co_evaluates_it(seed: int) -> None:
    found = pairs(seed)
    ours, theirs = figures_of(found), by_the_paper(found)
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1e-6), name
    assert 0 < abs(theirs["cgF1"]) < 1


def test_counts_are_off_by_the_difference_and_not_where_a_crowd_is() -> None:
    found = pairs(0)
    known = [abs(one.table.shape[0] - one.table.shape[1]) for one in found]
    assert figures_of(found)["count error"] == pytest.approx(np.mean(known))
    crowd = Overlaps(
        np.ones((2, 1)), np.ones(2), np.full(2, 9.0), np.ones(1, dtype=np.bool_), np.full(1, 9.0)
    )
    assert figures_of([*found, crowd])["count error"] == pytest.approx(np.mean(known))
    assert figures_of([crowd])["presence accuracy"] == 0, "a crowd alone is no instance to find"


def test_what_may_not_all_be_marked_is_not_counted() -> None:
    found = pairs(3)
    partly = [dataclasses.replace(one, exhaustive=False) for one in pairs(4) if one.crowd.size]
    assert partly
    assert figures_of([*found, *partly])["cgF1"] == figures_of(found)["cgF1"]
    assert figures_of([*found, *partly])["presence accuracy"] != 0
