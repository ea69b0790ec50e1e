"""Cubic curves that all rings of a sequence share the knots of.

With points that correspond, where a point lies on its curve is the same on every ring, so the
control points are one linear function of the points, found once. In-betweens of curves are then the
curves of in-betweens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.outlines.spans import basis

Points = npt.NDArray[np.float64]

_FEWEST = 3
"""Knots of the plainest ring."""
_CLOSEST = 4
"""Fewest points between two knots."""
_FRAMES = 16
"""Rings of a sequence that are looked at to place the knots."""
_RIDGE = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """How points of a ring and control points of its curves follow from one another.

    Control points are those of knot after knot: the knot, then the handle out of it, then the
    handle into the next.

    Attributes:
        fit: float64 (3 K, N), control points of points.
        draw: float64 (N, 3 K), points of control points.
    """

    fit: Points
    draw: Points

    @property
    def knots(self) -> int:
        """Number of knots."""
        return self.draw.shape[1] // 3


def shared_curves(points: Points, tolerance: float) -> Curves:
    """Curves with few knots that come within a tolerance of nearly all points of all rings.

    Args:
        points: float64 (F, N, 2), points that correspond.
        tolerance: Pixels.
    """
    count = points.shape[1]
    frames = np.unique(np.linspace(0, len(points) - 1, _FRAMES).round().astype(np.int64))
    seen = points[frames]
    knots = np.unique(np.arange(_FEWEST) * count // _FEWEST)
    while True:
        made = _curves(knots, count)
        apart = np.linalg.norm(made.draw @ (made.fit @ seen) - seen, axis=2)
        worst = np.quantile(apart, 0.9, axis=0)
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
        room = np.arange(first + _CLOSEST, last - _CLOSEST + 1)
        stretch = worst[np.arange(first, last) % count]
        if len(room) and stretch.max() > tolerance:
            added.append(int(room[np.argmax(worst[room % count])]) % count)
    return np.array(added, dtype=np.int64)


def _curves(knots: npt.NDArray[np.int64], count: int) -> Curves:
    ends = np.append(knots[1:], knots[0] + count)
    piece = np.repeat(np.arange(len(knots)), ends - knots)
    place = np.arange(len(piece)) + knots[0]
    b0, b1, b2, b3 = basis((place - knots[piece]) / (ends - knots)[piece])
    draw = np.zeros((count, 3 * len(knots)))
    row = place % count
    following = (piece + 1) % len(knots)
    np.add.at(draw, (row, 3 * piece), b0)
    np.add.at(draw, (row, 3 * piece + 1), b1)
    np.add.at(draw, (row, 3 * piece + 2), b2)
    np.add.at(draw, (row, 3 * following), b3)
    # Handles that points tell little about stay on the thirds of their chord.
    tie = np.zeros((2 * len(knots), 3 * len(knots)))
    at = np.arange(len(knots))
    after = 3 * ((at + 1) % len(knots))
    for handle, share in ((1, 1 / 3), (2, 2 / 3)):
        rows = 2 * at + handle - 1
        tie[rows, 3 * at + handle] += 1
        tie[rows, 3 * at] -= 1 - share
        tie[rows, after] -= share
    fit = np.linalg.solve(draw.T @ draw + _RIDGE * tie.T @ tie, draw.T)
    return Curves(fit, draw)
