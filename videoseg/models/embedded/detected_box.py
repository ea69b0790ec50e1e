"""A thing as the detector gives it, and how boxes overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import FloatMap


@dataclass(frozen=True, slots=True)
class DetectedBox:
    """A thing: its box ``x1, y1, x2, y2`` in frame pixels, and the score of its class, 0 to 1."""

    box: tuple[float, float, float, float]
    score: float


def overlaps(box: FloatMap, others: FloatMap) -> FloatMap:
    """IoU of a box (4,) with each of others (n, 4), or of boxes (n, 4) with those of their rows."""
    shared, area, areas = shared_area(box, others)
    return np.asarray(shared / np.maximum(area + areas - shared, 1e-6), dtype=np.float32)


def shared_area(box: FloatMap, others: FloatMap) -> tuple[FloatMap, FloatMap, FloatMap]:
    """Areas that boxes share, paired as by ``overlaps``, and the areas of both."""
    low, high = np.maximum(box[..., :2], others[:, :2]), np.minimum(box[..., 2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    area, areas = (np.prod(each[..., 2:] - each[..., :2], axis=-1) for each in (box, others))
    return shared, area, areas
