"""Pictures of messages that are files by themselves, JPEG and PNG as a rule, as RGB."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.formats.images.picture import decoded, rgb8
from videoseg.formats.robotics.messages import ImageMessage, MessageError
from videoseg.formats.robotics.pixels import Shown, scaled
from videoseg.types import RgbImage

_DEPTH_HEADER = 12
"""Bytes before the PNG of a message whose format says ``compressedDepth``."""
_PNG = b"\x89PNG"
_SWAPPED = re.compile(r"^(rgb|rgba)\d+\s*;.*compressed\s+rgb", re.IGNORECASE)


def coded_rgb(message: ImageMessage, shown: Shown) -> RgbImage:
    """uint8 (H, W, 3), upright as its EXIF says.

    The bytes say of which kind they are, whatever the format says; that is looked at for two things
    alone. ``rgb8; jpeg compressed rgb8`` is a picture whose red and blue were swapped before
    compression, and ``compressedDepth`` has a header of its own.

    Raises:
        MessageError: It is empty or cannot be decoded.
    """
    data = message.data
    if not len(data):
        raise MessageError("empty")
    if "compressedDepth" in message.format and bytes(data[:4]) != _PNG:
        data = data[_DEPTH_HEADER:]
    try:
        image = decoded(np.frombuffer(data, np.uint8), Path("message"))
    except (SourceError, ValueError) as error:
        raise MessageError("damaged") from error
    if _SWAPPED.match(message.format):
        image = image[..., [2, 1, 0, *range(3, image.shape[2])]]
    return _shown(image, shown)


def _shown(image: npt.NDArray[Any], shown: Shown) -> RgbImage:
    """Grey samples of 16 bits are shown as raw ones are."""
    if image.dtype == np.uint16 and (image[..., :1] == image[..., 1:3]).all():
        return scaled(image[..., :3], shown.white)
    return rgb8(np.ascontiguousarray(image), shown.background)
