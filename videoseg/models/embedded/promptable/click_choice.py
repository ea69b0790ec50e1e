"""Which of the outlines that clicks may mean is taken: those that others agree with.

``python -m training.fit_clicks`` fits the weights.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.models.embedded.detected_box import DetectedBox, overlaps
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.types import Mask

Extent: TypeAlias = Literal["part", "whole"]
"""What one click means, where it is not what most looks agree on."""

_WEIGHTS = np.array((1.0, 0.15, 0.6))
"""Of what ``click_features`` tells: what IoU grows with, in parts of the agreement's weight."""
_LEAST_SCORE = 0.15
"""Things of a lower score do not count."""
_SALIENT_IOU = 0.85
"""IoU from which a mask is that of the one thing that stands out."""
_SMALLER = 0.7
"""A part of an object is smaller than this share of it."""
_WITHIN = 0.85
"""So much of the smaller of a part and its whole lies in the larger."""


def salient_match(found: Sequence[ScoredMask], whole: Mask) -> ScoredMask | None:
    """The mask of what stands out as a whole, if it was found: most clicks mean that."""
    overlaps = [(masks.iou(one.mask, whole), one) for one in found]
    best, candidate = max(overlaps, key=operator.itemgetter(0), default=(0.0, None))
    return candidate if best >= _SALIENT_IOU else None


def likeliest(found: Sequence[ScoredMask], things: Sequence[DetectedBox] = ()) -> ScoredMask | None:
    """The mask that all the others agree with most, as far as they are thought good.

    Args:
        found: What the clicks may mean.
        things: Those that the clicks lie in: who clicks on one mostly means the whole of it.
    """
    return found[int(np.argmax(click_features(found, things) @ _WEIGHTS))] if found else None


def click_features(
    found: Sequence[ScoredMask], things: Sequence[DetectedBox]
) -> npt.NDArray[np.float64]:
    """What tells how likely each outline is meant, float64 (n, 3), each from 0 to 1.

    How far the others agree with it, its expected IoU, and how well it fills the box of a thing.
    """
    scores = np.array([one.score for one in found])
    shared = np.array([[masks.iou(one.mask, other.mask) for other in found] for one in found])
    agreement = shared @ scores / max(float(scores.sum()), 1e-6)
    return np.stack([agreement, scores, [_fit(one.mask, things) for one in found]], axis=1)


def nested(found: Sequence[ScoredMask], middle: ScoredMask, extent: Extent) -> list[ScoredMask]:
    """Those that are a part of one of them, or a whole that it is a part of."""
    own = masks.area(middle.mask)
    kept = []
    for one in found:
        area = masks.area(one.mask)
        small, large = (area, own) if extent == "part" else (own, area)
        iou = masks.iou(one.mask, middle.mask)
        shared = iou * (area + own) / (1 + iou)
        if small < _SMALLER * large and shared >= _WITHIN * small:
            kept.append(one)
    return kept


def holding(
    things: Sequence[DetectedBox], clicks: Sequence[tuple[float, float]]
) -> list[DetectedBox]:
    """The things of which all clicks lie in the box."""
    return [
        each
        for each in things
        if each.score >= _LEAST_SCORE
        and all(
            each.box[0] <= x <= each.box[2] and each.box[1] <= y <= each.box[3] for x, y in clicks
        )
    ]


def _fit(mask: Mask, things: Sequence[DetectedBox]) -> float:
    """The best IoU of the mask's box with that of a thing, times the thing's score."""
    if not things:
        return 0.0
    own = np.array(mask.crop, dtype=np.float32)
    boxes = np.array([each.box for each in things], dtype=np.float32)
    scores = np.array([each.score for each in things], dtype=np.float32)
    return float((overlaps(own, boxes) * scores).max())
