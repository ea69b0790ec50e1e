"""Mattes as grey PNGs, white on black: ``mattes/dog_001/clip_dog_001.1001.png``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.formats.images.png import pixel_aspect, png
from videoseg.geometry.alphas import to_8_bits
from videoseg.writers._mattes.object_files import Matte, ObjectFiles
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import Strip


@dataclass
class MattePng(ObjectFiles):
    """Writes how much of each pixel an object covers: linear, white on black, without colour tags.

    Each object that appears has a file for every number from the first to the last of the run,
    black where it is not there; one that never appears has none. A matte is data, so a PNG says
    nothing of gamma or of colour; it says the shape of its pixels where they are not square.
    """

    top: ClassVar[str] = "mattes"
    suffix: ClassVar[str] = ".png"

    template: Annotated[
        str,
        Doc("names of files; fields {shot} {object} {label} {track} {version} {frame} {stream}"),
    ] = "{object}/{shot}_{object}.{frame:04}.png"
    bits: Annotated[Literal[8, 16], Doc("bits of a pixel")] = 8

    def picture(self, strip: Strip, matte: Matte, plate: Plate | None) -> bytes:
        """A grey PNG."""
        del plate
        values: npt.NDArray[Any] = matte if self.bits == 16 else to_8_bits(matte)
        return png(values, before=pixel_aspect(strip.info.sample_aspect_ratio))

    def nothing(self, strip: Strip) -> bytes:
        """A black PNG."""
        info = strip.info
        return _black(info.width, info.height, self.bits, info.sample_aspect_ratio)


@functools.lru_cache(maxsize=16)
def _black(width: int, height: int, bits: int, aspect: Fraction) -> bytes:
    pixels = np.zeros((height, width), np.uint8 if bits == 8 else np.uint16)
    return png(pixels, before=pixel_aspect(aspect))


PARTS = {"matte-png": MattePng}
