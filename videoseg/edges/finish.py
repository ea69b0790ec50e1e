"""What an artist does to a matte: grow or shrink it, blur it, blur it along a motion."""

from __future__ import annotations

import math

import numpy as np

from videoseg.geometry.arrays import FloatMap


def expanded(values: FloatMap, by: float) -> FloatMap:
    """A matte grown by so many pixels in all directions, or shrunk if below 0.

    Fractions of a pixel are blended of the whole numbers beside them.
    """
    whole, part = divmod(abs(by), 1)
    less = _morphed(values, int(whole), grow=by > 0)
    if part == 0:
        return less
    more = _morphed(values, int(whole) + 1, grow=by > 0)
    return np.asarray((1 - part) * less + part * more, dtype=np.float32)


def feathered(values: FloatMap, deviation: float) -> FloatMap:
    """A matte blurred by a Gaussian of so many pixels of standard deviation."""
    import cv2

    blurred = cv2.GaussianBlur(values, (0, 0), deviation, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


def motion_blurred(values: FloatMap, x: float, y: float) -> FloatMap:
    """A matte as it is while it moves by ``x, y`` pixels, half of that before and half after."""
    import cv2

    kernel = _line(x, y)
    blurred = cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.clip(blurred, 0, 1), dtype=np.float32)


def _morphed(values: FloatMap, radius: int, *, grow: bool) -> FloatMap:
    import cv2

    if radius == 0:
        return values
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    change = cv2.dilate if grow else cv2.erode
    return np.asarray(change(values, disc, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)


def _line(x: float, y: float) -> FloatMap:
    """The kernel of an even motion along a line, float32 (k, k), sum 1."""
    reach = math.ceil(max(abs(x), abs(y)) / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    samples = 4 * max(1, math.ceil(math.hypot(x, y)))
    for place in (np.arange(samples) + 0.5) / samples - 0.5:
        _add(kernel, reach + place * x, reach + place * y)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def _add(kernel: FloatMap, x: float, y: float) -> None:
    """Add 1, spread over the four pixels around a place."""
    left, top = math.floor(x), math.floor(y)
    right, down = x - left, y - top
    kernel[top, left] += (1 - right) * (1 - down)
    kernel[top, left + 1] += right * (1 - down)
    kernel[top + 1, left] += (1 - right) * down
    kernel[top + 1, left + 1] += right * down
