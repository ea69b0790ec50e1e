"""Sizes of pictures that are made smaller."""

from __future__ import annotations

MOST_PIXELS = 1 << 28
"""Pixels of the largest frame that FFmpeg takes; larger ones are refused everywhere."""


def check_pixels(width: int, height: int) -> None:
    """Refuse pictures that are too large.

    Raises:
        ValueError: It is; says how large it may be.
    """
    if width * height > MOST_PIXELS:
        raise ValueError(
            f"pictures of {width} x {height} pixels are too large; make them smaller than "
            f"{MOST_PIXELS:,} pixels, such as 16,384 x 16,384"
        )


def size_within(width: int, height: int, longest: float) -> tuple[int, int]:
    """Width and height, pixels, scaled down so that neither is above ``longest``; at least 1."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
