"""How an object's outlines err from frame to frame, and how far its edge is to be moved for it.

Where both the past and the next outline, moved to the present frame, lie on the same side of the
present one, the present one jitters; where they lie on either side, or anywhere, the object moves
or the motion is not known well. Averaged along the outline, the square of their mean distance less
that of half their difference is the variance of the jitter, whatever the motion's errors are, as
long as those of the past and of the next are not alike; half their difference, squared, is that of
the errors. What is alike along a longer stretch of the outline is no jitter: an object that speeds
up leaves both behind, one that turns leaves them on either side.

Models that carry objects along do not jitter, they waver: their errors last for some frames. That
counts as jitter as far as outlines differ by more than the motion's error is expected to be, and as
far as the edge tells of it.

The blend of least error follows from the two variances (Wiener, "Extrapolation, Interpolation, and
Smoothing of Stationary Time Series", 1949). So masks that do not jitter are left as they are, and
rough ones are smoothed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.motion.distance_fields import BAND, float32, on_edge

JITTER_EMA = 0.3
"""Weight of each frame in the moving averages of an object's jitter."""
CERTAIN = 0.1
"""Outlines that together count well below this leave the edge where it was found."""
GAIN = 8.5
"""How much more than the least error asks for an edge is smoothed at full strength."""
WOBBLE = 6.0
"""How much of what slowly wavers counts as jitter, once its whole edge tells of it."""
MOST = 0.9
"""Share of the way to the others' mean that an edge goes at most."""
AROUND = 25.0
"""Half the length of the stretches of an outline that are looked at as a whole, pixels."""
_FAR = np.float32(0.8 * BAND)
"""Outlines this far apart tell nothing of jitter."""
_LIKE_THE_REST = 20.0
"""Pixels of outline that it takes to count as much as what is known of the object as a whole."""


@dataclass(frozen=True, slots=True, eq=False)
class WarpedContour:
    """An outline of another frame, moved to the present one and held against it.

    Attributes:
        off: float32 (h, w), how far outside the present one it is, pixels.
        near: float32 (h, w), 0 to 1: less the further it is, and the thinner what it borders.
        trust: float32 (h, w), 0 to 1: how far the picture confirms its motion.
    """

    off: FloatMap
    near: FloatMap
    trust: FloatMap

    @property
    def sure(self) -> FloatMap:
        """How much it tells of the object, 0 to 1."""
        return self.near * self.trust

    @property
    def weight(self) -> FloatMap:
        """How much it counts where the edge is drawn, 0 to 1: more than it tells."""
        return self.near * np.sqrt(self.trust)


@dataclass(frozen=True, slots=True, eq=False)
class NeighbourPair:
    """The past and the next outline along the present edge.

    Attributes:
        mean: float32 (h, w), how far outside the present one they are on average, pixels.
        half: float32 (h, w), half of how much further the past one is.
        sure: float32 (h, w), how much a place tells of the object; 0 away from the edge.
        weight: float32 (h, w), how much it counts; 0 away from the edge.
        coverage: Mean of ``sure`` along the edge.
        window: Cells across the squares that are looked at as a whole.
        cell: Pixels of a cell.
    """

    mean: FloatMap
    half: FloatMap
    sure: FloatMap
    weight: FloatMap
    coverage: float
    window: int
    cell: float

    @classmethod
    def of(
        cls, before: WarpedContour, after: WarpedContour, edge: FloatMap, cell: float
    ) -> NeighbourPair:
        """Two contours, with the present distances to the edge, pixels, on cells of ``cell`` px."""
        mean = (before.off + after.off) * np.float32(0.5)
        half = (before.off - after.off) * np.float32(0.5)
        there = on_edge(edge, cell)
        tells = there & (np.abs(before.off) < _FAR) & (np.abs(after.off) < _FAR)
        sure = np.sqrt(before.sure * after.sure) * tells
        weight = np.sqrt(before.weight * after.weight) * tells
        coverage = float(sure.sum()) / max(1, int(np.count_nonzero(there)))
        return cls(mean, half, sure, weight, coverage, 2 * round(AROUND / cell) + 1, cell)

    def around(self, values: FloatMap) -> FloatMap:
        """Sums of values about each place."""
        import cv2

        square = (self.window, self.window)
        return float32(cv2.boxFilter(values, -1, square, normalize=False))


@dataclass(frozen=True, slots=True)
class Jitter:
    """What is known of an object's outlines.

    Attributes:
        variance: Of the edge's jitter, square pixels, or None where nothing is known.
        error: Variance of the mean of past and next about the true edge, square pixels.
        expected: What is expected of that from the motion's own error.
    """

    variance: float | None = None
    error: float = 0.0
    expected: float = 0.0

    def learned(self, neighbours: NeighbourPair, expected: float) -> Jitter:
        """With what one more frame tells.

        Args:
            neighbours: The past and the next outline.
            expected: The error that the motion is expected to make, square pixels.
        """
        sure = neighbours.sure
        total = float(sure.sum())
        if total < 1:
            return self
        whole = neighbours.around(sure) + np.float32(1e-3)
        mean = neighbours.mean - neighbours.around(sure * neighbours.mean) / whole
        half = neighbours.half - neighbours.around(sure * neighbours.half) / whole
        variance = float((sure * (np.square(mean) - np.square(half))).sum()) / total
        error = float((sure * np.square(neighbours.half)).sum()) / total
        if self.variance is None:
            return Jitter(variance, error, expected)
        return Jitter(
            self.variance + JITTER_EMA * (variance - self.variance),
            self.error + JITTER_EMA * (error - self.error),
            self.expected + JITTER_EMA * (expected - self.expected),
        )

    def shift(
        self, contours: Sequence[WarpedContour], neighbours: NeighbourPair | None, strength: float
    ) -> FloatMap | None:
        """How far the edge is to be moved outwards, pixels; None for not at all.

        Args:
            contours: The past and the next outline, or the one of them that there is, or none.
            neighbours: Both of them.
            strength: 0 for nothing, 1 for the most.
        """
        if not contours or self.variance is None:
            return None
        # The variance is a small difference where the errors are large: it is believed less then.
        variance = max(self.variance, 0.0)
        believed = variance * min(1.0, variance / max(self.error, 1e-6))
        if neighbours is not None:
            wavers = max(0.0, self.error - variance / 2 - self.expected)
            believed += WOBBLE * neighbours.coverage * wavers
        if believed <= 0:
            return None
        wanted = np.float32(GAIN * strength * believed)
        # One contour alone errs twice as much as the mean of both.
        error = np.float32(2 * self.error) if neighbours is None else self._error_about(neighbours)
        pull, weights = np.zeros_like(contours[0].off), np.full_like(contours[0].off, CERTAIN)
        for contour in contours:
            weight = contour.weight
            pull += contour.off * weight
            weights += weight
        share = np.float32(MOST) * wanted / (wanted + error + np.float32(1e-6))
        return float32(pull / weights * share)

    def _error_about(self, neighbours: NeighbourPair) -> FloatMap:
        """The errors' variance about each place, which is told by few pixels of outline."""
        rest = np.float32(_LIKE_THE_REST / neighbours.cell)
        half = neighbours.around(neighbours.weight * np.square(neighbours.half))
        found = half + rest * np.float32(self.error)
        return float32(found / (neighbours.around(neighbours.weight) + rest))
