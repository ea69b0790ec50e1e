"""Films in QuickTime Animation, which loses nothing of 8 bits: ``qtrle/clip_all.mov``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from typing_extensions import Doc

from videoseg.types import Frame, StreamInfo
from videoseg.writers._matte_films.cutouts import RgbCutouts
from videoseg.writers._matte_films.pictures import Mattes, Pictures
from videoseg.writers._matte_films.writer import FILM_NAMES, MatteFilms


@dataclass
class Qtrle(MatteFilms):
    """Writes QuickTime films in Animation (RLE): the RGB image as models see it, and alpha.

    HDR is tone-mapped, and deeper sources have 8 bits; other formats keep them.
    """

    top: ClassVar[str] = "qtrle"
    suffix: ClassVar[str] = ".mov"
    title: ClassVar[str] = "QuickTime"
    container: ClassVar[str] = "mov"
    encoder: ClassVar[str] = "qtrle"

    template: Annotated[str, Doc(FILM_NAMES)] = "{shot}_{object}.mov"

    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """Cut-outs in RGB, or mattes, whose red, green and blue are alike."""
        del frame
        if self.content == "matte":
            return Mattes(info, "rgb24")
        return RgbCutouts(info, "argb", premultiplied=self.alpha == "premultiplied")

    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder."""
        del info
        return {}


PARTS = {"qtrle": Qtrle}
