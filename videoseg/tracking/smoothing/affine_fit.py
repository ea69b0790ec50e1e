"""Fits one outline to another as a whole, so that what the flow missed does not become lag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap, on_grid
from videoseg.motion.distance_fields import BAND, on_edge
from videoseg.tracking.smoothing.contours import STILL, Affine, Warp

FIT_POINTS = 150
"""Edge cells that are looked at to fit one outline to another, about."""
_FIT_LEAST = 6
"""Fewest edge cells that can tell an affine motion."""
_FIT_ROUNDS = 3
"""Most rounds of fitting."""
_FIT_ENOUGH = 2.0
"""A round that moves the edge by less than this, pixels, is the last."""
_FIT_SCALE = 4.0
"""An edge this far off, pixels, counts about 1/e in a round of fitting."""
_FIT_PRIOR = 0.002
"""How much evidence an edge cell must give before it moves the contour."""
_STEEPEST = 4.0
"""Slopes of distances, pixels a cell, beyond which they are no longer believed."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """Points along the edge of a distance map.

    Attributes:
        values: float32 (P,), the map there, pixels.
        x: float32 (P,), cells.
        y: float32 (P,), cells.
        unit: Half the longer side of the map, cells: positions from its middle are told in it.
        middle: Of the map, x and y, cells.
        prior: How much evidence it takes to move anything.
    """

    values: FloatMap
    x: FloatMap
    y: FloatMap
    unit: float
    middle: tuple[float, float]
    prior: float

    @classmethod
    def of(cls, observed: FloatMap, cell: float) -> Edge:
        """Points of a distance map, float32 (h, w), pixels, whose cells are ``cell`` pixels."""
        rows, columns = np.nonzero(on_edge(observed[1:-1, 1:-1], cell))
        places = (rows + 1) * observed.shape[1] + columns + 1
        return cls.at(observed, places[:: max(1, len(places) // FIT_POINTS)], cell)

    @classmethod
    def at(cls, observed: FloatMap, places: npt.NDArray[np.integer], cell: float) -> Edge:
        """Those at some places of a map, positions in it."""
        height, width = observed.shape
        rows, columns = np.divmod(places, width)
        return cls(
            observed.ravel()[places],
            columns.astype(np.float32),
            rows.astype(np.float32),
            max(height, width) / 2,
            ((width - 1) / 2, (height - 1) / 2),
            _FIT_PRIOR * cell**2,
        )


def fit(warp: Warp, edge: Edge) -> Affine:
    """The affine motion, in cells, that brings another frame's outline on to an edge.

    Least squares over points of the edge: there the other's map, read ``u(p)`` further on, ought
    to be as the edge's. Repeated while it moves much (Gauss-Newton). An affine motion has too few
    degrees of freedom to follow jitter.
    """
    to = STILL
    for _ in range(_FIT_ROUNDS):
        step, moves = _step(warp, edge, to)
        to = _after(step, to)
        if moves < _FIT_ENOUGH:
            break
    return to


def _step(warp: Warp, edge: Edge, to: Affine) -> tuple[Affine, float]:
    """One round: a motion before ``to``, and how far it moves the edge, pixels."""
    count = len(edge.values)
    if count < _FIT_LEAST:
        return STILL, 0.0
    column, row, _ = warp.places(edge.x, edge.y, to)
    # Each point, and what is a cell right, left, below and above it: there motion is as at it.
    right, below = warp.cell
    read = warp.read(
        np.add.outer(np.array([0, right, -right, 0, 0], np.float32), column),
        np.add.outer(np.array([0, 0, 0, below, -below], np.float32), row),
    ).astype(np.float64)
    apart = on_grid(read[0] - edge.values)
    slope_x = np.clip((read[1] - read[2]) / 2, -_STEEPEST, _STEEPEST)
    slope_y = np.clip((read[3] - read[4]) / 2, -_STEEPEST, _STEEPEST)
    across = (edge.x.astype(np.float64) - edge.middle[0]) / edge.unit
    down = (edge.y.astype(np.float64) - edge.middle[1]) / edge.unit
    terms = on_grid(
        np.stack(
            [across * slope_x, down * slope_x, slope_x, across * slope_y, down * slope_y, slope_y]
        )
    )
    squared = np.square(apart / _FIT_SCALE)
    # exp(-squared), but for its tail, in sums and products alone.
    weight = on_grid(1 / (1 + squared * (1 + squared * (0.5 + squared / 6))))
    weight[np.abs(read[0]) >= BAND - 1] = 0
    used = int(np.count_nonzero(weight))
    if used < _FIT_LEAST:
        return STILL, 0.0
    weighted = terms * weight
    normal, wanted = (weighted @ terms.T).tolist(), (weighted @ -apart).tolist()
    for n in range(6):
        normal[n][n] += edge.prior * used
    a, b, c, d, e, f = _solved(normal, wanted)
    moved = on_grid(
        a * terms[0] + b * terms[1] + c * terms[2] + d * terms[3] + e * terms[4] + f * terms[5]
    )
    moves = float(np.sqrt((moved @ moved) / count))
    (middle_x, middle_y), unit = edge.middle, edge.unit
    step = (
        1 + a / unit,
        b / unit,
        c - (a * middle_x + b * middle_y) / unit,
        d / unit,
        1 + e / unit,
        f - (d * middle_x + e * middle_y) / unit,
    )
    return step, moves


def _after(first: Affine, then: Affine) -> Affine:
    """One motion, then another."""
    a, b, c, d, e, f = first
    p, q, r, s, t, u = then
    return (
        p * a + q * d,
        p * b + q * e,
        p * c + q * f + r,
        s * a + t * d,
        s * b + t * e,
        s * c + t * f + u,
    )


def _solved(matrix: list[list[float]], wanted: Sequence[float]) -> list[float]:
    """Solution of a small symmetric positive system, by elimination in a fixed order."""
    rows = [[*row, value] for row, value in zip(matrix, wanted, strict=True)]
    size = len(rows)
    for k in range(size):
        for i in range(k + 1, size):
            share = rows[i][k] / rows[k][k]
            for j in range(k + 1, size + 1):
                rows[i][j] -= share * rows[k][j]
    found = [0.0] * size
    for k in reversed(range(size)):
        rest = rows[k][size]
        for j in range(k + 1, size):
            rest -= rows[k][j] * found[j]
        found[k] = rest / rows[k][k]
    return found
