"""An MP4 that every browser plays: H.264, yuv420p, index in front, times and tags of the source."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from videoseg.drawing.planes import Plane
from videoseg.formats.images.colour import UNSPECIFIED
from videoseg.types import Frame, StreamInfo
from videoseg.writers._video.colours import (
    SWSCALE_MATRIX,
    assumed_matrix,
    is_hdr,
    output_colour,
)
from videoseg.writers._video.film import Coding, Film, Moment
from videoseg.writers._video.planes import planes_of
from videoseg.writers._video.sound import SoundRules

if TYPE_CHECKING:
    from av import VideoFrame

LARGEST = 16384
"""Pixels on a side that x264 takes."""
_SOUND = SoundRules("the overlay", "mp4", "MP4", copied=("aac", "mp3", "opus", "flac"))
"""Copied is what every browser plays in MP4."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture to draw on.

    Attributes:
        encoded: What will be encoded.
        planes: Views of its planes: uint8 (H, W) and twice (H / 2, W / 2), H and W even.
        frame: What it is a picture of.
    """

    encoded: VideoFrame
    planes: tuple[Plane, ...]
    frame: Frame


class Mp4(Film):
    """Writes one stream of pictures and the sound of its source.

    A width or height that is odd, or less than 4, grows by copies of the last column or row.

    Args:
        path: The file; made at once, so that a folder that cannot be written is found now.
        info: The stream.
        crf: Quality of x264, 1 (best) to 51.
        preset: Speed of x264.

    Raises:
        OutputError: The file cannot be written.
    """

    def __init__(self, path: Path, info: StreamInfo, *, crf: int, preset: str) -> None:
        self._colour = output_colour(info)
        # With its macroblock tree, x264 gives other bytes from run to run, even in one thread; at
        # a crf higher by 2 it does as well without.
        options = {"crf": str(crf), "preset": preset, "x264-params": "mbtree=0"}
        coding = Coding(
            "mp4",
            "MP4",
            "libx264",
            "yuv420p",
            options,
            muxing={"movflags": "faststart"},
            tags=self._colour,
        )
        width, height = (max(4, size + size % 2) for size in (info.width, info.height))
        super().__init__(path, info, (width, height), coding, _SOUND)

    def picture_of(self, frame: Frame) -> Picture:
        """A copy of a frame's picture, to be drawn on and written.

        The decoder's own samples are taken where they are what will be encoded, else the RGB image
        is converted.
        """
        import av

        source = frame.native if self._passes(frame.native) else self._converted(frame)
        picture = av.VideoFrame(self._width, self._height, "yuv420p")
        planes = planes_of(picture)
        for target, given in zip(planes, planes_of(source), strict=True):
            height, width = given.shape
            target[:height, :width] = given
            target[:height, width:] = given[:, -1:]
            target[height:] = target[height - 1]
        return Picture(picture, planes, frame)

    def write(self, picture: Picture) -> None:
        """Encode a picture at its frame's time.

        Raises:
            OutputError: The file cannot be written.
        """
        self.show(picture.encoded, Moment.of(picture.frame))

    def _passes(self, native: Any) -> bool:
        """Whether the decoder's frame holds, sample by sample, what will be encoded."""
        import av

        if self._info.rotation or is_hdr(self._info) or not isinstance(native, av.VideoFrame):
            return False
        full_range = native.color_range == 2 or native.format.name == "yuvj420p"
        return (
            native.format.name in ("yuv420p", "yuvj420p")
            and (native.width, native.height) == (self._info.width, self._info.height)
            and full_range == bool(self._colour.full_range)
            and native.colorspace == (self._colour.matrix or UNSPECIFIED)
        )

    def _converted(self, frame: Frame) -> VideoFrame:
        import av

        matrix = assumed_matrix(self._info)
        image = np.ascontiguousarray(frame.image)
        return av.VideoFrame.from_numpy_buffer(image, "rgb24").reformat(
            format="yuv420p",
            interpolation="AREA",
            dst_colorspace=SWSCALE_MATRIX.get(matrix, matrix),
            src_color_range=2,
            dst_color_range=2 if self._colour.full_range else 1,
            threads=1,
        )
