"""Exact rings around the pixels of bitmaps, along the edges between pixels.

Objects are 8-connected and holes 4-connected (the usual consistent pair: Rosenfeld, "Connectivity
in digital pictures", 1970): pixels that touch at a corner belong to one part, and the background
does not leak between them.

Every ring alternates horizontal and vertical edges between its corners. The corners on one grid
line, in order, are pairwise the two ends of an edge, and that holds along rows and along columns;
so both partners of every corner come from sorting, and only the walk around is a loop. Corners of
all bitmaps are sorted and walked together: there are few of each, and calls cost more than corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.kernels.rings import cycles_kernel
from videoseg.types import Bitmap


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """All rings of some bitmaps, one after the other, and bitmap after bitmap.

    Attributes:
        points: int64 (C, 2), corners x, y on the pixel-edge grid of their bitmap. The object lies
            to the right of the way (y down): outer rings run clockwise on screen, holes against it.
        starts: int64 (R + 1,), ring r is ``points[starts[r] : starts[r + 1]]``.
        saddle: bool (C,), True where a corner touches another one (or its own ring) in the same
            grid point, because only diagonal pixels meet there.
        inside: int64 (R, 2), x, y of one object pixel that the ring's edge runs along.
        owners: int64 (R,), the number of the bitmap that a ring belongs to, ascending.
    """

    points: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    saddle: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]


def trace(bitmaps: Sequence[Bitmap]) -> Trace:
    """Trace every ring of bool (h, w) bitmaps, each of which has at least one pixel set."""
    found = [_corners(bitmap) for bitmap in bitmaps]
    counts = [len(corners.x) for corners in found]
    x, y, saddle, upper_left, lower_right = (
        np.concatenate(each) for each in zip(*map(_Corners.columns, found), strict=True)
    )
    owner = np.repeat(np.arange(len(found)), counts)
    # One bitmap stands below the other, so that no two have a row in common.
    tops = np.cumsum([0, *(bitmap.shape[0] + 1 for bitmap in bitmaps)])
    upright = _upright_partners(x, y + tops[owner], int(tops[-1]), saddle, upper_left)

    # A horizontal edge runs between each two corners, the object on its right-hand side.
    left = np.arange(0, len(x), 2)
    rightward = lower_right[::2]
    begins, ends = np.where(rightward, (left, left + 1), (left + 1, left))
    order, starts = _cycles(upright[ends] // 2)
    path = np.stack([begins[order], ends[order]], axis=1).ravel()
    first = order[starts[:-1]]
    inside = np.stack([x[2 * first], np.where(rightward[first], 0, -1) + y[2 * first]], axis=1)
    points = np.stack([x[path], y[path]], axis=1)
    return Trace(points, 2 * starts, saddle[path], inside, owner[2 * first])


@dataclass(frozen=True, slots=True, eq=False)
class _Corners:
    """Corners of one bitmap's rings, row by row; both stretches through a saddle have their own.

    Attributes:
        x: int64 (C,), on the pixel-edge grid.
        y: int64 (C,).
        saddle: bool (C,), whether only diagonal pixels meet there.
        upper_left: bool (C,), whether the pixel on that side is set.
        lower_right: bool (C,), the same.
    """

    x: npt.NDArray[np.int64]
    y: npt.NDArray[np.int64]
    saddle: npt.NDArray[np.bool_]
    upper_left: npt.NDArray[np.bool_]
    lower_right: npt.NDArray[np.bool_]

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        return self.x, self.y, self.saddle, self.upper_left, self.lower_right


def _corners(bitmap: Bitmap) -> _Corners:
    height, width = bitmap.shape
    padded = np.zeros((height + 2, width + 2), dtype=np.bool_)
    padded[1:-1, 1:-1] = bitmap
    across = padded[:-1] ^ padded[1:]  # horizontal edges above each row
    left, right = across[:, :-1], across[:, 1:]
    saddles = left & right & (padded[:-1, :-1] ^ padded[:-1, 1:])
    found = np.flatnonzero((left ^ right) | saddles)
    is_saddle = saddles.ravel()[found]
    corners = np.repeat(found, is_saddle + 1)
    y, x = np.divmod(corners, width + 1)
    saddle = np.repeat(is_saddle, is_saddle + 1)
    return _Corners(x, y, saddle, padded[y, x], padded[y + 1, x + 1])


def _upright_partners(
    x: npt.NDArray[np.int64],
    y: npt.NDArray[np.int64],
    rows: int,
    saddle: npt.NDArray[np.bool_],
    upper_left: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """For each corner the other end of its vertical edge; ``y`` lies below ``rows``."""
    # In row order the first of a saddle's two corners ends the edge on its left. Around diagonal
    # pixels "\" that strand turns down, so it comes second in column order; around "/" it turns up.
    second = np.zeros(len(x), dtype=np.int64)
    firsts = np.flatnonzero(saddle)[::2]
    falling = upper_left[firsts]
    second[firsts] = falling
    second[firsts + 1] = ~falling
    columns = np.argsort((x * rows + y) * 2 + second)
    partner = np.empty(len(x), dtype=np.int64)
    partner[columns[::2]] = columns[1::2]
    partner[columns[1::2]] = columns[::2]
    return partner


def _cycles(
    following: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cycles of a permutation: its elements cycle by cycle, and where each cycle starts."""
    compiled = cycles_kernel()
    if compiled is not None:
        return compiled(following)
    after = following.tolist()
    order: list[int] = []
    starts = [0]
    for first in range(len(after)):
        at = first
        if after[at] < 0:
            continue
        while (forward := after[at]) >= 0:
            order.append(at)
            after[at] = -1
            at = forward
        starts.append(len(order))
    return np.asarray(order, dtype=np.int64), np.asarray(starts, dtype=np.int64)
