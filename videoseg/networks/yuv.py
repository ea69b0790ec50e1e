"""Pictures as films code them made RGB on the device: half the bytes are brought there.

The sums are those of libswscale's short cut (``yuv2rgb``), in whole numbers, so that the picture is
the one that the CPU makes: products are cut off to whole levels one by one, which leaves levels 0
to 3 too low, and 1 is added (``formats/images/colour.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_FACTORS = {
    1: (117489, 138438, -13975, -34925),
    4: (104448, 132798, -24759, -53109),
    5: (104597, 132201, -25675, -53279),
    7: (117579, 136230, -16907, -35559),
    9: (110013, 140363, -12277, -42626),
}
"""By libswscale's number of a matrix: 65536 times the factors, for limited range, with which V goes
into red, U into blue, U into green and V into green."""
_AT_ONCE = 4
"""Frames whose sums are made at once; they take eight times the memory of the frames."""


@dataclass(frozen=True, slots=True)
class Coding:
    """How pictures in 4:2:0 with 8 bits are coded.

    Attributes:
        width: Pixels across, even.
        height: Pixels down, even.
        matrix: libswscale's number of the matrix.
        full_range: Whether levels go from 0 to 255.
    """

    width: int
    height: int
    matrix: int
    full_range: bool

    @property
    def size(self) -> int:
        """Bytes of a picture: luma, then the two planes of chroma, row by row."""
        return self.width * self.height * 3 // 2

    @property
    def parts(self) -> tuple[slice, slice, slice]:
        """Where each plane lies in a picture's bytes."""
        luma = self.width * self.height
        return slice(luma), slice(luma, luma * 5 // 4), slice(luma * 5 // 4, self.size)

    @property
    def known(self) -> bool:
        """Whether the matrix is one of those that can be computed here."""
        return self.matrix in _FACTORS


def rgb(coded: torch.Tensor, coding: Coding) -> torch.Tensor:
    """RGB, uint8 (F, H, W, 3), of pictures (F, ``coding.size``)."""
    import torch

    made = [_rgb(some, coding) for some in coded.split(_AT_ONCE)]
    return made[0] if len(made) == 1 else torch.cat(made)


def _rgb(coded: torch.Tensor, coding: Coding) -> torch.Tensor:
    import torch

    height, width = coding.height, coding.width
    luma, *chroma = (coded[:, part].to(torch.int32) for part in coding.parts)
    u, v = (
        (some * 8 - 1024)
        .view(-1, height // 2, width // 2)
        .repeat_interleave(2, 1)
        .repeat_interleave(2, 2)
        for some in chroma
    )
    steps, black, to_red, to_blue, u_to_green, v_to_green = _constants(coding)
    base = ((luma.view(-1, height, width) * 8 - black) * steps) >> 16
    red = base + ((v * to_red) >> 16)
    green = base + ((u * u_to_green) >> 16) + ((v * v_to_green) >> 16)
    blue = base + ((u * to_blue) >> 16)
    levels = torch.stack([red, green, blue], -1).clamp_(0, 255)
    return (levels + 1).clamp_(max=255).to(torch.uint8)


def _constants(coding: Coding) -> tuple[int, ...]:
    """Luma's factor and its black, then the factors of chroma, as libswscale rounds them."""
    factors = [1 << 16, *_FACTORS[coding.matrix]]
    if coding.full_range:
        black = 0
        factors[1:] = [int(factor * 224 / 255) for factor in factors[1:]]
    else:
        black = 16 * 8
        factors[0] = factors[0] * 255 // 219
    luma, to_red, to_blue, u_to_green, v_to_green = (
        ((factor << 13) + (1 << 15)) >> 16 for factor in factors
    )
    return luma, black, to_red, to_blue, u_to_green, v_to_green
