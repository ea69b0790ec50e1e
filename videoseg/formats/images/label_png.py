"""Label pictures: PNGs whose pixels are track ids (PNG, third edition)."""

from __future__ import annotations

import functools
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError
from videoseg.formats.images.png import PALETTE, SIGNATURE, png
from videoseg.formats.palette import colour_of
from videoseg.system.output_files import writing
from videoseg.types import TrackedInstance

LARGEST_NARROW = 255
"""Largest id in 8 bits."""
LARGEST = 65535


def label_png(labels: npt.NDArray[Any], *, palette: bool | bytes) -> bytes:
    """A PNG whose pixels are these numbers.

    Args:
        labels: uint8 (H, W), or uint16, which is written as grey.
        palette: Whether 8-bit numbers get the colours of their tracks; or red, green and blue of
            each number.
    """
    colours = bool(palette) and labels.dtype.itemsize == 1
    if not colours:
        return png(labels)
    chosen = palette if isinstance(palette, bytes) else _palette()
    return png(labels, colour_type=PALETTE, before=[(b"PLTE", chosen)])


def labels_of(
    numbered: Sequence[tuple[TrackedInstance, int]], width: int, height: int, *, wide: bool = False
) -> npt.NDArray[Any]:
    """A picture of numbers, (H, W): where objects overlap the higher score lies on top.

    At the same score it is the higher track id.

    Args:
        numbered: The objects of a frame, each with its number.
        width: Pixels across.
        height: Pixels down.
        wide: Whether it is uint16, else uint8.
    """
    labels = np.zeros((height, width), np.uint16 if wide else np.uint8)
    order = sorted(numbered, key=lambda each: (each[0].instance.score, each[0].track_id))
    for tracked, number in order:
        mask = tracked.instance.mask
        x1, y1, x2, y2 = mask.crop
        labels[y1:y2, x1:x2][mask.bitmap] = number
    return labels


def widened(png: bytes) -> bytes:
    """The same picture, made by ``label_png``, as 16-bit grey."""
    chunks = dict(_chunks(png))
    width, height, depth = struct.unpack_from(">IIB", chunks[b"IHDR"])
    if depth == 16:
        return png
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width)
    return label_png(rows[:, 1:].astype(np.uint16), palette=False)


def widen_files(folder: Path) -> None:
    """Give the pictures in a folder, made by ``label_png``, all 16 bits.

    Raises:
        OutputError: One cannot be written.
    """
    with os.scandir(folder) as files:
        for each in files:
            with writing(each.path), open(each.path, "r+b") as file:
                png = file.read()
                made = widened(png)
                if made is not png:
                    file.seek(0)
                    file.write(made)
                    file.truncate()


def check_id(number: int) -> None:
    """Refuse an id that no PNG holds.

    Raises:
        OutputError: It is too large.
    """
    if number > LARGEST:
        raise OutputError(f"a PNG holds track ids up to {LARGEST}, got {number}")


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(png):
        size = int.from_bytes(png[position : position + 4], "big")
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + size]
        position += 12 + size


@functools.cache
def _palette() -> bytes:
    """Black for nothing, then the colour of every id up to 255."""
    return bytes(3) + b"".join(bytes(colour_of(id_)) for id_ in range(1, LARGEST_NARROW + 1))
