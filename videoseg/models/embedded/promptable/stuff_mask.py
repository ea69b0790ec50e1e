"""Finds the mask of what has no shape of its own, sky or grass, from evidence alone.

Its border is the boundary of least energy: colour likelihoods and evidence pull each pixel inside
or outside (as in Rother et al., "GrabCut", SIGGRAPH 2004), and the boundary is cheap where the
image has an edge. The energy is minimised by a continuous cut (``min_cut.py``) on a crop around the
evidence, and colour models and boundary are estimated in turn. A guided filter then moves the
boundary to the edges of the full-size image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.promptable.min_cut import min_cut
from videoseg.models.embedded.promptable.prompt_maps import MAX_ODDS
from videoseg.types import Box, Mask, RgbImage

_LONG_SIDE = 224
"""Longest side of the crop that the boundary is sought on, pixels."""
_ROUNDS = 3
"""Times that colour models and boundary are estimated in turn."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredMask:
    """An object's pixels and the confidence in them, in [0, 1]."""

    mask: Mask
    score: float


def stuff_mask(image: RgbImage, evidence: npt.NDArray[np.float32]) -> ScoredMask | None:
    """The mask of all that the evidence means; None where it leaves nothing.

    Args:
        image: uint8 (H, W, 3).
        evidence: Log odds, float32 (h, w) of any size over the whole frame, positive = object.
    """
    height, width = image.shape[:2]
    crop = _window(evidence, width, height)
    if crop is None:
        return None
    work = _WorkingCrop.of(image, crop)
    unary = _unary(evidence, work, width, height)
    if not (unary > 0).any():
        return None
    return _finish(image, work, _solve(work, unary))


@dataclass(frozen=True, slots=True, eq=False)
class _WorkingCrop:
    """The crop of the frame that is worked on, at working size."""

    crop: Box
    lab: FloatMap
    scale_x: float
    scale_y: float

    @classmethod
    def of(cls, image: RgbImage, crop: Box) -> _WorkingCrop:
        import cv2

        x1, y1, x2, y2 = crop
        scale = min(1.0, _LONG_SIDE / max(x2 - x1, y2 - y1))
        size = (max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale)))
        small = cv2.resize(image[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA)
        lab = cv2.cvtColor(small, cv2.COLOR_RGB2Lab).astype(np.float32)
        return cls(crop, lab, size[0] / (x2 - x1), size[1] / (y2 - y1))

    @property
    def width(self) -> int:
        return int(self.lab.shape[1])

    @property
    def height(self) -> int:
        return int(self.lab.shape[0])


def _window(evidence: FloatMap, width: int, height: int) -> Box | None:
    """The part of the frame in which something speaks for the object, and some surroundings."""
    found = evidence > 0
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    if not len(rows):
        return None
    step_x, step_y = width / found.shape[1], height / found.shape[0]
    x1, x2 = columns[0] * step_x, (columns[-1] + 1) * step_x
    y1, y2 = rows[0] * step_y, (rows[-1] + 1) * step_y
    margin = 0.2 * max(x2 - x1, y2 - y1) + 8
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    return (left, top, min(width, int(x2 + margin) + 1), min(height, int(y2 + margin) + 1))


def _unary(evidence: FloatMap, work: _WorkingCrop, width: int, height: int) -> FloatMap:
    """The crop of the evidence at working size."""
    import cv2

    step_x, step_y = evidence.shape[1] / width, evidence.shape[0] / height
    to_map = np.array(
        [
            [step_x / work.scale_x, 0, (work.crop[0] + 0.5 / work.scale_x) * step_x - 0.5],
            [0, step_y / work.scale_y, (work.crop[1] + 0.5 / work.scale_y) * step_y - 0.5],
        ]
    )
    moved = cv2.warpAffine(
        evidence.astype(np.float32),
        to_map,
        (work.width, work.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.clip(moved, -MAX_ODDS, MAX_ODDS).astype(np.float32)


def _solve(work: _WorkingCrop, unary: FloatMap) -> FloatMap:
    """Membership in [0, 1] at working size: colour models and boundary, found in turn."""
    inside = (1 / (1 + np.exp(-unary))).astype(np.float32)
    bins = _colour_bins(work.lab)
    for _ in range(_ROUNDS):
        colour = _colour_odds(bins, inside)
        inside = min_cut(work.lab, unary + colour, start=inside)
    return inside


def _colour_bins(lab: FloatMap) -> npt.NDArray[np.int64]:
    """Index of each pixel's cell in a 16 x 16 x 16 Lab histogram."""
    cells = (lab * np.array([16 / 256, 24 / 256, 24 / 256]) - np.array([0, 4, 4])).astype(np.int64)
    cells = np.clip(cells, 0, 15)
    return np.asarray((cells[..., 0] * 16 + cells[..., 1]) * 16 + cells[..., 2])


def _colour_odds(bins: npt.NDArray[np.int64], inside: FloatMap) -> FloatMap:
    """Log likelihood ratio of each pixel's colour inside and outside."""
    from scipy import ndimage

    likelihoods = []
    for weight in (inside, 1 - inside):
        counts = np.bincount(bins.ravel(), weights=weight.ravel(), minlength=16**3)
        smooth = ndimage.gaussian_filter(counts.reshape(16, 16, 16), 0.8, mode="nearest")
        total = max(float(smooth.sum()), 1.0)
        likelihoods.append((smooth / total).ravel() + 1e-4)
    ratio = np.log(likelihoods[0] / likelihoods[1])
    return np.asarray(np.clip(ratio, -4, 4)[bins], dtype=np.float32)


def _finish(image: RgbImage, work: _WorkingCrop, inside: FloatMap) -> ScoredMask | None:
    """Snap to the full-size image, keep what belongs, and crop."""
    x1, y1, x2, y2 = work.crop
    full = _guided_upsample(image[y1:y2, x1:x2], inside)
    bitmap = full > 0.5
    bitmap = _without_specks(bitmap)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    found = np.ascontiguousarray(bitmap[top : rows[-1] + 1, left : columns[-1] + 1])
    sure = np.abs(2 * full[bitmap] - 1)
    mask = Mask(x1 + left, y1 + top, image.shape[1], image.shape[0], found)
    return ScoredMask(mask, float(np.clip(sure.mean(), 0, 1)))


def _guided_upsample(image: RgbImage, inside: FloatMap) -> FloatMap:
    """Membership at full size, its boundary following the image.

    A guided filter (He, Sun and Tang, "Guided Image Filtering", PAMI 2013) whose coefficients are
    found at working size ("Fast Guided Filter", 2015).
    """
    import cv2

    size = (inside.shape[1], inside.shape[0])
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    window = (5, 5)
    mean_guide, mean_value = cv2.blur(small, window), cv2.blur(inside, window)
    variance = cv2.blur(small * small, window) - mean_guide**2
    slope = (cv2.blur(small * inside, window) - mean_guide * mean_value) / (variance + 1e-3)
    offset = mean_value - slope * mean_guide
    full = (grey.shape[1], grey.shape[0])
    slope = cv2.resize(cv2.blur(slope, window), full, interpolation=cv2.INTER_LINEAR)
    offset = cv2.resize(cv2.blur(offset, window), full, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(slope * grey + offset, 0, 1), dtype=np.float32)


def _without_specks(bitmap: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Drop small islands and fill small holes."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(bitmap.astype(np.uint8))
    if count < 2:
        return bitmap
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= 0.1 * areas.max()
    keep[0] = False
    kept = keep[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8))
    small = stats[:, cv2.CC_STAT_AREA] < 0.01 * kept.sum()
    small[0] = False
    return np.asarray(kept | small[labels])
