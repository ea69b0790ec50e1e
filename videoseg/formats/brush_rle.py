"""Masks as Label Studio's brush keeps them (``label_studio_sdk.converter.brush``).

The picture is RGBA, row by row, 0 or 255 in all four. Bits say: 32 for the number of bytes, 5 for
the bits of a value less 1, four times 4 for the bits of a length less 1. Then come runs: 1 for "the
same value", 2 for which of the lengths, the length less 1, the value.
"""

from __future__ import annotations

import numpy as np

from videoseg.geometry import masks
from videoseg.types import Mask

_CHANNELS = 4
_LENGTHS = (3, 4, 8, 16)
"""Bits of a length."""


def brush_rle(mask: Mask) -> list[int]:
    """The bytes of a mask of a whole frame."""
    size = mask.frame_width * mask.frame_height * _CHANNELS
    bits = [f"{size:032b}", f"{8 - 1:05b}", *(f"{length - 1:04b}" for length in _LENGTHS)]
    value = 0
    for run in _rows(mask):
        left = run * _CHANNELS
        while left:
            part = min(left, 1 << _LENGTHS[-1])
            which = next(n for n, length in enumerate(_LENGTHS) if part <= 1 << length)
            bits.append(f"1{which:02b}{part - 1:0{_LENGTHS[which]}b}{value:08b}")
            left -= part
        value = 255 - value
    text = np.frombuffer("".join(bits).encode("ascii"), np.uint8) - ord("0")
    found: list[int] = np.packbits(text).tolist()
    return found


def _rows(mask: Mask) -> list[int]:
    """Run lengths of the whole frame row by row, zeros first: those of its columns, turned."""
    turned = Mask(mask.y, mask.x, mask.frame_height, mask.frame_width, mask.bitmap.T)
    found: list[int] = masks.run_lengths(turned).tolist()
    return found
