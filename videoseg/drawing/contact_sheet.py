"""Pictures side by side in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from videoseg.system.output_files import writing
from videoseg.types import RgbImage

GROUND = 24
"""Level of grey behind pictures and words."""
INK = 235
"""Level of grey of words and marks."""


def grid(tiles: Sequence[RgbImage], columns: int, *, gap: int = 0, ground: int = 0) -> RgbImage:
    """Tiles of any sizes in reading order, each at the upper left of its cell.

    Args:
        tiles: uint8 (H, W, 3); at least one.
        columns: Cells in a row, at least 1.
        gap: Pixels around each tile.
        ground: Level of what no tile covers, 0 (black) to 255.
    """
    height, width = (max(tile.shape[axis] for tile in tiles) + gap for axis in (0, 1))
    across = min(columns, len(tiles))
    down = -(-len(tiles) // columns)
    sheet = np.full((down * height + gap, across * width + gap, 3), ground, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = number // columns * height + gap, number % columns * width + gap
        sheet[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
    return sheet


def write_png(path: Path, image: RgbImage) -> None:
    """Write a picture.

    Raises:
        OutputError: The file cannot be written.
    """
    import cv2

    _, png = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    with writing(path):
        path.write_bytes(png.tobytes())
