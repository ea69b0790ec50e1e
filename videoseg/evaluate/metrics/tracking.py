"""Tracks against true tracks: HOTA, IDF1 and identity switches.

Every metric reads the same input, the similarity of each true to each predicted object on each
frame of one sequence; results of several sequences add up with ``+``, and are then those of the
official evaluation over all of them (its "combined" row), not a mean over sequences.

Sources: Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-object Tracking", IJCV
2021; Ristani et al., "Performance Measures and a Data Set for Multi-target, Multi-camera
Tracking", ECCV workshops 2016 (IDF1); Bernardin and Stiefelhagen, "Evaluating Multiple Object
Tracking Performance: The CLEAR MOT Metrics", 2008. Where a paper leaves a choice open, it is that
of TrackEval, the official evaluation of HOTA.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.inputs import MaskLike, as_mask
from videoseg.evaluate.metrics.region import iou
from videoseg.geometry.arrays import Values

ALPHAS = np.arange(1, 20) / 20
"""Localisation thresholds of HOTA: 0.05, 0.10, ..., 0.95."""
MATCH_THRESHOLD = 0.5
"""Similarity from which objects may match in IDF1 and the CLEAR MOT metrics."""

_Identities = npt.NDArray[np.intp]
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class FrameTracks:
    """What is true and what was predicted on one frame.

    Attributes:
        truth: int64 (g,), identities of the true objects, each once.
        predicted: int64 (p,), identities of the predicted objects, each once.
        similarity: float64 (g, p) in [0, 1], IoU or any other.
    """

    truth: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    similarity: Values

    def __post_init__(self) -> None:
        for what, ids in (("true", self.truth), ("predicted", self.predicted)):
            if ids.ndim != 1 or len(np.unique(ids)) != len(ids):
                raise ValueError(f"a {what} identity occurs twice on one frame: {ids.tolist()}")
        if self.similarity.shape != (len(self.truth), len(self.predicted)):
            raise ValueError(
                f"{len(self.truth)} true and {len(self.predicted)} predicted objects do not fit "
                f"{self.similarity.shape = }"
            )
        if not ((self.similarity >= 0) & (self.similarity <= 1)).all():
            raise ValueError("a similarity lies outside [0, 1]")


def mask_tracks(truth: Mapping[int, MaskLike], predicted: Mapping[int, MaskLike]) -> FrameTracks:
    """One frame from masks by identity, with their IoU; objects without a pixel are left out.

    Raises:
        ValueError: Masks lie in frames of different sizes, or are malformed.
    """
    true_masks = {i: mask for i, value in truth.items() if (mask := as_mask(value)) is not None}
    found = {i: mask for i, value in predicted.items() if (mask := as_mask(value)) is not None}
    similarity = np.zeros((len(true_masks), len(found)))
    for row, true_mask in enumerate(true_masks.values()):
        for column, mask in enumerate(found.values()):
            similarity[row, column] = iou(mask, true_mask)
    return FrameTracks(
        np.fromiter(true_masks, dtype=np.int64),
        np.fromiter(found, dtype=np.int64),
        similarity,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Hota:
    """HOTA of one sequence, or of several added up.

    Attributes:
        totals: float64 (19, 5), for each of ``ALPHAS``: true positives, false negatives, false
            positives, and over the true positives the sums of association accuracy and of
            similarity.
    """

    totals: Values

    def __add__(self, other: Hota) -> Hota:
        return Hota(self.totals + other.totals)

    @property
    def hota(self) -> float:
        """HOTA: mean over alpha of ``sqrt(DetA * AssA)``."""
        return float(hota_statistic(self.totals.ravel()))

    @property
    def det_a(self) -> float:
        """Detection accuracy: mean over alpha of ``TP / (TP + FN + FP)``."""
        return float(_detection(self.totals).mean())

    @property
    def ass_a(self) -> float:
        """Association accuracy: mean over alpha of the mean over true positives.

        That of one true positive, with true identity ``i`` and predicted identity ``j``, is the
        number of frames on which ``i`` and ``j`` match over those on which either occurs.
        """
        return float(_association(self.totals).mean())

    @property
    def loc_a(self) -> float:
        """Localisation accuracy: mean over alpha of the mean similarity of true positives.

        1 at an alpha without true positives, as in the official evaluation.
        """
        matched, similarity = self.totals[:, 0], self.totals[:, 4]
        return float(np.where(matched > 0, similarity / np.maximum(1, matched), 1).mean())


def hota_statistic(totals: Values) -> Values:
    """HOTA from sums of ``Hota.totals.ravel()``, float64 (..., 95), for bootstrap intervals."""
    by_alpha = totals.reshape(*totals.shape[:-1], len(ALPHAS), 5)
    return np.asarray(np.sqrt(_detection(by_alpha) * _association(by_alpha)).mean(axis=-1))


def hota(frames: Sequence[FrameTracks]) -> Hota:
    """HOTA of one sequence.

    On each frame true and predicted objects are matched once, for all alphas, by the assignment
    that maximises similarity times the global alignment of their identities (how well these two
    agree over the whole sequence, each frame's similarities shared out among rivals). At each
    alpha the matches at least that similar are the true positives.
    """
    sequence = _Sequence(frames)
    alignment = _global_alignment(sequence)
    matches = [
        _assigned(alignment[np.ix_(truth, predicted)] * similarity, truth, predicted, similarity)
        for truth, predicted, similarity in sequence.frames
    ]
    true_ids = np.concatenate([np.empty(0, np.intp), *(match[0] for match in matches)])
    predicted_ids = np.concatenate([np.empty(0, np.intp), *(match[1] for match in matches)])
    similarities = np.concatenate([np.empty(0), *(match[2] for match in matches)])
    either = sequence.true_counts[:, None] + sequence.predicted_counts[None, :]
    totals = np.zeros((len(ALPHAS), 5))
    for row, alpha in zip(totals, ALPHAS, strict=True):
        hit = similarities >= alpha - _EPSILON
        together = np.zeros_like(alignment)
        np.add.at(together, (true_ids[hit], predicted_ids[hit]), 1)
        count = together.sum()
        association = together * together / np.maximum(1, either - together)
        row[:] = (
            count,
            sequence.true_counts.sum() - count,
            sequence.predicted_counts.sum() - count,
            association.sum(),
            similarities[hit].sum(),
        )
    return Hota(totals)


@dataclass(frozen=True, slots=True)
class Identity:
    """Identity metrics of one sequence, or of several added up.

    Attributes:
        true_positives: Detections that match under the best one-to-one pairing of identities.
        false_negatives: True detections that do not (IDFN).
        false_positives: Predicted detections that do not (IDFP).
    """

    true_positives: int
    false_negatives: int
    false_positives: int

    def __add__(self, other: Identity) -> Identity:
        return Identity(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
        )

    @property
    def f1(self) -> float:
        """IDF1: ``2 IDTP / (2 IDTP + IDFP + IDFN)``; 0 where there is nothing at all."""
        detections = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / detections if detections else 0.0


def identity(frames: Sequence[FrameTracks], *, threshold: float = MATCH_THRESHOLD) -> Identity:
    """IDTP, IDFN and IDFP of one sequence.

    Args:
        frames: The sequence.
        threshold: Similarity from which a true and a predicted object may match.
    """
    from scipy.optimize import linear_sum_assignment

    sequence = _Sequence(frames)
    together = np.zeros((len(sequence.true_counts), len(sequence.predicted_counts)))
    for truth, predicted, similarity in sequence.frames:
        together[np.ix_(truth, predicted)] += similarity >= threshold
    # IDFN + IDFP = all detections - 2 IDTP, so fewest errors means most matches.
    matched = int(together[linear_sum_assignment(together, maximize=True)].sum())
    return Identity(
        matched,
        int(sequence.true_counts.sum()) - matched,
        int(sequence.predicted_counts.sum()) - matched,
    )


@dataclass(frozen=True, slots=True)
class ClearMot:
    """CLEAR MOT counts of one sequence, or of several added up.

    Attributes:
        true_positives: Matched detections.
        false_negatives: True detections without a match.
        false_positives: Predicted detections without a match.
        switches: Times a true identity matched another predicted identity than the last time it
            matched (IDSW).
    """

    true_positives: int
    false_negatives: int
    false_positives: int
    switches: int

    def __add__(self, other: ClearMot) -> ClearMot:
        return ClearMot(
            self.true_positives + other.true_positives,
            self.false_negatives + other.false_negatives,
            self.false_positives + other.false_positives,
            self.switches + other.switches,
        )

    @property
    def mota(self) -> float:
        """MOTA: ``(TP - FP - IDSW) / (TP + FN)``, at most 1; below 0 where errors prevail."""
        true_detections = self.true_positives + self.false_negatives
        right = self.true_positives - self.false_positives - self.switches
        return right / max(1, true_detections)


def clear_mot(frames: Sequence[FrameTracks], *, threshold: float = MATCH_THRESHOLD) -> ClearMot:
    """Matches, misses, false positives and identity switches of one sequence.

    A pair that matched on the last frame that had objects on both sides keeps matching while it
    is similar enough; the rest is assigned by similarity.

    Args:
        frames: The sequence.
        threshold: Similarity from which a true and a predicted object may match.
    """
    sequence = _Sequence(frames)
    nobody = -1
    ever = np.full(len(sequence.true_counts), nobody, dtype=np.intp)
    just_now = ever.copy()
    matched = switches = 0
    for truth, predicted, similarity in sequence.frames:
        if not similarity.size:
            continue
        kept = just_now[truth][:, None] == predicted[None, :]
        # A kept pair outweighs any sum of similarities of a frame's other pairs.
        worth = np.where(similarity < threshold - _EPSILON, 0, similarity + 1000 * kept)
        true_ids, predicted_ids, worths = _assigned(worth, truth, predicted, worth)
        true_ids, predicted_ids = true_ids[worths > _EPSILON], predicted_ids[worths > _EPSILON]
        before = ever[true_ids]
        matched += len(true_ids)
        switches += int(((before != nobody) & (before != predicted_ids)).sum())
        ever[true_ids] = predicted_ids
        just_now[:] = nobody
        just_now[true_ids] = predicted_ids
    return ClearMot(
        matched,
        int(sequence.true_counts.sum()) - matched,
        int(sequence.predicted_counts.sum()) - matched,
        switches,
    )


class _Sequence:
    """A sequence with identities renamed to positions.

    Attributes:
        frames: For each frame the positions of true and predicted identities, and similarities.
        true_counts: float64 (G,), frames on which each true identity occurs.
        predicted_counts: float64 (P,), likewise for the predicted.
    """

    def __init__(self, frames: Sequence[FrameTracks]) -> None:
        empty = np.empty(0, dtype=np.int64)
        true_names, self.true_counts = _names([empty, *(frame.truth for frame in frames)])
        names, self.predicted_counts = _names([empty, *(frame.predicted for frame in frames)])
        self.frames: list[tuple[_Identities, _Identities, Values]] = [
            (
                np.searchsorted(true_names, frame.truth),
                np.searchsorted(names, frame.predicted),
                frame.similarity,
            )
            for frame in frames
        ]


def _names(ids: Sequence[npt.NDArray[np.int64]]) -> tuple[npt.NDArray[np.int64], Values]:
    names, counts = np.unique(np.concatenate(ids), return_counts=True)
    return names, counts.astype(np.float64)


def _global_alignment(sequence: _Sequence) -> Values:
    """Soft Jaccard index of each true and predicted identity over the sequence, (G, P)."""
    shared = np.zeros((len(sequence.true_counts), len(sequence.predicted_counts)))
    for truth, predicted, similarity in sequence.frames:
        rivals = similarity.sum(axis=0)[None, :] + similarity.sum(axis=1)[:, None] - similarity
        share = np.zeros_like(similarity)
        np.divide(similarity, rivals, out=share, where=rivals > _EPSILON)
        shared[np.ix_(truth, predicted)] += share
    either = sequence.true_counts[:, None] + sequence.predicted_counts[None, :] - shared
    return np.asarray(shared / either)


def _assigned(
    worth: Values, truth: _Identities, predicted: _Identities, values: Values
) -> tuple[_Identities, _Identities, Values]:
    """The assignment of most worth: true and predicted positions, and each pair's value."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(worth, maximize=True)
    return truth[rows], predicted[columns], values[rows, columns]


def _detection(totals: Values) -> Values:
    matched = totals[..., 0]
    return np.asarray(matched / np.maximum(1, totals[..., :3].sum(axis=-1)))


def _association(totals: Values) -> Values:
    return np.asarray(totals[..., 3] / np.maximum(1, totals[..., 0]))
