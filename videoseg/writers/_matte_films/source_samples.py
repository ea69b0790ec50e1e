"""The samples of a source for plates: the decoder's own where they are Y'CbCr, else of RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from videoseg.drawing.planes import LUMA_WEIGHTS
from videoseg.formats.images.colour import EXACT, FULL, LIMITED, has_alpha, is_full_range
from videoseg.formats.images.orientation import Orientation
from videoseg.types import Colour, Frame, StreamInfo
from videoseg.writers._mattes.plate import Plate, is_deep
from videoseg.writers._video.colours import SWSCALE_MATRIX, assumed_matrix, is_hdr, output_colour
from videoseg.writers._video.planes import AnyPlane, planes_of

if TYPE_CHECKING:
    from av import VideoFrame

_BT2020 = 9
"""BT.2020 as colour_primaries and as matrix_coefficients."""
_SAMPLINGS = {(1, 1): "444", (2, 1): "422", (2, 2): "420"}
"""Pixels that a sample of colour covers, each way -> what that is called."""
_DEPTHS = {
    "444": (8, 9, 10, 12, 16),
    "422": (8, 9, 10, 12, 16),
    "420": (8, 9, 10, 16),
}
"""Bits of Y'CbCr with alpha that FFmpeg has a format for."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the frames of a stream hold, as seen in the first one.

    Attributes:
        coded: FFmpeg's name of the format nearest to the decoder's Y'CbCr samples of which there is
            one with alpha, such as ``yuv422p10le``; None where samples are made of RGB.
        full: Whether those samples are in full range.
        deep: Whether RGB has 16 bits.
    """

    coded: str | None
    full: bool
    deep: bool

    @classmethod
    def of(cls, info: StreamInfo, frame: Frame, *, bits: int) -> Source:
        """Look at a frame.

        Args:
            info: Its stream.
            frame: The frame.
            bits: What a sample of the film has; HDR is tone-mapped for 8.
        """
        deep = bits > 8 and is_deep(info, frame)
        native = _ycbcr(info, frame, bits)
        if native is None:
            return cls(None, False, deep)
        return cls(_format_of(native, info.rotation), is_full_range(native), deep)

    def tags(self, info: StreamInfo, *, keeps_range: bool) -> Colour:
        """Colour tags of a film of these samples.

        Args:
            info: The stream.
            keeps_range: Whether full range stays.
        """
        colour = info.colour
        if self.coded is not None:
            unknown = colour.full_range is None and not self.full
            full = None if unknown else self.full and keeps_range
            return Colour(colour.primaries, colour.transfer, colour.matrix, full)
        if is_hdr(info) and not self.deep:
            return output_colour(info)
        matrix = colour.matrix
        if matrix not in LUMA_WEIGHTS:
            matrix = _BT2020 if colour.primaries == _BT2020 else assumed_matrix(info)
        return Colour(colour.primaries, colour.transfer, matrix, full_range=False)


def given(frame: Frame | None) -> Frame:
    """The frame; a cut-out is always given one."""
    if frame is None:
        raise ValueError("a cut-out needs the frame's image")
    return frame


def rgb_of(info: StreamInfo, frame: Frame | None, *, deep: bool) -> npt.NDArray[Any]:
    """uint8 or uint16 (H, W, 3), upright."""
    return Plate(info, given(frame), deep=deep).rgb()


def ycbcr_of(
    info: StreamInfo, source: Source, frame: Frame | None, samples: str, tags: Colour
) -> tuple[AnyPlane, ...]:
    """The planes of a frame, upright.

    Args:
        info: Its stream.
        source: What its frames hold.
        frame: The frame.
        samples: The pixel format of the planes.
        tags: Their matrix and range.
    """
    native = None if source.coded is None else given(frame).native
    if native is None:
        return planes_of(_from_rgb(rgb_of(info, frame, deep=source.deep), samples, tags, info))
    orientation = Orientation(info.rotation)
    size = (info.height, info.width) if orientation.sideways else (info.width, info.height)
    full = is_full_range(native)
    same = native.format.name == samples and (native.width, native.height) == size
    if not same or full != bool(tags.full_range):
        native = native.reformat(
            *size,
            samples,
            interpolation=EXACT,
            src_color_range=FULL if full else LIMITED,
            dst_color_range=FULL if tags.full_range else LIMITED,
            threads=1,
        )
    return tuple(orientation.applied(plane) for plane in planes_of(native))


def _from_rgb(rgb: npt.NDArray[Any], samples: str, tags: Colour, info: StreamInfo) -> VideoFrame:
    import av

    matrix = assumed_matrix(info) if tags.matrix is None else tags.matrix
    form = "rgb24" if rgb.dtype == np.uint8 else "rgb48le"
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), form).reformat(
        format=samples,
        interpolation=EXACT,
        dst_colorspace=SWSCALE_MATRIX.get(matrix, matrix),
        src_color_range=FULL,
        dst_color_range=FULL if tags.full_range else LIMITED,
        threads=1,
    )


def _ycbcr(info: StreamInfo, frame: Frame, bits: int) -> VideoFrame | None:
    """The decoder's frame where its samples may be written as they are."""
    import av

    native = frame.native
    if not isinstance(native, av.VideoFrame) or (bits == 8 and is_hdr(info)):
        return None
    form = native.format
    other = form.is_rgb or form.name.startswith("xyz") or len(form.components) < 3
    return None if other or has_alpha(native) else native


def _format_of(native: VideoFrame, rotation: int) -> str:
    form = native.format
    steps = (round(64 / form.chroma_width(64)), round(64 / form.chroma_height(64)))
    sampling = _SAMPLINGS.get(steps, "444")
    if sampling == "422" and rotation in (90, 270):
        sampling = "444"
    bits = max(component.bits for component in form.components)
    depth = next(each for each in _DEPTHS[sampling] if each >= bits)
    return f"yuv{sampling}p" + ("" if depth == 8 else f"{depth}le")
