"""Pixels of outlines: ``rasterise`` a shape, or count the ``wrong_pixels`` beside a mask.

Inside is by the even-odd rule, unless said otherwise, and a pixel is inside where its centre is. A
centre exactly on an edge belongs to the side to its right (as in every scan-line fill, so that
neighbours share none).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import Indices
from videoseg.geometry.rings import flatten
from videoseg.types import Bitmap, Mask, Shape

_Ends = npt.NDArray[np.float64]
"""float64 (E, 2): where edges begin, or where they end, x and y."""
_Size = tuple[int, int]
"""Rows, and columns with one more behind the last."""
_AT_ONCE = 1 << 18
"""Crossings of edges and rows that are held at once; edges by rows may be any number."""


def rasterise(shape: Shape, width: int, height: int) -> Mask | None:
    """The pixels of a ``width`` x ``height`` frame inside a shape; None without any."""
    return _filled(shape, width, height, _even_odd)


def rasterise_nonzero(shape: Shape, width: int, height: int) -> Mask | None:
    """As ``rasterise``, where inside is what rings wind around, as often as it may be."""
    return _filled(shape, width, height, _wound)


def _filled(
    shape: Shape, width: int, height: int, inside_of: Callable[[_Ends, _Ends, _Size], Bitmap]
) -> Mask | None:
    edges = _edges_of(shape)
    if edges is None:
        return None
    begins, ends = edges
    x0, y0 = np.clip(np.floor(begins.min(axis=0)), 0, (width, height)).astype(np.int64)
    x1, y1 = np.clip(np.ceil(begins.max(axis=0)), 0, (width, height)).astype(np.int64)
    if x0 >= x1 or y0 >= y1:
        return None
    size = (int(y1 - y0), int(x1 - x0) + 1)
    inside = inside_of(begins - (x0, y0), ends - (x0, y0), size)
    cropped = masks.from_bitmap(inside)
    if cropped is None:
        return None
    return Mask(int(x0) + cropped.x, int(y0) + cropped.y, width, height, cropped.bitmap)


def wrong_pixels(shape: Shape, mask: Mask) -> int:
    """Number of the mask's frame's pixels that a shape shows otherwise than the mask.

    Along a row, inside begins and ends where either of the two does: the pixels in which they
    differ are those between the first and the second such place, the third and the fourth, and so
    on. So nothing is drawn.
    """
    edges = _edges_of(shape)
    if edges is None:
        return masks.area(mask)
    own_rows, own_columns = _ends_of_runs(mask)
    stride = mask.frame_width + 1
    crossed = _crossings(*edges, mask.frame_width, mask.frame_height)
    found = [rows * stride + columns for rows, columns in crossed]
    flat_indices = np.concatenate([*found, own_rows * stride + own_columns])
    flat_indices.sort()
    return int((flat_indices[1::2] - flat_indices[::2]).sum())


def _edges_of(
    shape: Shape,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Where the edges of all rings begin and end, float64 (E, 2) each; None without any."""
    rings = [flatten(ring) for ring in shape.rings]
    if not rings:
        return None
    return np.concatenate(rings), np.concatenate([np.roll(ring, -1, axis=0) for ring in rings])


def _even_odd(begins: _Ends, ends: _Ends, size: _Size) -> Bitmap:
    toggles = np.zeros(size, np.uint8)
    _count(toggles, begins, ends, 1)
    toggles &= 1  # odd or even, which is the same after 256
    return np.bitwise_xor.accumulate(toggles, axis=1)[:, :-1].view(np.bool_)


def _wound(begins: _Ends, ends: _Ends, size: _Size) -> Bitmap:
    down = ends[:, 1] > begins[:, 1]
    turns = np.zeros(size, np.int32)
    _count(turns, begins[down], ends[down], 1)
    _count(turns, begins[~down], ends[~down], -1)
    return np.asarray(np.cumsum(turns, axis=1, dtype=np.int32)[:, :-1] != 0)


def _count(counts: npt.NDArray[Any], begins: _Ends, ends: _Ends, step: int) -> None:
    """Add a step for each edge that crosses a row, where it does: (rows, columns).

    That is before the first pixel to the right of the edge.
    """
    flat_counts, stride = counts.reshape(-1), counts.shape[1]
    for rows, columns in _crossings(begins, ends, stride - 1, counts.shape[0]):
        np.add.at(flat_counts, rows * stride + columns, counts.dtype.type(step))


def _ends_of_runs(mask: Mask) -> tuple[Indices, Indices]:
    """Where the rows of a mask's pixels begin, and one beyond where they end: row, column."""
    height, width = mask.bitmap.shape
    padded = np.zeros((height, width + 2), np.bool_)
    padded[:, 1:-1] = mask.bitmap
    changes = np.flatnonzero(padded[:, 1:] ^ padded[:, :-1])
    rows, columns = np.divmod(changes, width + 1)
    return rows + mask.y, columns + mask.x


def _crossings(
    begins: npt.NDArray[np.float64], ends: npt.NDArray[np.float64], width: int, height: int
) -> Iterator[tuple[Indices, Indices]]:
    """Where edges cross the pixel centres' lines: row, and first column to the right.

    The edges come some at a time, so that memory does not grow with edges by rows.
    """
    down = ends[:, 1] > begins[:, 1]
    upper, lower = np.where(down[:, None], begins, ends), np.where(down[:, None], ends, begins)
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(np.int64)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(np.int64)
    counts = last - first
    so_far = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = int(so_far[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(so_far, before + _AT_ONCE, side="right")))
        edge = np.repeat(np.arange(begin, end), counts[begin:end])
        row = np.arange(before, before + len(edge)) - (so_far - counts - first)[edge]
        slope = (lower[edge, 0] - upper[edge, 0]) / (lower[edge, 1] - upper[edge, 1])
        x = upper[edge, 0] + (row + 0.5 - upper[edge, 1]) * slope
        yield row, np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
        begin = end
