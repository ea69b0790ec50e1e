"""Reading maps between their samples."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap


def bilinear(values: FloatMap, x: FloatMap, y: FloatMap) -> list[FloatMap]:
    """Each channel of values (h, w, C) at places, as at the border beyond it; float32."""
    height, width, channels = values.shape
    x = np.minimum(np.maximum(x, np.float32(0)), np.float32(width - 1))
    y = np.minimum(np.maximum(y, np.float32(0)), np.float32(height - 1))
    left, top = np.floor(x), np.floor(y)
    across, down = x - left, y - top
    corner = top.astype(np.intp) * width
    corner += left.astype(np.intp)
    corner *= channels
    right = corner + channels * (left < width - 1)
    step = (width * channels) * (top < height - 1)
    below, right_below = corner + step, right + step

    def between(first: FloatMap, then: FloatMap, share: FloatMap) -> FloatMap:
        """In place of the second."""
        then -= first
        then *= share
        then += first
        return then

    found, flat = [], values.ravel()
    for channel in range(channels):
        plane = flat[channel:]
        upper = between(plane.take(corner), plane.take(right), across)
        lower = between(plane.take(below), plane.take(right_below), across)
        found.append(between(upper, lower, down))
    return found
