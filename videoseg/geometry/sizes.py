"""Sizes of pictures: how large they may be, and made smaller."""

from __future__ import annotations

MOST_PIXELS = 1 << 28
"""Pixels of the largest frame that FFmpeg takes; larger ones are refused everywhere."""


_ALWAYS_PIXELS = 1 << 25
"""Pixels that are read from a file of any size; 8K has 33 million."""
_PIXELS_A_BYTE = 1 << 8
"""Pixels that a byte of a file may stand for beyond that; a photograph has less than 20."""


def most_pixels(stored: int | None) -> int:
    """Pixels that a picture may have.

    A file of some hundred bytes can claim any size, and memory is taken for what it claims.

    Args:
        stored: Bytes of its file; None where they are not known.
    """
    if stored is None:
        return MOST_PIXELS
    return min(MOST_PIXELS, max(_ALWAYS_PIXELS, _PIXELS_A_BYTE * stored))


def check_pixels(width: int, height: int, stored: int | None = None) -> None:
    """Refuse pictures that are too large, by themselves or for the file that they are in.

    Args:
        width: Pixels across.
        height: Pixels down.
        stored: Bytes of the file; None where they are not known.

    Raises:
        ValueError: It is; says how large it may be.
    """
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"pictures of {width} x {height} pixels are too large; make them smaller than "
            f"{MOST_PIXELS:,} pixels, such as 16,384 x 16,384"
        )
    if stored is not None and width * height > most_pixels(stored):
        raise ValueError(
            f"a file of {stored:,} bytes does not hold pictures of {width} x {height} pixels; "
            f"make them smaller than {_ALWAYS_PIXELS:,} pixels, or export it with less compression"
        )


def size_within(width: int, height: int, longest: float) -> tuple[int, int]:
    """Width and height, pixels, scaled down so that neither is above ``longest``; at least 1."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
