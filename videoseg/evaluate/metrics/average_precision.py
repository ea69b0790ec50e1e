"""Mask AP of instance segmentation as COCO defines it: 101 recalls, IoU 0.50 to 0.95.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the published
evaluation (pycocotools), to which these values are equal for all areas and at most 100 detections
an image and category.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import Values
from videoseg.types import Bitmap, Mask

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 100


@dataclass(frozen=True, slots=True, eq=False)
class ImageInstances:
    """The instances of one category on one image.

    Attributes:
        truth: True masks.
        crowd: For each true mask whether it is a crowd: a region in which any number of
            detections is neither right nor wrong, and that need not be found.
        predicted: Predicted masks.
        scores: float (p,), confidence of each predicted mask.
    """

    truth: Sequence[Mask]
    crowd: Sequence[bool]
    predicted: Sequence[Mask]
    scores: Sequence[float]

    def __post_init__(self) -> None:
        if len(self.truth) != len(self.crowd) or len(self.predicted) != len(self.scores):
            raise ValueError(
                f"{len(self.truth)} true masks with {len(self.crowd)} crowd flags, "
                f"{len(self.predicted)} predicted masks with {len(self.scores)} scores"
            )


@dataclass(frozen=True, slots=True, eq=False)
class AveragePrecision:
    """AP of each category at each IoU threshold.

    Attributes:
        table: float64 (categories, 10), NaN where a category has no true instance.
    """

    table: Values

    @property
    def ap(self) -> float:
        """AP: mean over categories and the thresholds 0.50, 0.55, ..., 0.95."""
        return _mean_known(self.table)

    @property
    def ap50(self) -> float:
        """AP at IoU 0.50."""
        return _mean_known(self.table[:, 0])

    @property
    def ap75(self) -> float:
        """AP at IoU 0.75."""
        return _mean_known(self.table[:, 5])

    @property
    def by_category(self) -> Values:
        """float64 (categories,), mean over thresholds; NaN for one without true instances."""
        return np.asarray(self.table.mean(axis=1))


def average_precision(
    categories: Mapping[str, Sequence[ImageInstances]],
) -> AveragePrecision:
    """AP of a data set.

    Args:
        categories: For each category its images. An image without an instance of the category
            counts where something was predicted on it; order decides only between equal scores.
    """
    rows = [_category_precision(images) for images in categories.values()]
    return AveragePrecision(np.asarray(rows, dtype=np.float64).reshape(-1, len(IOU_THRESHOLDS)))


def _mean_known(table: Values) -> float:
    known = table[~np.isnan(table)]
    return float(known.mean()) if len(known) else float("nan")


def _category_precision(images: Sequence[ImageInstances]) -> Values:
    """Interpolated precision averaged over recalls, float64 (10,)."""
    wanted = sum(not crowd for image in images for crowd in image.crowd)
    if not wanted:
        return np.full(len(IOU_THRESHOLDS), np.nan)
    matched = [_match(image) for image in images]
    scores = np.concatenate([found[0] for found in matched])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([found[1] for found in matched], axis=1)[:, order]
    wrong = np.concatenate([found[2] for found in matched], axis=1)[:, order]
    true_positives, false_positives = np.cumsum(right, axis=1), np.cumsum(wrong, axis=1)
    detections = true_positives + false_positives
    precision = np.divide(
        true_positives, detections, out=np.zeros(detections.shape), where=detections > 0
    )
    # The best precision at this recall or any higher one; 0 beyond the last recall reached.
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    padded = np.pad(envelope, ((0, 0), (0, 1)))
    rows = [
        row[np.searchsorted(found / wanted, RECALLS)].mean()
        for row, found in zip(padded, true_positives, strict=True)
    ]
    return np.asarray(rows)


def _match(image: ImageInstances) -> tuple[Values, Bitmap, Bitmap]:
    """Scores (p,) in falling order; whether each is right, and whether wrong, (10, p) each.

    What matches a crowd is neither.
    """
    scores = np.asarray(image.scores, dtype=np.float64)
    order = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
    last_crowds = np.argsort(np.asarray(image.crowd, dtype=np.bool_), kind="stable")
    crowd = np.asarray(image.crowd, dtype=np.bool_)[last_crowds]
    overlaps = np.zeros((len(order), len(crowd)))
    for row, position in enumerate(order):
        for column, number in enumerate(last_crowds):
            overlaps[row, column] = _overlap(
                image.predicted[position], image.truth[number], crowd=bool(crowd[column])
            )
    right = np.zeros((len(IOU_THRESHOLDS), len(order)), dtype=np.bool_)
    wrong = np.ones_like(right)
    for level, threshold in enumerate(IOU_THRESHOLDS):
        taken = np.zeros(len(crowd), dtype=np.bool_)
        for row, values in enumerate(overlaps):
            found = _best(np.where(taken, -1, values), crowd, float(threshold))
            if found is not None:
                taken[found] = not crowd[found]
                right[level, row] = not crowd[found]
                wrong[level, row] = False
    return scores[order], right, wrong


def _best(overlaps: Values, crowd: Bitmap, threshold: float) -> int | None:
    """The instance of most overlap at or above the threshold, the later of equals; crowds last."""
    for candidates in (np.flatnonzero(~crowd), np.flatnonzero(crowd)):
        if len(candidates):
            values = overlaps[candidates]
            position = len(values) - 1 - int(values[::-1].argmax())
            if values[position] >= threshold:
                return int(candidates[position])
    return None


def _overlap(predicted: Mask, truth: Mask, *, crowd: bool) -> float:
    """IoU; for a crowd the share of the prediction that lies in it."""
    if crowd:
        return masks.intersection(predicted, truth) / masks.area(predicted)
    return masks.iou(predicted, truth)
