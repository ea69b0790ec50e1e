"""Films of PNGs in QuickTime, which lose nothing: ``png-mov/clip_all.mov``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from videoseg.types import Frame, StreamInfo
from videoseg.writers._matte_films.cutouts import RgbCutouts
from videoseg.writers._matte_films.pictures import Mattes, Pictures
from videoseg.writers._matte_films.source_samples import given
from videoseg.writers._matte_films.writer import FILM_NAMES, MatteFilms
from videoseg.writers._mattes.plate import is_deep


@dataclass
class PngMov(MatteFilms):
    """Writes QuickTime films of PNGs: RGBA, with 16 bits of sources deeper than 8 and of HDR."""

    top: ClassVar[str] = "png-mov"
    suffix: ClassVar[str] = ".mov"
    title: ClassVar[str] = "QuickTime"
    container: ClassVar[str] = "mov"
    encoder: ClassVar[str] = "png"

    template: Annotated[str, Doc(FILM_NAMES)] = "{shot}_{object}.mov"
    bits: Annotated[Literal[8, 16], Doc("bits of a pixel of a matte")] = 8

    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """Cut-outs in RGB, or grey mattes."""
        if self.content == "matte":
            return Mattes(info, "gray" if self.bits == 8 else "gray16be")
        samples = "rgba64be" if is_deep(info, given(frame)) else "rgba"
        return RgbCutouts(info, samples, premultiplied=self.alpha == "premultiplied")

    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder: each row as its difference from the one above."""
        del info
        return {"pred": "up", "compression_level": "3"}


PARTS = {"png-mov": PngMov}
