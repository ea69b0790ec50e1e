"""Exact rings around the pixels of a bitmap, along the edges between pixels.

Objects are 8-connected and holes 4-connected (the usual consistent pair: Rosenfeld, "Connectivity
in digital pictures", 1970): pixels that touch at a corner belong to one part, and the background
does not leak between them.

Every ring alternates horizontal and vertical edges between its corners. The corners on one grid
line, in order, are pairwise the two ends of an edge, and that holds along rows and along columns;
so both partners of every corner come from sorting, and only the walk around is a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.types import Bitmap


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """All rings of a bitmap, one after the other.

    Attributes:
        points: int64 (C, 2), corners x, y on the pixel-edge grid of the bitmap. The object lies to
            the right of the way (y down): outer rings run clockwise on screen, holes against it.
        starts: int64 (R + 1,), ring r is ``points[starts[r] : starts[r + 1]]``.
        saddle: bool (C,), True where a corner touches another one (or its own ring) in the same
            grid point, because only diagonal pixels meet there.
        inside: int64 (R, 2), x, y of one object pixel that the ring's edge runs along.
    """

    points: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    saddle: npt.NDArray[np.bool_]
    inside: npt.NDArray[np.int64]


def trace(bitmap: Bitmap) -> Trace:
    """Trace every ring of a bool (h, w) bitmap that has at least one pixel set."""
    height, width = bitmap.shape
    padded = np.zeros((height + 2, width + 2), dtype=np.bool_)
    padded[1:-1, 1:-1] = bitmap
    across = padded[:-1] ^ padded[1:]  # horizontal edges above each row
    left, right = across[:, :-1], across[:, 1:]
    saddles = left & right & (padded[:-1, :-1] ^ padded[:-1, 1:])
    found = np.flatnonzero((left ^ right) | saddles)
    is_saddle = saddles.ravel()[found]
    # Both strands through a saddle get a corner of their own, one after the other.
    corners = np.repeat(found, is_saddle + 1)
    saddle = np.repeat(is_saddle, is_saddle + 1)
    y, x = np.divmod(corners, width + 1)

    across_partner_start, across_partner_end = _directed_edges(padded, x, y)
    upright_partner = _upright_partners(padded, x, y, saddle)
    following = upright_partner[across_partner_end] // 2
    order, starts = _cycles(following)

    path = np.stack([across_partner_start[order], across_partner_end[order]], axis=1).ravel()
    first = order[starts[:-1]]
    top = padded[y[2 * first] + 1, x[2 * first] + 1]
    inside = np.stack([x[2 * first], np.where(top, y[2 * first], y[2 * first] - 1)], axis=1)
    return Trace(np.stack([x[path], y[path]], axis=1), 2 * starts, saddle[path], inside)


def _directed_edges(
    padded: Bitmap, x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """First and last corner of each horizontal edge, the object on its right-hand side."""
    left = np.arange(0, len(x), 2)
    rightward = padded[y[::2] + 1, x[::2] + 1]
    return np.where(rightward, left, left + 1), np.where(rightward, left + 1, left)


def _upright_partners(
    padded: Bitmap,
    x: npt.NDArray[np.int64],
    y: npt.NDArray[np.int64],
    saddle: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """For each corner the other end of its vertical edge."""
    # In row order the first of a saddle's two corners ends the edge on its left. Around diagonal
    # pixels "\" that strand turns down, so it comes second in column order; around "/" it turns up.
    second = np.zeros(len(x), dtype=np.int64)
    firsts = np.flatnonzero(saddle)[::2]
    falling = padded[y[firsts], x[firsts]]
    second[firsts] = falling
    second[firsts + 1] = ~falling
    columns = np.argsort((x * (padded.shape[0] + 1) + y) * 2 + second)
    partner = np.empty(len(x), dtype=np.int64)
    partner[columns[::2]] = columns[1::2]
    partner[columns[1::2]] = columns[::2]
    return partner


def _cycles(
    following: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cycles of a permutation: its elements cycle by cycle, and where each cycle starts."""
    after = following.tolist()
    order: list[int] = []
    starts = [0]
    for first in range(len(after)):
        at = first
        while after[at] >= 0:
            order.append(at)
            after[at], at = -1, after[at]
        if len(order) > starts[-1]:
            starts.append(len(order))
    return np.asarray(order, dtype=np.int64), np.asarray(starts, dtype=np.int64)
