"""Frames as pictures for a browser, and what keeps them within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from videoseg.types import Frame, RgbImage

SCALES = (1, 2, 4, 8)
"""A picture is a frame, or a half, a quarter or an eighth of its width and height."""
_QUALITY = 85
"""Of JPEG, 0 to 100."""
_ROUGH_QUALITY = 70
"""Of pictures that are shown for a moment."""
_ROUGH_SIDE = 640
"""Longer side of such pictures, pixels, at most, unless the least scale is larger."""

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Picture:
    """A frame as a browser shows it.

    Attributes:
        index: The frame's index.
        seconds: When it is shown, on the input's own clock.
        jpeg: The picture.
    """

    index: int
    seconds: float
    jpeg: bytes

    @classmethod
    def of(cls, frame: Frame, scale: int, *, is_rough: bool = False) -> Picture:
        """A frame's picture, its sides divided by ``scale``."""
        quality = _ROUGH_QUALITY if is_rough else _QUALITY
        return cls(frame.index, float(frame.seconds), _jpeg(frame.image, scale, quality))


class Kept(Generic[K, V]):
    """Values by key up to a number of bytes; what was not asked for longest goes first."""

    def __init__(self, most: int) -> None:
        self._most, self._bytes = most, 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        """The value, which is young again."""
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of so many bytes; the newest is kept however large it is."""
        _, before = self._values.pop(key, (None, 0))
        self._values[key] = value, size
        self._bytes += size - before
        while self._bytes > self._most and len(self._values) > 1:
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone


def rough_scale(width: int, height: int) -> int:
    """The scale of pictures that are shown for a moment, while somebody looks for a place."""
    side = max(width, height)
    return next((each for each in SCALES if side / each <= _ROUGH_SIDE), SCALES[-1])


def _jpeg(image: RgbImage, scale: int, quality: int) -> bytes:
    import cv2

    height, width = image.shape[:2]
    size = (max(1, round(width / scale)), max(1, round(height / scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale > 1 else image
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    _, coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return coded.tobytes()
