"""How an object looks: its colours and texture, or a model's own embedding, to tell it by.

Colours are compared by the Bhattacharyya coefficient of their histograms (Comaniciu et al.,
"Kernel-Based Object Tracking", PAMI 2003), which takes no notice of the object's shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.masks import crop_of
from videoseg.kernels.library import address
from videoseg.kernels.masks import Binned, mask_kernel
from videoseg.types import Instance, Mask, RgbImage

Histogram: TypeAlias = npt.NDArray[np.float32]
"""float32 (bins,): colours, then texture."""

UNKNOWN = 0.75
"""Likeness of what cannot be told: neither known nor strange."""
_FEW = 15
"""Pixels from which about half of an appearance is chance."""
_LIGHT = 6
"""Bins of lightness."""
_TINT = 8
"""Bins of each of the two axes of colour."""
_ROUGH = 6
"""Bins of slope."""
_TINT_WIDTH = 10
"""Width of a bin along an axis of colour, steps of 8-bit Lab around grey."""
_TEXTURE_WEIGHT = 0.25
"""Weight of texture; colour has the rest."""
_COLOURS = _LIGHT * _TINT * _TINT
"""Bins of colour in all."""


@dataclass(frozen=True, slots=True, eq=False)
class BinnedImage:
    """A small frame with the bin of each of its pixels.

    Attributes:
        colours: uint16 (h, w), bin of colour.
        texture: uint16 (h, w), bin of slope.
    """

    colours: npt.NDArray[np.uint16]
    texture: npt.NDArray[np.uint16]

    @classmethod
    def of(cls, small: RgbImage) -> BinnedImage:
        """The bins of a picture."""
        import cv2

        lab = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2LAB), dtype=np.uint8)
        light, green_red, blue_yellow = cv2.split(lab)
        bins = cv2.LUT(light, _table(256 // _LIGHT + 1, 0, _LIGHT)) * np.uint16(_TINT * _TINT)
        tint = _table(_TINT_WIDTH, 128 - _TINT_WIDTH * _TINT // 2, _TINT)
        bins += cv2.LUT(green_red, tint) * np.uint16(_TINT)
        bins += cv2.LUT(blue_yellow, tint)
        slope = cv2.morphologyEx(light, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        steps = np.minimum(np.log2(np.arange(256) + 1), _ROUGH - 1).astype(np.uint16)
        return cls(np.asarray(bins, np.uint16), np.asarray(cv2.LUT(slope, steps), np.uint16))


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """What one object looks like.

    Attributes:
        roots: float32, square roots of its shares of each bin; of length 1 together.
        pixels: Small pixels that it was taken from.
        embedding: float32 (D,) of length 1, by a model, or None.
    """

    roots: Histogram
    pixels: int
    embedding: npt.NDArray[np.float32] | None = None

    @classmethod
    def of(cls, instance: Instance, binned: BinnedImage) -> Appearance:
        """The appearance of a detection on its frame."""
        embedding = instance.embedding
        if embedding is not None:
            embedding = np.asarray(embedding / (np.linalg.norm(embedding) or 1), np.float32)
        return cls(*_roots(instance.mask, binned), embedding)

    def similarity(self, other: Appearance) -> float:
        """How alike two are, in [0, 1]; ``UNKNOWN`` where there is too little to see."""
        if self.embedding is not None and other.embedding is not None:
            return max(0.0, float(self.embedding @ other.embedding))
        blind = _FEW / (_FEW + min(self.pixels, other.pixels))
        return blind * UNKNOWN + (1 - blind) * float(self.roots @ other.roots)

    def blended(self, newer: Appearance, share: float) -> Appearance:
        """This appearance with ``share`` of a newer one."""
        shares = (1 - share) * np.square(self.roots) + share * np.square(newer.roots)
        embedding = newer.embedding
        if self.embedding is not None and embedding is not None:
            mixed = (1 - share) * self.embedding + share * embedding
            embedding = np.asarray(mixed / (np.linalg.norm(mixed) or 1), np.float32)
        return Appearance(np.sqrt(shares), max(self.pixels, newer.pixels), embedding)


def _table(width: int, start: int, count: int) -> npt.NDArray[np.uint16]:
    """For each 8-bit value its bin, the outer ones open."""
    return np.clip((np.arange(256) - start) // width, 0, count - 1).astype(np.uint16)


def _roots(mask: Mask, binned: BinnedImage) -> tuple[Histogram, int]:
    """Square roots of the shares of each bin inside a mask, and how many pixels that are."""
    height, width = binned.colours.shape
    kernel = mask_kernel()
    if kernel is not None:
        planes = (address(binned.colours), address(binned.texture))
        numbers = (height, width, _COLOURS, _ROUGH, _TEXTURE_WEIGHT)
        return kernel.roots(crop_of(mask), Binned(*planes, *numbers))
    rows, inside_y = _samples(mask.y, mask.bitmap.shape[0], height, mask.frame_height)
    columns, inside_x = _samples(mask.x, mask.bitmap.shape[1], width, mask.frame_width)
    inside = mask.bitmap[inside_y][:, inside_x]
    if not inside.any():
        inside = np.ones_like(inside)
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colours = np.bincount(binned.colours[window][inside], minlength=_COLOURS)
    texture = np.bincount(binned.texture[window][inside], minlength=_ROUGH)
    total = colours.sum()
    shares = np.concatenate(
        [colours * ((1 - _TEXTURE_WEIGHT) / total), texture * (_TEXTURE_WEIGHT / total)]
    )
    return np.sqrt(shares).astype(np.float32), int(total)


def _samples(start: int, length: int, small: int, whole: int) -> tuple[Any, Any]:
    """Small pixels whose centre lies in a stretch of the frame, and where in it: at least one."""
    scale = whole / small
    first = int(np.ceil(start / scale - 0.5))
    last = int(np.ceil((start + length) / scale - 0.5))
    if last <= first:
        first = min(small - 1, int((start + length / 2) / scale))
        last = first + 1
    picked = np.arange(max(0, first), min(small, last))
    places = np.clip(((picked + 0.5) * scale - start).astype(np.intp), 0, length - 1)
    return picked, places
