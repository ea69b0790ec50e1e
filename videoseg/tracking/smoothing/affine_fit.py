"""Fits one outline to another as a whole, so that what the flow missed does not become lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.motion.distance_fields import BAND, float32, on_edge, remapped

_FIT_POINTS = 150
"""Edge cells that are looked at to fit one outline to another."""
_AROUND = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
"""A cell and its neighbours, x and y."""
_FIT_LEAST = 6
"""Fewest edge cells that can tell an affine motion."""
_FIT_ROUNDS = 3
"""Most rounds of fitting."""
_FIT_ENOUGH = 2.0
"""A round that moves the edge by less than this, pixels, is the last."""
_FIT_SCALE = 4.0
"""An edge this far off, pixels, counts 1/e in a round of fitting."""
_FIT_PRIOR = 0.002
"""How much evidence an edge cell must give before it moves the contour."""


def fitted(contour: FloatMap, edge: Edge) -> FloatMap:
    """A distance map moved, turned and scaled as a whole (affinely) on to another one.

    Least squares over points of the other edge: there the map, read ``u(p)`` further on, ought
    to be zero. Repeated while it moves much (Gauss-Newton). An affine motion has too few
    degrees of freedom to follow jitter.

    Args:
        contour: float32 (h, w), pixels.
        edge: Points of the other one's edge.
    """
    import cv2

    to_contour = np.eye(3)
    for _ in range(_FIT_ROUNDS):
        step, moves = edge.step(contour, to_contour)
        to_contour = to_contour @ step
        if moves < _FIT_ENOUGH:
            break
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    height, width = contour.shape
    size = (width, height)
    return float32(
        cv2.warpAffine(contour, to_contour[:2], size, None, how, cv2.BORDER_CONSTANT, -BAND)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """Points along the edge of a distance map.

    Attributes:
        values: float32 (P,), the map there, pixels.
        around: float32 (P, 5, 2), x and y of each point and of the cells right, left, below and
            above it.
        terms: float64 (6, P), what an affine motion moves a point by for each of its parameters,
            where positions run from -1 to 1: x, y, 1 across and the same down.
        to_terms: float64 (3, 3), from cells to those positions.
        prior: How much evidence it takes to move anything.
    """

    values: FloatMap
    around: FloatMap
    terms: npt.NDArray[np.float64]
    to_terms: npt.NDArray[np.float64]
    prior: float

    @classmethod
    def of(cls, observed: FloatMap, cell: float) -> Edge:
        """Points of a distance map, float32 (h, w), pixels, whose cells are ``cell`` pixels."""
        height, width = observed.shape
        places = np.flatnonzero(on_edge(observed[1:-1, 1:-1], cell))
        rows, columns = np.divmod(places[:: max(1, len(places) // _FIT_POINTS)], max(1, width - 2))
        rows, columns = rows + 1, columns + 1
        unit = max(height, width) / 2
        to_terms = np.array(
            [
                [1 / unit, 0, (1 - width) / 2 / unit],
                [0, 1 / unit, (1 - height) / 2 / unit],
                [0, 0, 1],
            ]
        )
        places = np.stack([columns, rows], axis=1)
        positions = to_terms[:2, :2] @ places.T + to_terms[:2, 2:]
        terms = np.ones((6, len(rows)))
        terms[0:2] = terms[3:5] = positions
        around = float32(places[:, None] + _AROUND)
        return cls(observed[rows, columns], around, terms, to_terms, _FIT_PRIOR * cell**2)

    def step(
        self, contour: FloatMap, to_contour: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.float64], float]:
        """The affine map (3, 3), in cells, that brings a map nearer once it is moved.

        Returns:
            The map from this edge's place to the contour's, before ``to_contour``, and how far it
            moves the edge, pixels.
        """
        import cv2

        if len(self.values) < _FIT_LEAST:
            return np.eye(3), 0.0
        read = remapped(contour, float32(cv2.transform(self.around, to_contour[:2])), outside=-BAND)
        apart = read[:, 0] - self.values
        terms = self.terms.copy()
        terms[:3] *= (read[:, 1] - read[:, 2]) / 2
        terms[3:] *= (read[:, 3] - read[:, 4]) / 2
        weight = np.exp(-np.square(apart / _FIT_SCALE)) * (np.abs(read[:, 0]) < BAND - 1)
        if np.count_nonzero(weight) < _FIT_LEAST:
            return np.eye(3), 0.0
        weighted = terms * weight
        normal = weighted @ terms.T
        normal[np.diag_indices(6)] += self.prior * np.count_nonzero(weight)
        found = np.linalg.solve(normal, weighted @ -apart)
        step = np.eye(3)
        step[:2] += found.reshape(2, 3) @ self.to_terms
        moves = float(np.sqrt(np.mean(np.square(found @ terms))))
        return step, moves
