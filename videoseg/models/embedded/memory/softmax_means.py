"""Labels that cells of a frame take over from remembered cells that are like them."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap

_BLOCK = 128
"""Cells that are compared at a time: their weights stay in the processor's cache."""


def softmax_means(
    query: FloatMap, memory: FloatMap, labels: FloatMap, given: int
) -> tuple[FloatMap, FloatMap]:
    """Labels averaged as each query weighs them, by ``exp(query @ memory)``.

    Args:
        query: float32 (N, C).
        memory: float32 (M, C).
        labels: float32 (M,).
        given: The first so many of the memory, at least one, count alone for the first average.

    Returns:
        The average over the first ``given`` and that over all, each float32 (N,).
    """
    across = np.ascontiguousarray(memory.T)
    values = np.stack([labels, np.ones_like(labels)], axis=1)
    means = np.empty((2, len(query), 2), dtype=np.float32)
    for first in range(0, len(query), _BLOCK):
        part = slice(first, first + _BLOCK)
        weights = query[part] @ across
        largest, sums = _weighed(weights[:, :given], values[:given])
        means[:, part] = sums
        if given < len(labels):
            other, more = _weighed(weights[:, given:], values[given:])
            top = np.maximum(largest, other)
            means[1, part] = np.exp(largest - top) * sums + np.exp(other - top) * more
    alone, together = means[..., 0] / means[..., 1]
    return alone, together


def _weighed(weights: FloatMap, values: FloatMap) -> tuple[FloatMap, FloatMap]:
    """Largest log weight of each row, (N, 1), and values (M, 2) summed by weights over it."""
    largest = weights.max(axis=1, keepdims=True)
    return largest, np.exp(weights - largest) @ values
