"""Statistics of features, as LeRobot keeps them for each episode and for the whole data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Stats: TypeAlias = Mapping[str, npt.NDArray[Any]]
"""``min``, ``max``, ``mean``, ``std``, ``count`` and, in newer data sets, quantiles."""
QUANTILES: Mapping[str, float] = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_LEVELS = 256
_AS_PICTURE = (3, 1, 1)
"""Of a picture there is one value for each channel."""


@dataclass
class PixelCounts:
    """How often each number was on the frames of an episode."""

    frames: int = 0
    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(_LEVELS, np.int64))

    @classmethod
    def of_nothing(cls, frames: int, pixels: int) -> PixelCounts:
        """Those of some frames of so many pixels each, on which there is nothing."""
        made = cls(frames)
        made.counts[0] = frames * pixels
        return made

    def add(self, labels: npt.NDArray[np.uint8]) -> None:
        """Count a frame."""
        self.frames += 1
        self.counts += np.bincount(labels.ravel(), minlength=_LEVELS)

    def stats(self) -> Stats:
        """Statistics of red, green and blue from 0 to 1; there is at least one frame."""
        levels = np.arange(_LEVELS) / (_LEVELS - 1)
        seen, total = np.flatnonzero(self.counts), self.counts.sum()
        mean = (levels * self.counts).sum() / total
        deviation = np.sqrt(((levels - mean) ** 2 * self.counts).sum() / total)
        ranks = np.cumsum(self.counts)
        found = {"min": levels[seen[0]], "max": levels[seen[-1]], "mean": mean, "std": deviation}
        for name, share in QUANTILES.items():
            found[name] = levels[np.searchsorted(ranks, share * total)]
        wide = {name: np.full(_AS_PICTURE, float(value)) for name, value in found.items()}
        return {**wide, "count": np.array([self.frames])}


def stats_of(values: npt.NDArray[Any]) -> Stats:
    """Statistics of a column: of each element over the rows, of which there is at least one."""
    numbers = values.astype(np.float64)
    found = {
        "min": numbers.min(axis=0),
        "max": numbers.max(axis=0),
        "mean": numbers.mean(axis=0),
        "std": numbers.std(axis=0),
        **{name: np.quantile(numbers, share, axis=0) for name, share in QUANTILES.items()},
    }
    found = {name: np.atleast_1d(value) for name, value in found.items()}
    return {**found, "count": np.array([len(values)])}


def combined(parts: Sequence[Stats]) -> Stats:
    """Statistics of all episodes; quantiles are the mean of theirs, as LeRobot combines them."""
    counts = np.array([part["count"][0] for part in parts], dtype=np.float64)

    def weighted(values: Iterable[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        return np.average(np.stack(list(values)), axis=0, weights=counts)

    mean = weighted(part["mean"] for part in parts)
    spread = weighted(part["std"] ** 2 + (part["mean"] - mean) ** 2 for part in parts)
    return {
        "min": np.min([part["min"] for part in parts], axis=0),
        "max": np.max([part["max"] for part in parts], axis=0),
        "mean": mean,
        "std": np.sqrt(spread),
        **{name: weighted(part[name] for part in parts) for name in QUANTILES},
        "count": np.array([int(counts.sum())]),
    }


def plain(stats: Stats, *, quantiles: bool) -> dict[str, Any]:
    """Statistics as lists, for JSON and for tables."""
    left_out = () if quantiles else QUANTILES
    return {name: value.tolist() for name, value in stats.items() if name not in left_out}
