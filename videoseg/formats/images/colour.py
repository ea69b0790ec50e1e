"""Makes the RGB image of a decoded frame: matrix, range, depth, transparency, HDR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Predicate
from typing_extensions import Doc

from videoseg.formats.images.hdr import HLG, PQ, tone_mapped
from videoseg.types import RgbImage

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_BT601 = 5
"""BT.601 as matrix_coefficients of ITU-T H.273."""
BT709 = 1
"""BT.709 in ITU-T H.273: as primaries, as transfer and as matrix_coefficients."""
_SWSCALE_MATRIX = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""ITU-T H.273 matrix_coefficients -> the constant libswscale knows the same matrix by."""
_RGB = 0
"""The matrix_coefficients of pictures that are RGB already."""
UNSPECIFIED = 2
"""The number, of H.273, of a matrix, primaries or transfer that is not told."""
LIMITED = 1
"""FFmpeg's number of limited range, 16 to 235."""
FULL = 2
"""FFmpeg's number of full range, 0 to 255."""
_BILINEAR = 2
"""Flag of libswscale: chroma is interpolated linearly."""
_FULL_CHROMA = 0x2000
"""Flag of libswscale: chroma is interpolated for every pixel of RGB."""
_ACCURATE = 0x40000
"""Flag of libswscale: levels are rounded to the nearest. All three cost four times the time."""
EXACT = _BILINEAR | _FULL_CHROMA | _ACCURATE
"""All three."""
_FAST = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p"})
"""Formats that libswscale has a short cut for. Its levels come out 0 to 3 too low, so we add 1."""
_ALPHA = re.compile(r"yuva|ayuv|vuya|rgba|bgra|argb|abgr|gbrap|ya\d|pal8")


def is_hex_colour(text: str) -> bool:
    """Whether this is ``#rrggbb``."""
    return re.fullmatch(r"#[0-9a-fA-F]{6}", text) is not None


Background: TypeAlias = Annotated[
    str, Predicate(is_hex_colour), Doc("colour behind transparent pixels, #rrggbb")
]


class Converter:
    """Turns decoded frames into RGB images.

    Args:
        background: What transparent pixels are laid over, ``#rrggbb``; alpha is taken as straight.
    """

    def __init__(self, background: str) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._background = background

    def rgb(self, frame: VideoFrame, width: int, height: int) -> RgbImage:
        """uint8 (height, width, 3) not yet rotated, whatever size this frame was coded in.

        A frame without a matrix tag is read as BT.601 below 720 lines and as BT.709 from there on,
        one without a range in limited range, as players do.
        """
        size = (width, height)
        if has_alpha(frame):
            return over_background(self._converted(frame, size, "rgba"), self._background)
        if int(frame.color_trc) in (PQ, HLG):
            # To 16 bits every way is exact, and the flags of the most exact one break it.
            deep = self._converted(frame, size, "rgb48le", _BILINEAR)
            return tone_mapped(np.asarray(deep, dtype=np.uint16), int(frame.color_trc))
        if takes_short_cut(frame, size):
            image = np.asarray(self._converted(frame, size, "rgb24", _BILINEAR), dtype=np.uint8)
            return _one_level_up(image)
        return np.asarray(self._converted(frame, size, "rgb24"), dtype=np.uint8)

    def deep(self, frame: VideoFrame, width: int, height: int) -> npt.NDArray[np.uint16] | None:
        """uint16 (height, width, 3): as ``rgb`` in all the frame's depth, HDR as it is coded.

        None where the frame is transparent.
        """
        if has_alpha(frame):
            return None
        found = self._converted(frame, (width, height), "rgb48le", _BILINEAR)
        return np.asarray(found, dtype=np.uint16)

    def _converted(
        self,
        frame: VideoFrame,
        size: tuple[int, int],
        name: str,
        flags: int = EXACT,
    ) -> npt.NDArray[Any]:
        colour: dict[str, int] = {}
        if not frame.format.is_rgb:
            colour = {
                "src_colorspace": swscale_matrix(frame),
                "src_color_range": FULL if is_full_range(frame) else LIMITED,
                "dst_color_range": FULL,
            }
        made = self._reformatter.reformat(
            frame, *size, name, interpolation=flags, threads=1, **colour
        )
        return made.to_ndarray()


def takes_short_cut(frame: VideoFrame, size: tuple[int, int]) -> bool:
    """Whether ``Converter.rgb`` makes a picture by libswscale's short cut.

    Args:
        frame: As decoded.
        size: Width and height of the picture.
    """
    is_whole = (frame.width, frame.height) == size and size[1] % 2 == 0
    is_sdr = int(frame.color_trc) not in (PQ, HLG)
    return frame.format.name in _FAST and is_whole and is_sdr


def swscale_matrix(frame: VideoFrame) -> int:
    """Libswscale's number of the matrix by which a frame is read."""
    untold = _BT601 if frame.height < 720 else BT709
    return _SWSCALE_MATRIX.get(int(frame.colorspace), untold)


def _one_level_up(image: RgbImage) -> RgbImage:
    """In place; white stays white."""
    import cv2

    # Seen as one channel, so that the 1 is added to all three; OpenCV's sums saturate.
    flat = image.reshape(len(image), -1)
    one: Any = 1  # OpenCV's stubs know sums of arrays alone
    cv2.add(flat, one, dst=flat)
    return image


def over_background(image: npt.NDArray[Any], background: str) -> RgbImage:
    """Lay RGBA, uint8 (H, W, 4) with straight alpha, over one colour."""
    behind = np.array([int(background[i : i + 2], 16) for i in (1, 3, 5)], np.uint16)
    alpha = image[..., 3:].astype(np.uint16)
    mixed = image[..., :3] * alpha + behind * (255 - alpha) + 127
    return (mixed // 255).astype(np.uint8)


def has_alpha(frame: VideoFrame) -> bool:
    """Whether a frame may be transparent."""
    return _ALPHA.match(frame.format.name) is not None


def unknown_matrix(matrix: int) -> bool:
    """Whether colours of this matrix_coefficients are read by another one."""
    return matrix not in _SWSCALE_MATRIX and matrix not in (_RGB, UNSPECIFIED)


def is_full_range(frame: VideoFrame) -> bool:
    """Whether a frame is read in full range."""
    return int(frame.color_range) == FULL or frame.format.name.startswith(("yuvj", "gray", "ya"))
