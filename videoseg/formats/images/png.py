"""Writes PNGs (PNG, third edition) with the chunks that are asked for, and no others."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.colour import UNSPECIFIED
from videoseg.types import Colour

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PALETTE = 3
"""The colour type whose samples are places in a palette."""
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
"""Samples of a pixel to the colour type: grey, grey and alpha, RGB, RGBA."""
_NONE = 0
"""Filter: a row as it is."""
_UP = 2
"""Filter: what a row differs by from the row above."""
_MOST = 65535
"""Width and height of a pixel are written by numbers up to this."""

Chunk: TypeAlias = tuple[bytes, bytes]
"""Kind and data."""


def png(
    pixels: npt.NDArray[Any],
    *,
    colour_type: int | None = None,
    before: Iterable[Chunk] = (),
    filtered: bool = False,
) -> bytes:
    """A PNG of these samples.

    Args:
        pixels: uint8 or uint16, (H, W) or (H, W, 1 to 4).
        colour_type: As PNG counts them; None = grey, RGB and so on by the number of samples.
        before: Chunks that come before the picture, in their order.
        filtered: Whether to store how each row differs from the one above, which makes photographs
            smaller and flat pictures no larger.
    """
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = _COLOUR_TYPES[samples] if colour_type is None else colour_type
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), *before, (b"IDAT", _deflated(pixels, filtered)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_framed(*chunk) for chunk in chunks)


def pixel_aspect(aspect: Fraction) -> list[Chunk]:
    """``pHYs``: the shape of a pixel, width over height; nothing for square ones.

    As the standard and OpenImageIO have it. FFmpeg takes the two numbers the other way round.
    """
    plain = aspect.limit_denominator(_MOST)
    if plain == 1 or not 0 < plain.numerator <= _MOST:
        return []
    # Pixels in a unit of length: a wide pixel has fewer of them across.
    return [(b"pHYs", struct.pack(">IIB", plain.denominator, plain.numerator, 0))]


def colour_tag(colour: Colour) -> list[Chunk]:
    """``cICP`` for full-range RGB of these primaries and transfer; nothing where one is unknown."""
    primaries, transfer = colour.primaries, colour.transfer
    if None in (primaries, transfer) or UNSPECIFIED in (primaries, transfer):
        return []
    return [(b"cICP", struct.pack("BBBB", primaries, transfer, 0, 1))]


def _framed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _deflated(pixels: npt.NDArray[Any], filtered: bool) -> bytes:
    """Compressed rows, each after the byte of its filter."""
    height = pixels.shape[0]
    stored = pixels.astype(pixels.dtype.newbyteorder(">"), copy=False)
    plain = np.ascontiguousarray(stored).view(np.uint8).reshape(height, -1)
    rows = np.empty((height, 1 + plain.shape[1]), np.uint8)
    rows[:, 0] = _UP if filtered else _NONE
    rows[:, 1:] = plain
    if filtered:
        rows[1:, 1:] -= plain[:-1]
    return zlib.compress(rows.data, level=1)
