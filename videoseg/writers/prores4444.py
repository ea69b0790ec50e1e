"""Films in ProRes 4444, which editing programs take: ``prores4444/clip_all.mov``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import Doc

from videoseg.types import Frame, StreamInfo
from videoseg.writers._matte_films.cutouts import YcbcrCutouts
from videoseg.writers._matte_films.pictures import Mattes, Pictures
from videoseg.writers._matte_films.source_samples import Source, given
from videoseg.writers._matte_films.writer import FILM_NAMES, MatteFilms

_BITS = 10
"""Bits of a sample."""
_BLOCK = 16
"""Pixels of a macroblock, each way."""


@dataclass
class Prores4444(MatteFilms):
    """Writes QuickTime films in ProRes 4444: 10 bits, alpha too, in a channel that holds 16.

    The decoder's samples are taken as they are, HDR too, in their own matrix, with the source's
    tags; full range becomes limited range, since ProRes cannot say it. Straight cut-outs show all
    of every block of 16 x 16 pixels that has something of an object in it.
    """

    top: ClassVar[str] = "prores4444"
    suffix: ClassVar[str] = ".mov"
    title: ClassVar[str] = "QuickTime"
    container: ClassVar[str] = "mov"
    encoder: ClassVar[str] = "prores_ks"

    template: Annotated[str, Doc(FILM_NAMES)] = "{shot}_{object}.mov"

    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """Cut-outs in Y'CbCr, or mattes as luma."""
        if self.content == "matte":
            return Mattes(info, "yuv444p10le")
        return YcbcrCutouts(
            info,
            Source.of(info, given(frame), bits=_BITS),
            "yuv444p10le",
            premultiplied=self.alpha == "premultiplied",
            block=_BLOCK,
            keeps_range=False,
        )

    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder; films say that they are by Apple, as some programs want it."""
        del info
        bits = "16" if self.content == "cutout" else "0"
        return {"profile": "4", "alpha_bits": bits, "vendor": "apl0"}


PARTS = {"prores4444": Prores4444}
