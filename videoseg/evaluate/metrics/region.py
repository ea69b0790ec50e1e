"""Region similarity: IoU of one pair of masks, and mIoU, cIoU and P@X over many.

The Jaccard index of two masks is ``|A & B| / |A | B|``. Two empty masks agree, so their IoU is 1
(the convention of DAVIS; Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video
Object Segmentation", CVPR 2016, and its published evaluation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.inputs import MaskLike, as_pair
from videoseg.geometry import masks
from videoseg.types import Bitmap

PRECISION_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""The X of P@X, as tables of referring segmentation give them."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How much of two masks is common; enough to take an IoU, or to add up a cIoU.

    Attributes:
        intersection: Pixels in both.
        union: Pixels in either.
    """

    intersection: int
    union: int

    def __post_init__(self) -> None:
        if not 0 <= self.intersection <= self.union:
            raise ValueError(
                f"an intersection is part of its union, got {self.intersection = } {self.union = }"
            )

    @property
    def iou(self) -> float:
        """Intersection over union in [0, 1]; 1 where both masks are empty."""
        return self.intersection / self.union if self.union else 1.0


def overlap_of(predicted: MaskLike, truth: MaskLike, *, ignore: Bitmap | None = None) -> Overlap:
    """Intersection and union of two masks of one frame.

    Args:
        predicted: The mask that is measured.
        truth: The mask it is measured against.
        ignore: bool (H, W), True where pixels count for neither, or None.

    Raises:
        ValueError: The frames differ in size, or a bitmap is not bool (H, W).
    """
    first, second = as_pair(predicted, truth, ignore=ignore)
    area = sum(masks.area(mask) for mask in (first, second) if mask is not None)
    both = 0 if first is None or second is None else masks.intersection(first, second)
    return Overlap(both, area - both)


def iou(predicted: MaskLike, truth: MaskLike, *, ignore: Bitmap | None = None) -> float:
    """Intersection over union in [0, 1]; 1 where both are empty. Arguments as of ``overlap_of``."""
    return overlap_of(predicted, truth, ignore=ignore).iou


def mean_iou(overlaps: Sequence[Overlap]) -> float:
    """Mean of the IoUs (mIoU, also gIoU), every pair counting alike; NaN for no pair."""
    return float(np.mean([pair.iou for pair in overlaps])) if overlaps else float("nan")


def cumulative_iou(overlaps: Sequence[Overlap]) -> float:
    """Cumulative IoU (cIoU, also oIoU): sum of intersections over sum of unions.

    Large objects count more. 1 where every pair is empty, NaN for no pair.
    """
    if not overlaps:
        return float("nan")
    total = Overlap(sum(p.intersection for p in overlaps), sum(p.union for p in overlaps))
    return total.iou


def precision_at(
    ious: npt.ArrayLike, thresholds: Sequence[float] = PRECISION_THRESHOLDS
) -> npt.NDArray[np.float64]:
    """P@X: share of pairs whose IoU is at least X.

    "At least" follows the evaluation of Hu et al., "Segmentation from Natural Language
    Expressions", ECCV 2016, and of most work after it.

    Args:
        ious: float (n,).
        thresholds: The X, (k,).

    Returns:
        float64 (k,), NaN for no pair.
    """
    values = np.asarray(ious, dtype=np.float64).reshape(-1, 1)
    if not len(values):
        return np.full(len(thresholds), np.nan)
    return np.asarray((values >= np.asarray(thresholds)).mean(axis=0), dtype=np.float64)
