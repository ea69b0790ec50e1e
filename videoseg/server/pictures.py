"""Pictures that come in requests, as data URIs: JPEG, PNG and WebP, and nothing that is fetched."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videoseg.errors import SourceError
from videoseg.formats.images.header import claimed_size
from videoseg.formats.images.picture import Data, decoded, rgb8
from videoseg.server.asgi import Refusal, RefusedError
from videoseg.types import RgbImage

MOST_PIXELS = 1 << 25
"""Of one picture; 8K has 33 million."""
_URI = re.compile(r"data:[^,;]{0,100}(?:;[^,;]{0,100}){0,4};base64,", re.IGNORECASE)
_HEAD = 256
"""Letters in which all before the data must end."""
_FIELD = Path("image_url")
_BACKGROUND = "#000000"
"""Behind what is transparent, as ``sources.images`` has it."""


@dataclass(frozen=True)
class Encoded:
    """A picture as it came.

    Attributes:
        data: Its bytes, uint8 (N,).
        width: Pixels across, as its header says.
        height: Pixels down.
    """

    data: Data
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Pixels in all."""
        return self.width * self.height

    def decoded(self) -> RgbImage:
        """The picture, upright, uint8 (H, W, 3).

        Raises:
            RefusedError: It cannot be decoded.
        """
        try:
            return rgb8(decoded(self.data, _FIELD), _BACKGROUND)
        except SourceError as error:
            raise RefusedError(Refusal(422, str(error))) from error


def encoded(image_url: str) -> Encoded:
    """The picture in a data URI; its size is checked, and nothing is decoded yet.

    Raises:
        RefusedError: It is an address, no data URI, of another kind, or too large.
    """
    found = _URI.match(image_url[:_HEAD])
    if found is None:
        raise RefusedError(
            Refusal(
                422,
                "image_url must be a data URI with base64 (data:image/jpeg;base64,...); addresses "
                "are not fetched",
            )
        )
    try:
        data = base64.b64decode(image_url[found.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(Refusal(422, "image_url is no base64; send all of it")) from error
    if not _is_known(data):
        raise RefusedError(Refusal(415, "image_url must hold a JPEG, a PNG or a WebP"))
    try:
        size = claimed_size(memoryview(data))
    except (ValueError, IndexError) as error:
        raise RefusedError(Refusal(422, f"image_url: {error}")) from error
    if size is None or min(size) < 1:
        raise RefusedError(Refusal(422, "image_url holds no whole picture; send all of it"))
    width, height = size
    if width * height > MOST_PIXELS:
        raise RefusedError(
            Refusal(
                413,
                f"image_url has {width} x {height} pixels; make it smaller than {MOST_PIXELS:,} "
                "pixels",
            )
        )
    return Encoded(np.frombuffer(data, dtype=np.uint8), width, height)


def _is_known(data: bytes) -> bool:
    if data[:3] == b"\xff\xd8\xff" or data[:8] == b"\x89PNG\r\n\x1a\n":
        return True
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"
