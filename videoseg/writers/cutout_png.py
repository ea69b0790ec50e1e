"""The picture cut out, as RGBA PNGs: ``cutouts/all/clip_all.1001.png``."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, ClassVar

import numpy as np
from typing_extensions import Doc

from videoseg.formats.images.png import colour_tag, pixel_aspect, png
from videoseg.geometry.alphas import to_8_bits
from videoseg.types import Colour, Frame
from videoseg.writers._mattes.object_files import Matte, ObjectFiles, Objects
from videoseg.writers._mattes.plate import Plate
from videoseg.writers._mattes.sequence import Strip


@dataclass
class CutoutPng(ObjectFiles):
    """Writes the source's picture with the matte as its alpha, which is straight.

    Where nothing is covered the picture is black. Sources deeper than 8 bits, and HDR, make 16 bits
    of their own samples, HDR as it is coded. Colours are tagged (cICP) as the source's are, where
    it says.
    """

    top: ClassVar[str] = "cutouts"
    suffix: ClassVar[str] = ".png"

    template: Annotated[
        str,
        Doc("names of files; fields {shot} {object} {label} {track} {version} {frame} {stream}"),
    ] = "{object}/{shot}_{object}.{frame:04}.png"
    objects: Objects = "all"
    needs_image: bool = field(init=False, repr=False, default=True)

    def plate(self, strip: Strip, frame: Frame | None) -> Plate | None:
        """The picture, of the same depth on all frames of a stream."""
        return strip.plate(frame)

    def picture(self, strip: Strip, matte: Matte, plate: Plate | None) -> bytes:
        """An RGBA PNG."""
        import cv2

        if plate is None:
            raise ValueError("a cut-out needs the frame's image")
        rgb = plate.rgb()
        alpha = matte if rgb.itemsize == 2 else to_8_bits(matte)
        shown = cv2.copyTo(rgb, (alpha > 0).view(np.uint8))
        rgba = cv2.cvtColor(shown, cv2.COLOR_RGB2RGBA)
        rgba[..., 3] = alpha
        chunks = [*colour_tag(strip.colour), *pixel_aspect(strip.info.sample_aspect_ratio)]
        return png(rgba, before=chunks, filtered=True)

    def nothing(self, strip: Strip) -> bytes:
        """A PNG that is transparent everywhere."""
        info = strip.info
        return _transparent(
            info.width, info.height, bool(strip.deep), strip.colour, info.sample_aspect_ratio
        )


@functools.lru_cache(maxsize=16)
def _transparent(width: int, height: int, deep: bool, colour: Colour, aspect: Fraction) -> bytes:
    pixels = np.zeros((height, width, 4), np.uint16 if deep else np.uint8)
    return png(pixels, before=[*colour_tag(colour), *pixel_aspect(aspect)])


PARTS = {"cutout-png": CutoutPng}
