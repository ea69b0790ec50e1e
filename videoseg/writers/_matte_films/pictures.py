"""The pictures that films of mattes consist of: mattes by themselves, in grey."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.alphas import to_8_bits, united
from videoseg.types import WHOLE, Alpha, Colour, Frame, StreamInfo
from videoseg.writers._video.planes import AnyPlane, planes_of

if TYPE_CHECKING:
    from av import VideoFrame

Plates: TypeAlias = tuple[AnyPlane, ...]
"""The planes of a frame's picture, upright."""
Matte: TypeAlias = npt.NDArray[np.uint16]
"""uint16 (H, W): coverage."""


class Pictures(ABC):
    """Makes the pictures of one stream for an encoder.

    Args:
        info: The stream.
        samples: FFmpeg's name of the pixel format.
        tags: Colour tags of the pictures.
    """

    def __init__(self, info: StreamInfo, samples: str, tags: Colour) -> None:
        self.info = info
        self.samples = samples
        self.tags = tags
        self._empty: VideoFrame | None = None

    def plate(self, frame: Frame | None) -> Plates:
        """What all pictures of one frame share."""
        del frame
        return ()

    @abstractmethod
    def picture(self, plate: Plates, alphas: Collection[Alpha]) -> VideoFrame:
        """The picture of these objects together."""

    @abstractmethod
    def clear(self, picture: VideoFrame) -> None:
        """Fill a new picture with what is seen where no object is."""

    def empty(self) -> VideoFrame:
        """The picture without an object, the same each time."""
        if self._empty is None:
            self._empty = self.new()
        return self._empty

    def new(self) -> VideoFrame:
        """A picture without an object, to be drawn on."""
        import av

        made = av.VideoFrame(self.info.width, self.info.height, self.samples)
        self.clear(made)
        return made


class Mattes(Pictures):
    """Mattes in grey: linear, white is whole coverage. They are data, so they have no tags."""

    def __init__(self, info: StreamInfo, samples: str) -> None:
        limited = samples.startswith("yuv")
        super().__init__(info, samples, Colour(full_range=False if limited else None))
        self._limited = limited

    def picture(self, plate: Plates, alphas: Collection[Alpha]) -> VideoFrame:
        """The matte; in Y'CbCr it is the luma, in limited range as players take it."""
        del plate
        made = self.new()
        target = planes_of(made)[0]
        matte = united(alphas, self.info.width, self.info.height)
        if self._limited:
            scale = self._scale(made)
            target[:] = (matte.astype(np.uint32) * (219 * scale) + WHOLE // 2) // WHOLE + 16 * scale
            return made
        values = to_bits(matte, 8 * target.itemsize)
        channels = target.shape[1] // self.info.width
        target[:] = values if channels == 1 else np.repeat(values, channels, axis=1)
        return made

    def clear(self, picture: VideoFrame) -> None:
        """Fill it with black."""
        luma, *chroma = planes_of(picture)
        luma[:] = 16 * self._scale(picture) if self._limited else 0
        for plane in chroma:
            plane[:] = 128 * self._scale(picture)

    def _scale(self, picture: VideoFrame) -> int:
        return 1 << picture.format.components[0].bits - 8


def to_bits(coverage: Matte, bits: int) -> npt.NDArray[Any]:
    """Coverage (H, W) with as many bits, 8 to 16, to the nearest."""
    if bits == 8:
        return to_8_bits(coverage)
    if bits == 16:
        return coverage
    most = (1 << bits) - 1
    return ((coverage.astype(np.uint32) * most + WHOLE // 2) // WHOLE).astype(np.uint16)
