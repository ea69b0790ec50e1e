"""Mattes of tracks: soft where they were made, else hard as the mask is."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from videoseg.types import WHOLE, Alpha, Box, Mask, TrackedInstance


def alpha_of(tracked: TrackedInstance) -> Alpha:
    """A track's matte on a frame; its mask's, without soft edges, where it has none."""
    return hard_alpha(tracked.instance.mask) if tracked.alpha is None else tracked.alpha


def hard_alpha(mask: Mask) -> Alpha:
    """The matte of a mask: each pixel wholly or not at all."""
    values = np.where(mask.bitmap, np.uint16(WHOLE), np.uint16(0))
    return Alpha(mask.x, mask.y, mask.frame_width, mask.frame_height, values)


def united(alphas: Iterable[Alpha], width: int, height: int) -> npt.NDArray[np.uint16]:
    """One matte of several objects, uint16 (H, W): of each pixel the largest coverage."""
    full = np.zeros((height, width), dtype=np.uint16)
    for alpha in alphas:
        x1, y1, x2, y2 = alpha.crop
        np.maximum(full[y1:y2, x1:x2], alpha.values, out=full[y1:y2, x1:x2])
    return full


def to_8_bits(coverage: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Coverage (H, W) from 0 to 255, to the nearest."""
    import cv2

    return np.asarray(cv2.convertScaleAbs(coverage, alpha=1 / 257), np.uint8)


def bounds(alphas: Iterable[Alpha]) -> Box:
    """The smallest box that holds all crops; an empty one where there are none."""
    crops = [alpha.crop for alpha in alphas if alpha.values.size]
    if not crops:
        return (0, 0, 0, 0)
    lows, highs = np.min(crops, axis=0), np.max(crops, axis=0)
    return (int(lows[0]), int(lows[1]), int(highs[2]), int(highs[3]))
