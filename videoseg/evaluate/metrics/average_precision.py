"""Mask AP of instance segmentation as COCO defines it: 101 recalls, IoU 0.50 to 0.95.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the published
evaluation (pycocotools), to which these values are equal at most 100 detections an image and
category. LVIS (Gupta et al., CVPR 2019) and YouTube-VIS (Yang et al., "Video Instance
Segmentation", ICCV 2019) take AP in the same way, the one over images that were searched for a
category, the other over tracks, whose IoU is taken over all frames at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import Values
from videoseg.types import Bitmap, Mask

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MAX_DETECTIONS = 100
ANY_AREA = (0.0, float("inf"))
"""The range of areas that leaves nothing out."""


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

    def overlaps(self) -> Overlaps:
        """How much each prediction and each true mask have in common."""
        table = np.zeros((len(self.predicted), len(self.truth)))
        for row, predicted in enumerate(self.predicted):
            for column, truth in enumerate(self.truth):
                table[row, column] = _overlap(predicted, truth, crowd=self.crowd[column])
        return Overlaps(
            table=table,
            scores=np.asarray(self.scores, dtype=np.float64),
            areas=np.asarray([masks.area(mask) for mask in self.predicted], dtype=np.float64),
            crowd=np.asarray(self.crowd, dtype=np.bool_),
            true_areas=np.asarray([masks.area(mask) for mask in self.truth], dtype=np.float64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """The instances of one category on one image or in one video, reduced to numbers.

    Attributes:
        table: float64 (p, g), IoU of each prediction with each true instance; for a crowd the
            share of the prediction that lies in it.
        scores: float64 (p,), confidence of each prediction.
        areas: float64 (p,), pixels of each prediction.
        crowd: bool (g,), which true instances are crowds.
        true_areas: float64 (g,), pixels of each true instance.
        exhaustive: Whether every true instance is marked; where not, a prediction that matches
            none is neither right nor wrong.
    """

    table: Values
    scores: Values
    areas: Values
    crowd: Bitmap
    true_areas: Values
    exhaustive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """What matching found for one category on one image or in one video.

    Attributes:
        wanted: True instances that should be found.
        scores: float64 (p,), falling.
        right: bool (10, p), at each IoU threshold whether a prediction is right.
        wrong: bool (10, p), whether it is wrong; what matches a crowd is neither.
    """

    wanted: int
    scores: Values
    right: Bitmap
    wrong: Bitmap


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
    rows = [
        Ranking([match(image.overlaps()) for image in images]).precision()
        for images in categories.values()
    ]
    return AveragePrecision(np.asarray(rows, dtype=np.float64).reshape(-1, len(IOU_THRESHOLDS)))


def match(found: Overlaps, area: tuple[float, float] = ANY_AREA) -> Matches:
    """Which predictions of one category on one image are right, and which wrong.

    Args:
        found: The overlaps.
        area: Least and largest area in pixels: true instances outside need not be found, and
            predictions outside that match none are not wrong.
    """
    order = np.argsort(-found.scores, kind="stable")[:MAX_DETECTIONS]
    outside = (found.true_areas < area[0]) | (found.true_areas > area[1])
    ignored = found.crowd | outside
    last_ignored = np.argsort(ignored, kind="stable")
    crowd, ignored = found.crowd[last_ignored], ignored[last_ignored]
    overlaps = found.table[np.ix_(order, last_ignored)]
    sizes = found.areas[order]
    judged = (sizes >= area[0]) & (sizes <= area[1]) & found.exhaustive
    right = np.zeros((len(IOU_THRESHOLDS), len(order)), dtype=np.bool_)
    wrong = np.repeat(judged[None, :], len(IOU_THRESHOLDS), axis=0)
    for level, threshold in enumerate(IOU_THRESHOLDS):
        taken = np.zeros(len(crowd), dtype=np.bool_)
        for row, values in enumerate(overlaps):
            best = _best(np.where(taken, -1, values), ignored, float(threshold))
            if best is not None:
                taken[best] = not crowd[best]
                right[level, row] = not ignored[best]
                wrong[level, row] = False
    return Matches(int((~ignored).sum()), found.scores[order], right, wrong)


class Ranking:
    """All predictions of one category in falling order of their scores.

    Args:
        matches: One for each image or video.
        levels: The IoU thresholds that are looked at.
    """

    def __init__(self, matches: Sequence[Matches], levels: slice = slice(None)) -> None:
        self._wanted = np.asarray([one.wanted for one in matches], dtype=np.float64)
        places = np.repeat(np.arange(len(matches)), [len(one.scores) for one in matches])
        scores = np.concatenate([np.empty(0), *(one.scores for one in matches)])
        order = np.argsort(-scores, kind="stable")
        none = np.empty((len(IOU_THRESHOLDS), 0), dtype=np.bool_)
        right = np.concatenate([none, *(one.right for one in matches)], axis=1)
        wrong = np.concatenate([none, *(one.wrong for one in matches)], axis=1)
        self._places = places[order]
        self._right, self._wrong = right[levels, order], wrong[levels, order]

    def precision(self, times: npt.ArrayLike | None = None) -> Values:
        """Interpolated precision averaged over recalls, float64 (levels,); NaN if none is wanted.

        Args:
            times: (images,), how often each image counts; None = once.
        """
        weights = np.ones(len(self._wanted)) if times is None else np.asarray(times, np.float64)
        wanted = float(weights @ self._wanted)
        if not wanted:
            return np.full(len(self._right), np.nan)
        each = weights[self._places]
        true_positives = np.cumsum(self._right * each, axis=1)
        detections = true_positives + np.cumsum(self._wrong * each, axis=1)
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


def _mean_known(table: Values) -> float:
    known = table[~np.isnan(table)]
    return float(known.mean()) if len(known) else float("nan")


def _best(overlaps: Values, ignored: Bitmap, threshold: float) -> int | None:
    """The instance of most overlap at or above the threshold, the later of equals.

    One that need not be found is taken only where no other is left.
    """
    for candidates in (np.flatnonzero(~ignored), np.flatnonzero(ignored)):
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
