"""Pictures on which a language model can point at masks: outlined and numbered."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from videoseg.formats.palette import colour_of
from videoseg.geometry import masks
from videoseg.geometry.sizes import size_within
from videoseg.types import Instance, Mask, RgbImage

_MARGIN = 0.3
"""Of an object's size, shown around it when it is looked at closely."""
_TINT = 0.25


def marked(image: RgbImage, found: Sequence[Instance], *, long_side: int) -> RgbImage:
    """A frame with all masks outlined, tinted and numbered from 1, scaled down to ``long_side``."""
    import cv2

    height, width = image.shape[:2]
    size = size_within(width, height, long_side or math.inf)
    canvas = np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    places = []
    for number, instance in enumerate(found, start=1):
        full = masks.to_bitmap(instance.mask).astype(np.uint8)
        small = np.asarray(cv2.resize(full, size, interpolation=cv2.INTER_AREA))
        colour = colour_of(number)
        inside = small > 0
        tint = np.array(colour) * _TINT
        canvas[inside] = (canvas[inside] * (1 - _TINT) + tint).astype(np.uint8)
        edges, _ = cv2.findContours(small, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
        cv2.drawContours(canvas, edges, -1, colour, 2)
        # The number stands where the object is widest.
        depth = cv2.distanceTransform(cv2.copyMakeBorder(small, 1, 1, 1, 1, 0), cv2.DIST_L2, 3)
        _, _, _, (x, y) = cv2.minMaxLoc(depth)
        places.append((number, x - 1, y - 1))
    shown = np.asarray(canvas, dtype=np.uint8)
    for number, x, y in places:
        _number(shown, str(number), x, y)
    return shown


def close_up(image: RgbImage, instance: Instance) -> RgbImage:
    """The part of a frame around one object, the object outlined."""
    x1, y1, x2, y2 = masks.bounding_box(instance.mask)
    height, width = image.shape[:2]
    across, down = round((x2 - x1) * _MARGIN) + 8, round((y2 - y1) * _MARGIN) + 8
    left, top = max(0, x1 - across), max(0, y1 - down)
    right, bottom = min(width, x2 + across), min(height, y2 + down)
    bitmap = masks.to_bitmap(instance.mask)[top:bottom, left:right]
    part = Mask(0, 0, right - left, bottom - top, np.ascontiguousarray(bitmap))
    return outlined(np.ascontiguousarray(image[top:bottom, left:right]), part)


def outlined(image: RgbImage, mask: Mask) -> RgbImage:
    """A picture with the outline of one mask of its size."""
    import cv2

    canvas = image.copy()
    edges, _ = cv2.findContours(
        masks.to_bitmap(mask).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE
    )
    cv2.drawContours(canvas, edges, -1, colour_of(1), 2)
    return np.asarray(canvas, dtype=np.uint8)


def _number(canvas: RgbImage, text: str, x: int, y: int) -> None:
    import cv2

    size = max(0.45, max(canvas.shape[:2]) / 1600)
    (across, down), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 2)
    left = int(np.clip(x - across // 2, 2, max(2, canvas.shape[1] - across - 3)))
    base = int(np.clip(y + down // 2, down + 3, max(down + 3, canvas.shape[0] - 4)))
    cv2.rectangle(canvas, (left - 3, base - down - 3), (left + across + 3, base + 4), (0, 0, 0), -1)
    cv2.putText(
        canvas, text, (left, base), cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 2, cv2.LINE_AA
    )
