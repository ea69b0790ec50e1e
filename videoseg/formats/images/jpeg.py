"""Pictures as JPEG."""

from __future__ import annotations

import numpy as np

from videoseg.types import RgbImage

_QUALITY = 85


def jpeg(picture: RgbImage) -> bytes:
    """A picture, uint8 (H, W, 3), as a file that looks the same and loses a little."""
    import cv2

    bgr = np.ascontiguousarray(picture[..., ::-1])
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])
