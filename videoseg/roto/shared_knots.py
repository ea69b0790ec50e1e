"""Cubic curves that all rings of a sequence share the knots of.

With points that correspond, where a point lies on its curve is the same on every ring, so the
control points are one linear function of the points, found once. In-betweens of curves are then the
curves of in-betweens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Points
from videoseg.outlines.cubics import bernstein

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from scipy.sparse.linalg import SuperLU


_MIN_KNOTS = 3
"""Knots of the plainest ring."""
_MIN_POINTS_BETWEEN = 4
"""Fewest points between two knots."""
_FRAMES_SEEN = 16
"""Rings of a sequence that are looked at to place the knots."""
_RIDGE = 1e-4
"""Weight that keeps handles on the thirds of their chord where points tell little."""


@dataclass(frozen=True, slots=True, eq=False)
class SharedCurves:
    """How points of a ring and control points of its curves follow from one another.

    Control points are those of knot after knot: the knot, then the handle out of it, then the
    handle into the next.

    Attributes:
        draw: (N, 3 K), points of control points.
        solver: Of the least-squares problem the other way round, for (3 K, ...).
    """

    draw: csr_array
    solver: SuperLU

    @property
    def knots(self) -> int:
        """Number of knots."""
        return int(self.draw.shape[1]) // 3

    def control(self, points: Points) -> Points:
        """Control points, float64 (F, 3 K, 2), that come closest to points, float64 (F, N, 2)."""
        frames, count, _ = points.shape
        columns = points.transpose(1, 0, 2).reshape(count, 2 * frames)
        found = self.solver.solve(np.ascontiguousarray(self.draw.T @ columns))
        made: Points = found.reshape(-1, frames, 2).transpose(1, 0, 2)
        return made

    def drawn(self, control: Points) -> Points:
        """Points, float64 (F, N, 2), of control points."""
        frames, count, _ = control.shape
        columns = control.transpose(1, 0, 2).reshape(count, 2 * frames)
        made: Points = (self.draw @ columns).reshape(-1, frames, 2).transpose(1, 0, 2)
        return made


def shared_curves(points: Points, tolerance: float) -> SharedCurves:
    """Curves with few knots that come within a tolerance of nearly all points of all rings.

    Args:
        points: float64 (F, N, 2), points that correspond.
        tolerance: Pixels.
    """
    count = points.shape[1]
    frames = np.unique(np.linspace(0, len(points) - 1, _FRAMES_SEEN).round().astype(np.int64))
    seen = points[frames]
    knots = np.unique(np.arange(_MIN_KNOTS) * count // _MIN_KNOTS)
    while True:
        made = _curves(knots, count)
        errors = np.linalg.norm(made.drawn(made.control(seen)) - seen, axis=2)
        worst = np.quantile(errors, 0.9, axis=0)
        added = _worst_places(worst, knots, tolerance)
        if not len(added):
            return made
        knots = np.union1d(knots, added)


def _worst_places(
    worst: npt.NDArray[np.float64], knots: npt.NDArray[np.int64], tolerance: float
) -> npt.NDArray[np.int64]:
    """Where curves that are too far off get another knot, if there is room."""
    count = len(worst)
    added = []
    for first, last in zip(knots, np.append(knots[1:], knots[0] + count), strict=True):
        room = np.arange(first + _MIN_POINTS_BETWEEN, last - _MIN_POINTS_BETWEEN + 1)
        stretch = worst[np.arange(first, last) % count]
        if len(room) and stretch.max() > tolerance:
            added.append(int(room[np.argmax(worst[room % count])]) % count)
    return np.array(added, dtype=np.int64)


def _curves(knots: npt.NDArray[np.int64], count: int) -> SharedCurves:
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    ends = np.append(knots[1:], knots[0] + count)
    piece = np.repeat(np.arange(len(knots)), ends - knots)
    place = np.arange(len(piece)) + knots[0]
    shares = bernstein((place - knots[piece]) / (ends - knots)[piece])
    following = 3 * ((np.arange(len(knots)) + 1) % len(knots))
    columns = np.stack([3 * piece, 3 * piece + 1, 3 * piece + 2, following[piece]])
    rows = np.broadcast_to(place % count, columns.shape)
    size = 3 * len(knots)
    draw = coo_array(
        (np.stack(shares).ravel(), (rows.ravel(), columns.ravel())), shape=(count, size)
    ).tocsr()
    # Handles that points tell little about stay on the thirds of their chord.
    at = np.arange(len(knots))
    tied = [
        (2 * at + handle, 3 * at + column, np.full(len(at), share))
        for handle, row in enumerate(((-2 / 3, 1, 0, -1 / 3), (-1 / 3, 0, 1, -2 / 3)))
        for column, share in enumerate(row[:3])
    ]
    tied += [(2 * at + handle, following, np.full(len(at), -(handle + 1) / 3)) for handle in (0, 1)]
    tie_rows, tie_columns, tie_values = (np.concatenate(each) for each in zip(*tied, strict=True))
    tie = coo_array((tie_values, (tie_rows, tie_columns)), shape=(2 * len(knots), size)).tocsr()
    return SharedCurves(draw, splu((draw.T @ draw + _RIDGE * (tie.T @ tie)).tocsc()))
