"""Sizes of pictures that are made smaller."""

from __future__ import annotations


def size_within(width: int, height: int, longest: float) -> tuple[int, int]:
    """Width and height, pixels, scaled down so that neither is above ``longest``; at least 1."""
    scale = min(1.0, longest / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))
