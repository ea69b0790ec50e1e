"""Clicks as a person would make them: on the middle of what is wrong, roughly.

The protocol of interactive segmentation (N. Xu et al., "Deep Interactive Object Selection", CVPR
2016): each click lands in the largest piece that is still wrong, on its innermost point.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Bitmap = npt.NDArray[np.uint8]


def first_click(truth: Bitmap, random: np.random.Generator) -> tuple[int, int]:
    """Row and column inside the object: near its innermost point, or anywhere off its edge."""
    return _within(truth, random)


def next_click(
    truth: Bitmap, found: Bitmap, random: np.random.Generator
) -> tuple[int, int, bool] | None:
    """Row, column and side of the next correction; None where nothing is left to correct."""
    wrong = np.asarray(truth != found, dtype=np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong, connectivity=4)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    row, column = _within((labels == largest).astype(np.uint8), random)
    return row, column, bool(truth[row, column])


def disc(into: npt.NDArray[np.float32], row: int, column: int) -> None:
    """Draw a click into its map."""
    cv2.circle(into, (column, row), round(0.02 * into.shape[0]), 1.0, -1)


def _within(where: Bitmap, random: np.random.Generator) -> tuple[int, int]:
    padded = np.pad(where, 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    deepest = float(depth.max())
    least = deepest * (0.85 if random.random() < 0.6 else 0.3)
    allowed = np.flatnonzero(depth >= max(least, 1e-6))
    row, column = divmod(int(allowed[int(random.integers(len(allowed)))]), where.shape[1])
    return row, column
