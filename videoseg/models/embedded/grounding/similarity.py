"""Whether two things in a frame look alike: what stands beside a sure thing and looks like it."""

from __future__ import annotations

from functools import cached_property
from math import ceil

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.candidates import Region
from videoseg.models.embedded.grounding.evidence import STRONGEST

_BORDER = 0.15
"""So much of a box on each side shows its surroundings more than the thing."""


class CellSimilarity:
    """How the cells of a frame look, apart from what all of them share."""

    def __init__(self, features: FloatMap, kind: FloatMap) -> None:
        """Take what the network says.

        Args:
            features: (C, rows / n, columns / n), n an integer.
            kind: Log-odds (rows, columns) that say how sure it is what cells show.
        """
        self._features, self._kind = features, kind
        self._step = kind.shape[0] // features.shape[1]

    def similarity(self, one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
        """Cosine of what the surest cells of two things, bool (rows, columns), look like."""
        return float(self._mean(one) @ self._mean(other))

    def box_similarity(self, one: Region, other: Region) -> float:
        """Cosine of what the middles of two things' boxes look like."""
        return float(self._box_mean(one) @ self._box_mean(other))

    @cached_property
    def _cells(self) -> FloatMap:
        """Unit features (C, rows / n, columns / n); most frames never need them."""
        own = self._features - self._features.mean(axis=(1, 2), keepdims=True)
        return np.asarray(own / (np.linalg.norm(own, axis=0, keepdims=True) + 1e-6), np.float32)

    def _mean(self, cells: npt.NDArray[np.bool_]) -> FloatMap:
        surest = np.argsort(self._kind[cells])[-STRONGEST:]
        row, column = (index[surest] // self._step for index in np.nonzero(cells))
        return _unit(self._cells[:, row, column].mean(axis=1))

    def _box_mean(self, item: Region) -> FloatMap:
        rows, columns = self._cells.shape[1:]
        x1, y1, x2, y2 = item.box_in(columns, rows)
        across, down = _BORDER * (x2 - x1), _BORDER * (y2 - y1)
        left, top = min(int(x1 + across), columns - 1), min(int(y1 + down), rows - 1)
        right, bottom = max(ceil(x2 - across), left + 1), max(ceil(y2 - down), top + 1)
        return _unit(self._cells[:, top:bottom, left:right].mean(axis=(1, 2)))


def _unit(vector: FloatMap) -> FloatMap:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-6), dtype=np.float32)
