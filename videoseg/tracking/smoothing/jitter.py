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

from videoseg.geometry.arrays import FloatMap, Indices, Values, on_grid
from videoseg.kernels.library import address
from videoseg.kernels.smoothing import Pull, SmoothingKernel, smoothing_kernel
from videoseg.motion.distance_fields import BAND, float32
from videoseg.tracking.smoothing.contours import EdgeBand, WarpedContour

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
class NeighbourPair:
    """What the past and the next outline, held together, tell along the present edge.

    Attributes:
        total: Cells of the edge that tell of the object, each by as much as it does.
        coverage: The same as a share of the edge's cells.
        variance: Of the edge's jitter, square pixels, times ``total``.
        error: Variance of the mean of past and next about the true edge, the same.
        local_error: float64 (B,), sums of that variance about each cell of the band,
        local_weight: and of what the cells count that it was summed over.
        cell: Pixels of a cell.
    """

    total: float
    coverage: float
    variance: float
    error: float
    local_error: Values
    local_weight: Values
    cell: float

    @classmethod
    def of(cls, before: WarpedContour, after: WarpedContour, band: EdgeBand) -> NeighbourPair:
        """Two contours in the band of the present edge."""
        kernel = smoothing_kernel()
        if kernel is not None:
            return cls._compiled(kernel, before, after, band)
        there = np.flatnonzero(band.on_edge)
        one, other = (
            WarpedContour(each.off[there], each.near[there], each.trust[there])
            for each in (before, after)
        )
        mean = on_grid((one.off + other.off) * np.float32(0.5))
        half = on_grid((one.off - other.off) * np.float32(0.5))
        tells = (np.abs(one.off) < _FAR) & (np.abs(other.off) < _FAR)
        sure = on_grid(np.sqrt(one.sure * other.sure)) * tells
        weight = on_grid(np.sqrt(one.weight * other.weight)) * tells
        total = float(sure.sum())

        around = _Sums(band, there)
        whole = around(sure, there) + 1e-3
        alike = around(on_grid(sure * mean), there) / whole
        unlike = around(on_grid(sure * half), there) / whole
        variance = on_grid(sure * (np.square(mean - alike) - np.square(half - unlike))).sum()
        error = on_grid(sure * np.square(half)).sum()
        return cls(
            total,
            total / max(1, len(there)),
            float(variance),
            float(error),
            around(on_grid(weight * np.square(half))),
            around(weight),
            band.cell,
        )

    @classmethod
    def _compiled(
        cls, kernel: SmoothingKernel, before: WarpedContour, after: WarpedContour, band: EdgeBand
    ) -> NeighbourPair:
        (total, there, variance, error), (local_error, local_weight) = kernel.pair(
            before.pointers,
            after.pointers,
            band.at,
            band.on_edge,
            band.shape,
            _reach(band),
            float(_FAR),
        )
        share = total / max(1, there)
        return cls(total, share, variance, error, local_error, local_weight, band.cell)


def _reach(band: EdgeBand) -> int:
    """Cells to either side in the squares that are looked at as a whole."""
    return round(AROUND / band.cell)


@dataclass(slots=True)
class _Sums:
    """Sums of values of edge cells in the squares about cells of the band."""

    band: EdgeBand
    there: Indices

    def __call__(self, values: Values, places: Indices | None = None) -> Values:
        """The sums about some cells of the band, or all."""
        import cv2

        spread = np.zeros(self.band.shape)
        spread.ravel()[self.band.at[self.there]] = values
        side = 2 * _reach(self.band) + 1
        border = cv2.BORDER_CONSTANT
        sums = cv2.boxFilter(spread, -1, (side, side), normalize=False, borderType=border)
        at = self.band.at if places is None else self.band.at[places]
        return np.asarray(sums, np.float64).ravel()[at]


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
        total = neighbours.total
        if total < 1:
            return self
        variance, error = neighbours.variance / total, neighbours.error / total
        if self.variance is None:
            return Jitter(variance, error, expected)
        return Jitter(
            self.variance + JITTER_EMA * (variance - self.variance),
            self.error + JITTER_EMA * (error - self.error),
            self.expected + JITTER_EMA * (expected - self.expected),
        )

    def _believed(self, neighbours: NeighbourPair | None) -> float:
        """How much of an edge's errors is jitter and not motion, square pixels."""
        if self.variance is None:
            return 0.0
        # The variance is a small difference where the errors are large: it is believed less then.
        variance = max(self.variance, 0.0)
        believed = variance * min(1.0, variance / max(self.error, 1e-6))
        if neighbours is not None:
            wavers = max(0.0, self.error - variance / 2 - self.expected)
            believed += WOBBLE * neighbours.coverage * wavers
        return believed

    def shift(
        self, contours: Sequence[WarpedContour], neighbours: NeighbourPair | None, strength: float
    ) -> FloatMap | None:
        """How far the edge is to be moved outwards, float32 (B,), pixels; None for not at all.

        Args:
            contours: The past and the next outline, or the one of them that there is, or none.
            neighbours: Both of them.
            strength: 0 for nothing, 1 for the most.
        """
        believed = self._believed(neighbours)
        if not contours or believed <= 0:
            return None
        wanted = GAIN * strength * believed
        kernel = smoothing_kernel()
        if kernel is not None:
            return self._compiled(kernel, contours, neighbours, wanted)
        # One contour alone errs twice as much as the mean of both.
        error = 2 * self.error if neighbours is None else self._error_about(neighbours)
        pull, weights = np.zeros_like(contours[0].off), np.full_like(contours[0].off, CERTAIN)
        for contour in contours:
            weight = contour.weight
            pull += contour.off * weight
            weights += weight
        return float32(pull / weights * (MOST * wanted / (wanted + error + 1e-6)))

    def _compiled(
        self,
        kernel: SmoothingKernel,
        contours: Sequence[WarpedContour],
        neighbours: NeighbourPair | None,
        wanted: float,
    ) -> FloatMap:
        """As ``shift``."""
        pull = Pull(certain=CERTAIN)
        if neighbours is None:
            pull.most = MOST * wanted / (wanted + 2 * self.error + 1e-6)
        else:
            pull.local_error = address(neighbours.local_error)
            pull.local_weight = address(neighbours.local_weight)
            pull.rest, pull.error = _LIKE_THE_REST / neighbours.cell, self.error
            pull.wanted, pull.most = wanted, MOST
        pointers = [contour.pointers for contour in contours]
        return kernel.shift(pointers, len(contours[0].off), pull)

    def _error_about(self, neighbours: NeighbourPair) -> Values:
        """The errors' variance about each place, which is told by few pixels of outline."""
        rest = _LIKE_THE_REST / neighbours.cell
        return (neighbours.local_error + rest * self.error) / (neighbours.local_weight + rest)
