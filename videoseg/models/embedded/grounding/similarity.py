"""Whether two things in a frame look alike: what stands beside a sure thing and looks like it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.grounding.evidence import STRONGEST


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

    @cached_property
    def _cells(self) -> FloatMap:
        """Unit features (C, rows / n, columns / n); most frames never need them."""
        own = self._features - self._features.mean(axis=(1, 2), keepdims=True)
        return np.asarray(own / (np.linalg.norm(own, axis=0, keepdims=True) + 1e-6), np.float32)

    def _mean(self, cells: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
        surest = np.argsort(self._kind[cells])[-STRONGEST:]
        row, column = (index[surest] // self._step for index in np.nonzero(cells))
        mean = self._cells[:, row, column].mean(axis=1)
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-6), dtype=np.float32)
