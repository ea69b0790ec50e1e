"""Whether a model says that a named thing is there: accuracy, false alarms, trade-off, MCC.

One case is one image and one name. The model's score is the highest that it gives anything for
that name (0 where it finds nothing); it says "there" where the score is at least the threshold,
and one threshold holds for all images and names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Presence:
    """How often the answer was right at one threshold.

    Attributes:
        threshold: Scores at least this high mean "there".
        true_positives: Present names that were found.
        false_positives: Absent names that were found (false alarms).
        true_negatives: Absent names that were not.
        false_negatives: Present names that were not (misses).
    """

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def accuracy(self) -> float:
        """Share of all cases that were answered rightly; NaN without cases."""
        right = self.true_positives + self.true_negatives
        return _share(right, right + self.false_positives + self.false_negatives)

    @property
    def recall(self) -> float:
        """Share of present names that were found; NaN without present names."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def false_alarm_rate(self) -> float:
        """Share of absent names that were found; NaN without absent names."""
        return _share(self.false_positives, self.false_positives + self.true_negatives)

    @property
    def mcc(self) -> float:
        """Matthews correlation in [-1, 1], see ``matthews``."""
        counts = (
            self.true_positives,
            self.false_positives,
            self.true_negatives,
            self.false_negatives,
        )
        return float(matthews(np.asarray(counts, dtype=np.float64)))


@dataclass(frozen=True, slots=True, eq=False)
class TradeOff:
    """What each threshold would give, from the strictest to the laxest.

    Attributes:
        thresholds: float64 (k,), falling: infinity ("never there"), then each score that occurs.
        recall: float64 (k,), share of present names found.
        false_alarm_rate: float64 (k,), share of absent names found.
        accuracy: float64 (k,).
        mcc: float64 (k,), image-level Matthews correlation.
    """

    thresholds: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    false_alarm_rate: npt.NDArray[np.float64]
    accuracy: npt.NDArray[np.float64]
    mcc: npt.NDArray[np.float64]

    def laxest_within(self, false_alarm_rate: float) -> int:
        """Position of the lowest threshold whose false-alarm rate is at most this."""
        return int(np.flatnonzero(self.false_alarm_rate <= false_alarm_rate)[-1])


def matthews(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Matthews correlation coefficient of counts of a two-by-two table; 0 where undefined.

    ``(TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN))`` (Matthews 1975). Over cases
    of one image and one phrase it is the IL_MCC of Carion et al., "SAM 3", arXiv:2511.16719.

    Args:
        counts: float64 (..., 4): TP, FP, TN, FN; sums over resampled images fit too.
    """
    tp, fp, tn, fn = np.moveaxis(np.asarray(counts, dtype=np.float64), -1, 0)
    scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.asarray(
        np.divide(tp * tn - fp * fn, scale, out=np.zeros_like(scale), where=scale > 0)
    )


def outcomes(
    scores: npt.ArrayLike, present: npt.ArrayLike, threshold: float
) -> npt.NDArray[np.bool_]:
    """Which of the four outcomes each case is, as columns to add up.

    Args:
        scores: float (n,).
        present: bool (n,), the truth.
        threshold: Scores at least this high mean "there".

    Returns:
        bool (n, 4): true positive, false positive, true negative, false negative.

    Raises:
        ValueError: The lengths differ or a score is NaN.
    """
    values, truth = _cases(scores, present)
    found = values >= threshold
    return np.stack([found & truth, found & ~truth, ~found & ~truth, ~found & truth], axis=1)


def presence_at(scores: npt.ArrayLike, present: npt.ArrayLike, threshold: float) -> Presence:
    """Counts at one threshold. Arguments and errors as of ``outcomes``."""
    counts = outcomes(scores, present, threshold).sum(axis=0).tolist()
    return Presence(float(threshold), *counts)


def trade_off(scores: npt.ArrayLike, present: npt.ArrayLike) -> TradeOff:
    """Recall against false alarms over every threshold that makes a difference.

    Args:
        scores: float (n,).
        present: bool (n,), the truth, with at least one case of each kind.

    Raises:
        ValueError: The lengths differ, a score is NaN, or a kind has no case.
    """
    values, truth = _cases(scores, present)
    if truth.all() or not truth.any():
        raise ValueError("a trade-off needs names that are present and names that are absent")
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    last_of_score = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    tp = np.append(0, np.cumsum(truth[order])[last_of_score]).astype(np.float64)
    fp = np.append(0, np.cumsum(~truth[order])[last_of_score]).astype(np.float64)
    n_present, n_absent = int(truth.sum()), int((~truth).sum())
    tn, fn = n_absent - fp, n_present - tp
    return TradeOff(
        thresholds=np.append(np.inf, ranked[last_of_score]),
        recall=tp / n_present,
        false_alarm_rate=fp / n_absent,
        accuracy=(tp + tn) / len(values),
        mcc=matthews(np.stack([tp, fp, tn, fn], axis=-1)),
    )


def _cases(
    scores: npt.ArrayLike, present: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    values = np.asarray(scores, dtype=np.float64)
    truth = np.asarray(present, dtype=np.bool_)
    if values.ndim != 1 or values.shape != truth.shape:
        raise ValueError(f"one score for each case, got {values.shape = } {truth.shape = }")
    if np.isnan(values).any():
        raise ValueError("a score is NaN; give 0 where the model found nothing")
    return values, truth


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
