"""Motion of small patches of a picture, refined to a fraction of a pixel where it is asked for.

Each patch starts from the best of some motions that are known about it and goes down from there by
inverse search (Baker and Matthews, "Lucas-Kanade 20 Years On", 2004), as DIS does. Brightness may
change, since the mean of a patch does not count. What patches that overlap found is averaged, by
how well each explains a pixel.

``kernels/patches.c`` computes the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from videoseg.geometry.arrays import ByteMap, Flags, FloatMap, Indices
from videoseg.kernels.patches import Pictures, patches_kernel

SIDE = 8
"""Side of a patch, pixels."""
_STRIDE = 5
"""Pixels between patches, each way."""
_STEPS = 8
"""Steps that a patch goes down, at most."""
_REACH = 6
"""Pixels from a patch's middle at which other motions are known that it may have, each way."""
_FURTHEST = np.float32(3)
"""Pixels beyond which a search does not leave its start, each way.

Further motions are mostly chance: between pictures that have nothing to do with each other, and of
things that move far from what was around them.
"""
_ALIKE = np.float32(0.25)
"""Motions that differ from the first one known by less than this each way are not tried."""
_SETTLED = np.float32(0.02)
"""A search ends where its next step would be shorter than this each way, pixels."""
_FLAT = np.float32(1)
"""Added to what squared slopes sum up to, so that it is not 0."""
_NEIGHBOURS = ((0, -_REACH), (0, _REACH), (-_REACH, 0), (_REACH, 0))
"""Where other motions are looked up, rows and columns from a patch's middle."""


_WITHIN = np.mgrid[:SIDE, :SIDE]
"""Rows and columns of a patch's pixels, from its corner."""
_Residual: TypeAlias = Callable[[Indices, FloatMap], tuple[FloatMap, FloatMap]]
"""From the numbers of N patches and motions (N, 2) to what is left to explain, (N, SIDE, SIDE), and
the sums of its squares."""


def refined(backward: FloatMap, previous: ByteMap, current: ByteMap, near: Flags) -> FloatMap:
    """A flow that is finer in some places, and as it was elsewhere.

    Args:
        backward: float32 (h, w, 2): where each pixel of ``current`` was, x and y from its place.
        previous: uint8 (h, w), at least ``SIDE`` each way.
        current: Of the same size.
        near: bool (h, w): where it should be finer.
    """
    import cv2

    across, down = (
        np.asarray(cv2.Sobel(current, cv2.CV_32F, x, 1 - x, scale=1 / 8), dtype=np.float32)
        for x in (1, 0)
    )
    known = np.ascontiguousarray(backward)
    pictures = Pictures(previous, current, near, across, down, known)
    return (patches_kernel() or _averaged)(pictures)


def _corners(near: Flags) -> tuple[Indices, Indices]:
    """First rows and columns of the patches that hold a pixel that is asked for."""
    import cv2

    starts = [
        np.unique(np.append(np.arange(0, size - SIDE + 1, _STRIDE), size - SIDE))
        for size in near.shape
    ]
    y, x = np.meshgrid(*starts, indexing="ij")
    total = np.asarray(cv2.integral(near.view(np.uint8)))
    held = total[y + SIDE, x + SIDE] - total[y, x + SIDE] - total[y + SIDE, x] + total[y, x]
    return y[held > 0].astype(np.int64), x[held > 0].astype(np.int64)


def _averaged(pictures: Pictures) -> FloatMap:
    """The flow in the patches that are asked for, and what is known elsewhere."""
    weight, *moves = _searched(pictures, *_corners(pictures.near))
    found = weight > 0
    made = pictures.backward.copy()
    for number, each in enumerate(moves):
        made.reshape(-1, 2)[found, number] = each[found] / weight[found]
    return made


def _searched(pictures: Pictures, rows: Indices, columns: Indices) -> FloatMap:
    """For each pixel the weights of the patches that hold it, and of their motions, float32 (3, P).

    The first row are the weights, the others their sums with x and y.
    """
    y, x = (each[:, None, None] + at for each, at in zip((rows, columns), _WITHIN, strict=True))
    now = _centred(pictures.current[y, x].astype(np.float32))
    dx, dy = _centred(pictures.across[y, x]), _centred(pictures.down[y, x])
    xx, xy, yy = _total(dx * dx) + _FLAT, _total(dx * dy), _total(dy * dy) + _FLAT
    inverse = 1 / (xx * yy - xy * xy)

    def residual(which: Indices, moves: FloatMap) -> tuple[FloatMap, FloatMap]:
        shown = _moved(pictures.previous, rows[which], columns[which], moves)
        off = _centred(shown) - now[which]
        return off, _total(off * off)

    moves, off, error = _best_known(pictures.backward, rows, columns, residual)
    start, going = moves.copy(), np.arange(len(rows))
    for _ in range(_STEPS):
        bx, by = (_total(slope[going] * off[going]) for slope in (dx, dy))
        x1, x2, x3 = (each[going] for each in (xx, xy, yy))
        step = np.stack([x3 * bx - x2 * by, x1 * by - x2 * bx], axis=1) * inverse[going, None]
        tried = moves[going] - step
        goes = (np.abs(step) >= _SETTLED).any(axis=1)
        goes &= (np.abs(tried - start[going]) <= _FURTHEST).all(axis=1)
        going, tried = going[goes], tried[goes]
        found = residual(going, tried)
        better = found[1] < error[going]
        going = going[better]
        moves[going], off[going], error[going] = (each[better] for each in (tried, *found))
    weight = 1 / np.maximum(np.float32(1), np.abs(off))
    places = (y * pictures.current.shape[1] + x).ravel()
    sums = np.zeros((3, pictures.current.size), np.float32)
    for plane, each in zip(sums, (weight, *(weight * moves.T[:, :, None, None])), strict=True):
        np.add.at(plane, places, each.ravel())
    return sums


def _best_known(
    backward: FloatMap, rows: Indices, columns: Indices, residual: _Residual
) -> tuple[FloatMap, FloatMap, FloatMap]:
    """Of the motions known about each patch the one that explains it best, and what is left."""
    height, width = backward.shape[:2]

    def known(down: int, across: int) -> FloatMap:
        y = np.clip(rows + (SIDE // 2 + down), 0, height - 1)
        x = np.clip(columns + (SIDE // 2 + across), 0, width - 1)
        return backward[y, x]

    first = known(0, 0)
    moves, (off, error) = first.copy(), residual(np.arange(len(rows)), first)
    for down, across in _NEIGHBOURS:
        tried = known(down, across)
        which = np.flatnonzero((np.abs(tried - first) >= _ALIKE).any(axis=1))
        tried = tried[which]
        found = residual(which, tried)
        better = found[1] < error[which]
        which = which[better]
        moves[which], off[which], error[which] = (each[better] for each in (tried, *found))
    return moves, off, error


def _moved(previous: ByteMap, rows: Indices, columns: Indices, moves: FloatMap) -> FloatMap:
    """What the earlier picture shows of each patch, float32 (N, SIDE, SIDE)."""
    height, width = previous.shape
    whole = np.floor(moves)
    part = (moves - whole)[:, :, None, None]
    first = np.stack([columns, rows], axis=1) + whole.astype(np.int64)
    places = first[:, :, None] + np.arange(SIDE + 1)
    x, y = np.clip(places[:, 0], 0, width - 1), np.clip(places[:, 1], 0, height - 1)
    shown = previous[y[:, :, None], x[:, None, :]].astype(np.float32)
    across = shown[:, :, :-1] + (shown[:, :, 1:] - shown[:, :, :-1]) * part[:, 0]
    moved: FloatMap = across[:, :-1] + (across[:, 1:] - across[:, :-1]) * part[:, 1]
    return moved


def _centred(values: FloatMap) -> FloatMap:
    """Patches (N, SIDE, SIDE) without their means."""
    return values - (_total(values) * np.float32(1 / SIDE**2))[:, None, None]


def _total(values: FloatMap) -> FloatMap:
    """Sums of patches, row by row and then the halves of what is left, as the kernel adds."""
    total = values[:, 0]
    for row in range(1, SIDE):
        total = total + values[:, row]
    while total.shape[1] > 1:
        half = total.shape[1] // 2
        total = total[:, :half] + total[:, half:]
    return total[:, 0]
