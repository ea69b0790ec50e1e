"""Optical flow that is fine about some places, and coarse elsewhere.

Patches are searched for on images that are halved again and again, from the smallest one to the
whole one: each size begins with what the one before it has found. On the whole one only those
patches are, that hold a place where motion is to be fine.
"""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import ByteMap, Flags, FloatMap
from videoseg.motion.patches import SIDE, refined

_SMALLEST_SIDE = 2 * SIDE
"""Images are halved as long as both of their sides keep so many pixels."""


def flow_about(previous: ByteMap, current: ByteMap, near: Flags) -> FloatMap:
    """Where each pixel of an image was in the one before it, x and y from its own place.

    Args:
        previous: uint8 (h, w), at least ``SIDE`` each way.
        current: Of the same size.
        near: bool (h, w): where motion is to be fine.

    Returns:
        float32 (h, w, 2), pixels.
    """
    if min(current.shape) // 2 < _SMALLEST_SIDE:
        backward = np.zeros((*current.shape, 2), np.float32)
    else:
        halves = _halved(previous), _halved(current)
        coarse = flow_about(*halves, np.ones(halves[0].shape, np.bool_))
        backward = _doubled(coarse, current.shape)
    return refined(backward, previous, current, near)


def _halved(image: ByteMap) -> ByteMap:
    """Averages of 2 x 2 pixels; the last row or column of an odd number is left out."""
    import cv2

    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    even = image[: 2 * rows, : 2 * columns]
    return np.asarray(cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _doubled(backward: FloatMap, shape: tuple[int, ...]) -> FloatMap:
    """A flow of an image of half the size."""
    import cv2

    finer = cv2.resize(backward, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.multiply(finer, np.float32(2), dtype=np.float32)
