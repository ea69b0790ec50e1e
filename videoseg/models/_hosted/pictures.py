"""Frames as services take them: JPEG of a size and quality that each asks for."""

from __future__ import annotations

import base64
import math

import numpy as np

from videoseg.errors import ModelError
from videoseg.geometry.sizes import size_within
from videoseg.types import RgbImage


def jpeg(image: RgbImage, *, long_side: int, quality: int) -> bytes:
    """A picture as JPEG, no larger than ``long_side`` pixels; 0 = at its own size."""
    import cv2

    height, width = image.shape[:2]
    size = size_within(width, height, long_side or math.inf)
    if size != (width, height):
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    turned = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ModelError(f"a frame of {width} x {height} cannot be written as JPEG")
    return bytes(data)


def data_uri(picture: bytes) -> str:
    """A JPEG as a ``data:`` address."""
    return f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
