"""Pictures cut out: samples of the source with the matte as their alpha."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry.alphas import bounds, united
from videoseg.types import WHOLE, Alpha, Box, Colour, Frame, StreamInfo
from videoseg.writers._matte_films.pictures import Matte, Pictures, Plates, to_bits
from videoseg.writers._matte_films.source_samples import Source, rgb_of, ycbcr_of
from videoseg.writers._mattes.plate import colour_of
from videoseg.writers._video.planes import AnyPlane, planes_of

if TYPE_CHECKING:
    from av import VideoFrame

_RGB = 0
"""matrix_coefficients of RGB."""
_PLANAR_ORDER = "GBRA"
"""Planes of RGB that are not packed, as FFmpeg has them."""


class RgbCutouts(Pictures):
    """Cut-outs in RGB, black where nothing is covered.

    Args:
        info: The stream.
        samples: FFmpeg's name of the pixel format: one with alpha, of 8 or 16 bits.
        premultiplied: Whether colours are multiplied by the alpha.
    """

    def __init__(self, info: StreamInfo, samples: str, *, premultiplied: bool) -> None:
        self._deep = "64" in samples or "16" in samples
        colour = colour_of(info, deep=self._deep)
        tags = Colour(colour.primaries, colour.transfer, _RGB, full_range=True)
        super().__init__(info, samples, tags)
        self._premultiplied = premultiplied
        self._order = _PLANAR_ORDER if samples.startswith("gbr") else samples[:4].upper()

    def plate(self, frame: Frame | None) -> Plates:
        """Red, green and blue."""
        rgb = rgb_of(self.info, frame, deep=self._deep)
        return tuple(rgb[..., channel] for channel in range(3))

    def picture(self, plate: Plates, alphas: Collection[Alpha]) -> VideoFrame:
        """The picture of these objects together."""
        made = self.new()
        x1, y1, x2, y2 = bounds(alphas)
        matte = united(alphas, self.info.width, self.info.height)[y1:y2, x1:x2]
        alpha = to_bits(matte, 16 if self._deep else 8)
        planes = self._planes(made)
        for name, samples in zip("RGB", plate, strict=True):
            given = samples[y1:y2, x1:x2]
            shown = _scaled(given, matte) if self._premultiplied else given * (alpha > 0)
            planes[self._order.index(name)][y1:y2, x1:x2] = shown
        planes[self._order.index("A")][y1:y2, x1:x2] = alpha
        return made

    def clear(self, picture: VideoFrame) -> None:
        """Fill it with transparent black."""
        for plane in planes_of(picture):
            plane[:] = 0

    def _planes(self, picture: VideoFrame) -> list[AnyPlane]:
        planes = planes_of(picture)
        return [planes[0][:, n::4] for n in range(4)] if len(planes) == 1 else list(planes)


class YcbcrCutouts(Pictures):
    """Cut-outs in Y'CbCr, made of the decoder's samples where it gives such.

    Straight ones show the whole of every block in which something is covered: an encoder then sees
    no edge along the object, which would run into its colours. The rest is black.

    Args:
        info: The stream.
        source: What its frames hold.
        samples: FFmpeg's name of the pixel format without alpha, such as ``yuv444p10le``.
        premultiplied: Whether colours are multiplied by the alpha.
        block: Pixels of an encoder's block, each way; 1 where it is lossless.
        keeps_range: Whether full range stays, or becomes limited range.
    """

    def __init__(
        self,
        info: StreamInfo,
        source: Source,
        samples: str,
        *,
        premultiplied: bool,
        block: int,
        keeps_range: bool,
    ) -> None:
        tags = source.tags(info, keeps_range=keeps_range)
        super().__init__(info, samples.replace("yuv", "yuva", 1), tags)
        self._source = source
        self._base = samples
        self._premultiplied = premultiplied
        self._block = block
        digits = samples.partition("p")[2].removesuffix("le")
        self._bits = int(digits or 8)

    def plate(self, frame: Frame | None) -> Plates:
        """Luma and both colour differences."""
        return ycbcr_of(self.info, self._source, frame, self._base, self.tags)

    def picture(self, plate: Plates, alphas: Collection[Alpha]) -> VideoFrame:
        """The picture of these objects together."""
        made = self.new()
        *colours, alpha = planes_of(made)
        x1, y1, x2, y2 = box = self._whole_blocks(bounds(alphas))
        matte = united(alphas, self.info.width, self.info.height)[y1:y2, x1:x2]
        alpha[y1:y2, x1:x2] = to_bits(matte, self._bits)
        for target, given, black in zip(colours, plate, self._black(), strict=True):
            steps = -(-self.info.width // target.shape[1]), -(-self.info.height // target.shape[0])
            window = _window(box, steps)
            target[window] = self._cut(given[window], matte, black, steps)
        return made

    def clear(self, picture: VideoFrame) -> None:
        """Fill it with transparent black."""
        *colours, alpha = planes_of(picture)
        alpha[:] = 0
        for plane, black in zip(colours, self._black(), strict=True):
            plane[:] = black

    def _black(self) -> tuple[int, int, int]:
        scale = 1 << self._bits - 8
        return (0 if self.tags.full_range else 16 * scale, 128 * scale, 128 * scale)

    def _whole_blocks(self, box: Box) -> Box:
        """The box, grown to whole blocks, at least two pixels wide for the sake of colours."""
        side = max(2, self._block)
        x1, y1, x2, y2 = box
        right, below = self.info.width, self.info.height
        grown_x, grown_y = min(right, -(-x2 // side) * side), min(below, -(-y2 // side) * side)
        return (x1 // side * side, y1 // side * side, grown_x, grown_y)

    def _cut(
        self, given: AnyPlane, matte: Matte, black: int, steps: tuple[int, int]
    ) -> npt.NDArray[Any]:
        """A window of a plane, of which each sample covers ``steps`` pixels of the matte."""
        if self._premultiplied:
            return _scaled(given, _mean(matte, steps), black)
        across, down = (max(self._block, step) for step in steps)
        cells = _padded(matte > 0, (across, down)).any(axis=(1, 3))
        shown = np.repeat(np.repeat(cells, down // steps[1], 0), across // steps[0], 1)
        return np.where(shown[: given.shape[0], : given.shape[1]], given, given.dtype.type(black))


def _scaled(given: AnyPlane, matte: Matte, black: int = 0) -> npt.NDArray[Any]:
    """Samples brought towards black by coverage, to the nearest."""
    share = matte.astype(np.float32) / WHOLE
    found: npt.NDArray[Any] = np.rint((given.astype(np.float32) - black) * share) + black
    return found.astype(given.dtype)


def _mean(matte: Matte, steps: tuple[int, int]) -> Matte:
    """The coverage of what each sample of a plane covers."""
    if steps == (1, 1):
        return matte
    return np.asarray(np.rint(_padded(matte, steps).mean(axis=(1, 3))), np.uint16)


def _padded(values: npt.NDArray[Any], steps: tuple[int, int]) -> npt.NDArray[Any]:
    """(H, W) in cells: (rows, down, columns, across); the last ones repeat the edge."""
    across, down = steps
    height, width = values.shape
    if height % down or width % across:
        values = np.pad(values, ((0, -height % down), (0, -width % across)), mode="edge")
    height, width = values.shape
    return values.reshape(height // down, down, width // across, across)


def _window(box: Box, steps: tuple[int, int]) -> tuple[slice, slice]:
    """What of a plane shows a box."""
    (x1, y1, x2, y2), (across, down) = box, steps
    return (slice(y1 // down, -(-y2 // down)), slice(x1 // across, -(-x2 // across)))
