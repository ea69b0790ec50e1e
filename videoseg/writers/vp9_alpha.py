"""Films in VP9 with alpha, which browsers lay over a page: ``vp9-alpha/clip_all.webm``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le
from typing_extensions import Doc

from videoseg.types import Frame, StreamInfo
from videoseg.writers._matte_films.cutouts import YcbcrCutouts
from videoseg.writers._matte_films.pictures import Mattes, Pictures
from videoseg.writers._matte_films.source_samples import Source, given
from videoseg.writers._matte_films.writer import FILM_NAMES, MatteFilms
from videoseg.writers._video.sound import SoundRules

_BITS = 8
"""Bits of a sample."""
_BLOCK = 64
"""Pixels of the largest block, each way."""


@dataclass
class Vp9Alpha(MatteFilms):
    """Writes WebM films in VP9: 8 bits, a colour for every second pixel each way.

    HDR is tone-mapped. Straight cut-outs show all of every block of 64 x 64 pixels that has
    something of an object in it. Sound is copied if it is Opus or Vorbis, which is all that WebM
    has. Times are rounded to milliseconds.
    """

    top: ClassVar[str] = "vp9-alpha"
    suffix: ClassVar[str] = ".webm"
    title: ClassVar[str] = "WebM"
    container: ClassVar[str] = "webm"
    encoder: ClassVar[str] = "libvpx-vp9"

    template: Annotated[str, Doc(FILM_NAMES)] = "{shot}_{object}.webm"
    crf: Annotated[int, Doc("quality of libvpx, 0 (best) to 63 (worst)"), Ge(0), Le(63)] = 12

    def pictures(self, info: StreamInfo, frame: Frame | None) -> Pictures:
        """Cut-outs in Y'CbCr, or mattes as luma."""
        if self.content == "matte":
            return Mattes(info, "yuv420p")
        return YcbcrCutouts(
            info,
            Source.of(info, given(frame), bits=_BITS),
            "yuv420p",
            premultiplied=self.alpha == "premultiplied",
            block=_BLOCK,
            keeps_range=True,
        )

    def options(self, info: StreamInfo) -> Mapping[str, str]:
        """Of the encoder; frames that are not shown would have no alpha."""
        del info
        return {
            "crf": str(self.crf),
            "b": "0",
            "auto-alt-ref": "0",
            "lag-in-frames": "0",
            "deadline": "good",
            "cpu-used": "4",
            "row-mt": "1",
        }

    def stream_metadata(self) -> Mapping[str, str]:
        """Says that there is an alpha channel."""
        return {"alpha_mode": "1"} if self.content == "cutout" else {}

    def sound_rules(self) -> SoundRules:
        """What cannot be copied is left out."""
        return SoundRules("the cut-out", self.container, self.title, to_aac=False)


PARTS = {"vp9-alpha": Vp9Alpha}
