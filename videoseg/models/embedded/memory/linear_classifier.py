"""A linear rule that tells an object's cells from those around it, by ridge regression."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.types.snapshot import Snapshot, joined, listed, parted

MAX_GIVEN = 4
"""Given views (first sight and corrections) that are remembered."""
_RIDGE = 1e-3
"""Weight of the classifier's own size in its ridge regression."""
_CLASSIFIER_GAIN = 3.5
"""Log odds of a cell that the classifier puts squarely on one side."""
_RECENT_SHARE = 0.05
"""Share of the newest frame in what the classifier keeps of the recent ones."""


class LinearClassifier:
    """A linear classifier of the object's cells against those around it, kept up to date."""

    def __init__(self) -> None:
        self._given: list[tuple[FloatMap, FloatMap]] = []
        self._recent: tuple[FloatMap, FloatMap] | None = None
        self._weights = self._given_weights = np.zeros(0, dtype=np.float32)

    def snapshot(self) -> Snapshot:
        """What was learned, as plain arrays."""
        normals = [*self._given, *([] if self._recent is None else [self._recent])]
        return joined(
            {
                "normals": listed({"gram": gram, "mean": mean} for gram, mean in normals),
                "given": {"": np.array(len(self._given))},
                "weights": {"": self._weights, "given": self._given_weights},
            }
        )

    @classmethod
    def restored(cls, state: Snapshot) -> LinearClassifier:
        """The classifier that ``snapshot`` was taken of."""
        parts = parted(state)
        known = cls()
        normals = [
            (each["gram"], each["mean"]) for each in parted(parts.get("normals", {})).values()
        ]
        count = int(parts["given"][""])
        known._given, recent = normals[:count], normals[count:]
        known._recent = recent[0] if recent else None
        known._weights = parts["weights"][""]
        known._given_weights = parts["weights"]["given"]
        return known

    def learn(self, keys: FloatMap, labels: FloatMap, *, given: bool) -> None:
        """Take in the cells of one view; the given ones keep half of the weight.

        Args:
            keys: float32 (N, C), of each cell.
            labels: float32 (N,) in [0, 1]: the part of each that the object covers.
            given: Whether that is known, and not found.
        """
        target = 2 * labels - 1
        inside = target > 0
        sides = np.where(inside, 0.5 / max(inside.sum(), 1), 0.5 / max((~inside).sum(), 1))
        weighted = keys * sides[:, None].astype(np.float32)
        normal = (weighted.T @ keys, weighted.T @ target)
        if given or self._recent is None:
            self._given = [normal, *self._given][:MAX_GIVEN]
            self._recent = normal
        else:
            self._recent = _mixed(self._recent, normal, _RECENT_SHARE)
        known = self._given[0]
        for number, older in enumerate(self._given[1:], start=2):
            known = _mixed(known, older, 1 / number)
        self._weights = _solved(_mixed(known, self._recent, 0.5))
        if given:
            self._given_weights = _solved(known)

    def odds(self, keys: FloatMap) -> FloatMap:
        """Log odds of each cell, float32 (N,)."""
        return _odds(keys @ self._weights)

    def odds_as_given(self, keys: FloatMap) -> FloatMap:
        """The same by the given views alone, which nothing wrong is learned from."""
        return _odds(keys @ self._given_weights)


def _odds(side: FloatMap) -> FloatMap:
    return np.asarray(_CLASSIFIER_GAIN * np.clip(side, -1.2, 1.2), dtype=np.float32)


def _solved(normal: tuple[FloatMap, FloatMap]) -> FloatMap:
    gram, mean = normal
    ridge = _RIDGE * np.eye(len(mean), dtype=np.float32)
    return np.linalg.solve(gram + ridge, mean).astype(np.float32)


def _mixed(
    a: tuple[FloatMap, FloatMap], b: tuple[FloatMap, FloatMap], share: float
) -> tuple[FloatMap, FloatMap]:
    """``a`` and ``b`` averaged, ``b`` with this share."""
    return ((1 - share) * a[0] + share * b[0], (1 - share) * a[1] + share * b[1])
