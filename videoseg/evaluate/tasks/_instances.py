"""What tasks by name share: single instances on an image, or tracks in a video, against the truth.

One row is one name on one image or in one video. Its lists hold what mask AP needs of each
prediction: the score, and for each range of areas a whole number whose bits say at which of the ten
IoU thresholds it is right, and another at which it is wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from videoseg.evaluate.metrics.average_precision import (
    ANY_AREA,
    IOU_THRESHOLDS,
    Matches,
    Overlaps,
    Ranking,
    match,
)
from videoseg.evaluate.metrics.presence import matthews
from videoseg.evaluate.tables import Figure, Pooled, Row, Summed, Weighed, mean
from videoseg.evaluate.tasks._truth import OUTCOMES, outcome_columns
from videoseg.geometry.arrays import Values
from videoseg.types import Bitmap

IMAGE_AREAS = {
    "all": ANY_AREA,
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, float("inf")),
}
"""COCO's ranges of areas, both ends included, pixels."""
VIDEO_AREAS = {
    "all": ANY_AREA,
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, float("inf")),
}
"""YouTube-VIS's, of the mean over the frames that show the object."""
_COUNTS = tuple(f"{kind}@{n}" for kind in ("hits", "extra", "missed") for n in range(10))
_BITS = 1 << np.arange(len(IOU_THRESHOLDS))
_SLACK = 1e-4
"""What the evaluation of SA-Co adds to the denominators of precision, recall and F1."""


def instance_columns(
    found: Overlaps, areas: Mapping[str, tuple[float, float]]
) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Values and lists of the row of one name, which may have neither truth nor predictions."""
    present, seen = bool((~found.crowd).any()), bool(len(found.scores))
    values: dict[str, float] = {
        **outcome_columns(present=present, found=seen),
        **_count_columns(found),
        **_paired_columns(found),
    }
    lists: dict[str, list[float]] = {}
    for size, area in areas.items():
        matched = match(found, area)
        values[f"wanted {size}"] = float(matched.wanted)
        lists["scores"] = matched.scores.tolist()
        lists[f"right {size}"] = (_BITS @ matched.right).tolist()
        lists[f"wrong {size}"] = (_BITS @ matched.wrong).tolist()
    return values, lists


def instance_figures() -> tuple[Figure, ...]:
    """Mask AP, cgF1 with its two parts, how many were counted, and presence."""
    return (
        Pooled("mask AP", ("wanted all",), _average_precision("all")),
        Pooled("mask AP50", ("wanted all",), _average_precision("all", slice(0, 1))),
        *(
            Pooled(f"mask AP {size}", (f"wanted {size}",), _average_precision(size))
            for size in ("small", "medium", "large")
        ),
        Summed("mIoU per instance", ("matched iou", "instances")),
        Summed("cgF1", (*_COUNTS, *OUTCOMES), cgf1),
        Summed("positive micro-F1", _COUNTS, positive_f1),
        Summed("presence MCC", OUTCOMES, matthews),
        mean("presence accuracy", "right"),
        mean("count error", "count error", higher_is_better=False),
        mean("counted exactly", "counted"),
        mean("phrases refused", "refused", higher_is_better=False),
    )


def cgf1(sums: Values) -> Values:
    """Classification-gated F1: ``positive_f1`` times Matthews correlation of presence, in [-1, 1].

    Carion et al., "SAM 3", arXiv:2511.16719, which states it times 100.

    Args:
        sums: float64 (..., 34): those of ``positive_f1``, then TP, FP, TN and FN of presence.
    """
    return np.asarray(positive_f1(sums[..., :30]) * matthews(sums[..., 30:]))


def positive_f1(sums: Values) -> Values:
    """F1 over all instances of the names that are there, mean over the ten IoU thresholds.

    Args:
        sums: float64 (..., 30): at each threshold the matched, the superfluous and the missed.
    """
    hits, extra, missed = (sums[..., n : n + 10] for n in (0, 10, 20))
    precision = hits / (hits + extra + _SLACK)
    recall = hits / (hits + missed + _SLACK)
    return np.asarray((2 * precision * recall / (precision + recall + _SLACK)).mean(axis=-1))


def overlap_table(predicted: Values, truth: Values, common: Values, crowd: Bitmap) -> Values:
    """IoU of tracks over all frames at once, float64 (p, g).

    Args:
        predicted: float64 (frames, p), area of each prediction, pixels.
        truth: float64 (frames, g), area of each true track, pixels.
        common: float64 (p, g), pixels that both have, summed over frames.
        crowd: bool (g,), which true tracks are crowds: for these it is the share of the prediction.
    """
    mine, theirs = predicted.sum(axis=0)[:, None], truth.sum(axis=0)[None, :]
    whole = np.where(crowd[None, :], mine, mine + theirs - common)
    return np.asarray(np.divide(common, whole, out=np.zeros(whole.shape), where=whole > 0))


def _count_columns(found: Overlaps) -> dict[str, float]:
    """How far off the number of predictions is; not where any number is right."""
    if found.crowd.any() or not found.exhaustive:
        return {}
    off = abs(len(found.scores) - len(found.crowd))
    return {"count error": float(off), "counted": float(off == 0)}


def _paired_columns(found: Overlaps) -> dict[str, float]:
    """Predictions paired one to one with true instances, crowds left out, for the most IoU.

    A name that is not there has nothing to count but its presence. One of which not every instance
    is marked is not counted, either, as in SA-Co's evaluation: what seems too much may be right.
    """
    from scipy.optimize import linear_sum_assignment

    table = found.table[:, ~found.crowd]
    if not table.shape[1]:
        return dict.fromkeys(_COUNTS, 0.0)
    values = table[linear_sum_assignment(table, maximize=True)]
    hits = (values[None, :] >= IOU_THRESHOLDS[:, None]).sum(axis=1)
    counts = [*hits, *(table.shape[0] - hits), *(table.shape[1] - hits)]
    counted = dict(zip(_COUNTS, map(float, counts), strict=True)) if found.exhaustive else {}
    return {
        **counted,
        "matched iou": float(values.sum()),
        "instances": float(table.shape[1]),
    }


def _average_precision(
    size: str, levels: slice = slice(None)
) -> Callable[[Sequence[Row]], Weighed]:
    """Makes mask AP of rows, mean over labels and these of the IoU thresholds."""
    return functools.partial(_ranked, size=size, levels=levels)


def _ranked(rows: Sequence[Row], *, size: str, levels: slice) -> Weighed:
    names, labels = np.unique([row.label for row in rows], return_inverse=True)
    places = [np.flatnonzero(labels == n) for n in range(len(names))]
    ranked = [Ranking([_matches(rows[int(i)], size) for i in of], levels) for of in places]

    def value(times: Values) -> float:
        each = [one.precision(times[of]) for one, of in zip(ranked, places, strict=True)]
        known = np.asarray(each)[~np.isnan(each)]
        return float(known.mean()) if len(known) else float("nan")

    return value


def _matches(row: Row, size: str) -> Matches:
    """What matching found, from the columns of a row."""
    right, wrong = (
        (np.asarray(row.lists[f"{kind} {size}"], np.int64)[None, :] & _BITS[:, None]) > 0
        for kind in ("right", "wrong")
    )
    scores = np.asarray(row.lists["scores"], np.float64)
    return Matches(int(row.values[f"wanted {size}"]), scores, right, wrong)
