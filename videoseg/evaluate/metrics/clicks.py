"""Clicks made from the truth, and what is measured with them: IoU@k and NoC.

The protocol of interactive segmentation: Xu et al., "Deep Interactive Object Selection", CVPR 2016;
Sofiiuk et al., "f-BRS", CVPR 2020, and "Reviving Iterative Training with Mask Guidance" (RITM),
ICIP 2022, whose published evaluation this follows click by click.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.inputs import MaskLike, as_mask
from videoseg.evaluate.metrics.region import iou
from videoseg.geometry import masks
from videoseg.types import Bitmap

MAX_CLICKS = 20
"""Clicks after which an image is given up, and what it then counts in NoC."""


@dataclass(frozen=True, slots=True)
class Click:
    """One click at the centre of a pixel.

    Attributes:
        x: Across, pixel-edge coordinates (a whole number and a half).
        y: Down, likewise.
        positive: True on the object, False on what was taken for it.
    """

    x: float
    y: float
    positive: bool

    @property
    def pixel(self) -> tuple[int, int]:
        """Row and column of the pixel that was clicked."""
        return int(self.y), int(self.x)


Answer: TypeAlias = Callable[[Sequence[Click]], MaskLike]
"""A model behind an image: all clicks so far in, the mask out."""


@dataclass(frozen=True, slots=True)
class ClickRun:
    """What a model answered while one object was clicked.

    Attributes:
        clicks: In the order in which they were made.
        ious: IoU after each click.
    """

    clicks: tuple[Click, ...]
    ious: tuple[float, ...]


def next_click(
    predicted: MaskLike,
    truth: Bitmap,
    *,
    ignore: Bitmap | None = None,
    before: Iterable[Click] = (),
) -> Click | None:
    """The click that corrects the largest error, or None where no unclicked error is left.

    Missing (false negative) and surplus (false positive) pixels each get a distance transform in
    which the frame's outside counts as right; the click goes to the maximum over both, so "largest"
    means the region that holds the largest circle. It is positive on missing pixels, negative on
    surplus ones (also where both maxima are equal). Among equal maxima the first in reading order
    is taken. Against an empty prediction this is the first click of the protocol: the maximum of
    the truth's own distance transform.

    Args:
        predicted: The mask so far, None before the first click.
        truth: bool (H, W).
        ignore: bool (H, W), True where pixels are neither missing nor surplus, or None.
        before: Clicks made so far; none is made twice on one pixel.

    Raises:
        ValueError: The sizes differ.
    """
    mask = as_mask(predicted)
    answered = np.zeros_like(truth) if mask is None else masks.to_bitmap(mask)
    if truth.dtype != np.bool_ or answered.shape != truth.shape:
        raise ValueError(f"truth is bool {answered.shape}, got {truth.dtype = } {truth.shape = }")
    counted = np.True_ if ignore is None else ~ignore
    free = np.ones(truth.shape, dtype=np.bool_)
    for click in before:
        free[click.pixel] = False
    missing = _depth(truth & ~answered & counted) * free
    surplus = _depth(~truth & answered & counted) * free
    positive = bool(missing.max() > surplus.max())
    depth = missing if positive else surplus
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    if depth[row, column] == 0:
        return None
    return Click(float(column) + 0.5, float(row) + 0.5, positive)


def simulate(
    answer: Answer,
    truth: Bitmap,
    *,
    ignore: Bitmap | None = None,
    clicks: int = MAX_CLICKS,
    enough: float = 1.0,
) -> ClickRun:
    """Click one object until its IoU is enough, no error is left, or the clicks are used up.

    Args:
        answer: The model behind one image.
        truth: bool (H, W).
        ignore: bool (H, W), True where pixels do not count, or None.
        clicks: At most this many.
        enough: Stop at this IoU; leave it at 1 for curves.

    Raises:
        ValueError: There is nothing to click, or the sizes differ.
    """
    made: list[Click] = []
    ious: list[float] = []
    predicted: MaskLike = None
    while len(made) < clicks:
        click = next_click(predicted, truth, ignore=ignore, before=made)
        if click is None:
            break
        made.append(click)
        predicted = answer(tuple(made))
        ious.append(iou(predicted, truth, ignore=ignore))
        if ious[-1] >= enough:
            break
    if not made:
        raise ValueError("the true mask is empty, so there is nothing to click")
    return ClickRun(tuple(made), tuple(ious))


def iou_curves(
    ious: Sequence[Sequence[float]], clicks: int = MAX_CLICKS
) -> npt.NDArray[np.float64]:
    """IoU@k of every object; average over axis 0 for the curve.

    Args:
        ious: For each object the IoU after each of its clicks, at least one. A run that stopped
            early keeps its last value.
        clicks: The k of the last column.

    Returns:
        float64 (n, clicks).

    Raises:
        ValueError: A run has no click.
    """
    if not all(len(run) for run in ious):
        raise ValueError("an object without a click has no curve")
    rows = [[run[min(k, len(run) - 1)] for k in range(clicks)] for run in ious]
    return np.asarray(rows, dtype=np.float64).reshape(len(rows), clicks)


def clicks_needed(
    ious: Sequence[Sequence[float]], target: float, clicks: int = MAX_CLICKS
) -> npt.NDArray[np.int64]:
    """Number of clicks until the IoU is at least ``target``; NoC@target is the mean of these.

    Args:
        ious: For each object the IoU after each of its clicks.
        target: 0.85 for NoC@85, 0.90 for NoC@90.
        clicks: What counts where the target is not reached within this many.

    Returns:
        int64 (n,).
    """
    needed = [
        next((k for k, value in enumerate(run[:clicks], start=1) if value >= target), clicks)
        for run in ious
    ]
    return np.asarray(needed, dtype=np.int64)


def _depth(error: Bitmap) -> npt.NDArray[np.float32]:
    """Distance of each set pixel to the nearest unset one, the frame's outside being unset."""
    import cv2

    padded = np.pad(error, 1).astype(np.uint8)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance[1:-1, 1:-1], dtype=np.float32)
