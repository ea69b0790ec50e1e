"""Chooses how much evidence an outline asks for: as much as puts it on the edges of the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.geometry.masks import to_bitmap
from videoseg.models.embedded.outline import Outlined, outline
from videoseg.types import Mask, RgbImage

_LEVELS = (0.0, -1.5, 1.0)
"""Log-odds added to the evidence, the usual first."""
_PRICE = 0.1
"""Each unit away from the usual must put so much more of the boundary on edges."""
_LONG_SIDE = 512
"""Edges are looked for at this size, pixels."""
_STEEPEST = 60.0
"""Steeper edges count no more: one strong edge must not stand for many."""


def outline_on_edges(image: RgbImage, evidence: npt.NDArray[np.float32]) -> Outlined | None:
    """Outline the thing that evidence found, at the level whose boundary lies most on edges.

    Args:
        image: uint8 (H, W, 3).
        evidence: Log-odds, float32 (h, w) of any size over the whole frame, positive = object.
    """
    found = [outline(image, evidence=evidence + level) for level in _LEVELS]
    edges = _edges(image)
    best: tuple[float, Outlined | None] = (-np.inf, None)
    for level, result in zip(_LEVELS, found, strict=True):
        if result is not None:
            worth = _on_edges(result.mask, edges) - _PRICE * abs(level)
            best = max(best, (worth, result), key=lambda one: one[0])
    return best[1]


def _edges(image: RgbImage) -> npt.NDArray[np.bool_]:
    """Where the image is steeper than it is on average, a pixel wider to each side."""
    import cv2

    scale = min(1.0, _LONG_SIDE / max(image.shape[:2]))
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(cv2.GaussianBlur(small, (0, 0), 1.0), cv2.COLOR_RGB2Lab).astype(np.float32)
    across = cv2.Sobel(lab, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(lab, cv2.CV_32F, 0, 1)
    steep = np.sqrt((across**2 + down**2).sum(axis=2))
    wide = np.minimum(cv2.dilate(steep, np.ones((3, 3), dtype=np.uint8)), _STEEPEST)
    return np.asarray(wide > wide.mean(), dtype=np.bool_)


def _on_edges(mask: Mask, edges: npt.NDArray[np.bool_]) -> float:
    """Share of a mask's boundary inside the frame that lies on edges; 0 where it has none."""
    import cv2

    size = edges.shape[::-1]
    inside = cv2.resize(to_bitmap(mask).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    core = cv2.erode(inside, np.ones((3, 3), dtype=np.uint8), borderValue=1)
    boundary = (inside > 0) & (core == 0)
    return float(edges[boundary].mean()) if boundary.any() else 0.0
