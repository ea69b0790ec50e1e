"""Films in FFV1, which loses nothing and is kept in archives: ``ffv1/clip_all.mkv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from videoseg.types import Frame, StreamInfo
from videoseg.writers._matte_films.cutouts import RgbCutouts, YcbcrCutouts
from videoseg.writers._matte_films.pictures import Mattes, Pictures
from videoseg.writers._matte_films.source_samples import Source, given
from videoseg.writers._matte_films.writer import FILM_NAMES, MatteFilms
from videoseg.writers._video.sound import SoundRules

_BITS = 16
"""Most bits of a sample."""
_SMALL = 8
"""Pixels on a side."""


@dataclass
class Ffv1(MatteFilms):
    """Writes Matroska films in FFV1, version 3, every frame by itself.

    Cut-outs have the very samples that the decoder of the source gave, 8 to 16 bits in its own
    sampling, with an alpha of as many bits; of other sources BGRA. Mattes are grey. Times are
    rounded to milliseconds.
    """

    top: ClassVar[str] = "ffv1"
    suffix: ClassVar[str] = ".mkv"
    title: ClassVar[str] = "Matroska"
    container: ClassVar[str] = "matroska"
    encoder: ClassVar[str] = "ffv1"

    template: Annotated[str, Doc(FILM_NAMES)] = "{shot}_{object}.mkv"
    bits: Annotated[Literal[8, 16], Doc("bits of a pixel of a matte")] = 8

    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """Cut-outs in the source's samples, or grey mattes."""
        if self.content == "matte":
            return Mattes(info, "gray" if self.bits == 8 else "gray16le")
        source = Source.of(info, given(frame), bits=_BITS)
        premultiplied = self.alpha == "premultiplied"
        if source.coded is None:
            samples = "gbrap16le" if source.deep else "bgra"
            return RgbCutouts(info, samples, premultiplied=premultiplied)
        return YcbcrCutouts(
            info, source, source.coded, premultiplied=premultiplied, block=1, keeps_range=True
        )

    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder; its usual slices may not fit into the smallest pictures."""
        slices = {"slices": "1"} if min(info.width, info.height) < _SMALL else {}
        return {"level": "3", "slicecrc": "1", "g": "1", **slices}

    def sound_rules(self) -> SoundRules:
        """Matroska takes all sound as it is."""
        return SoundRules("the cut-out", self.container, self.title, to_aac=False)


PARTS = {"ffv1": Ffv1}
