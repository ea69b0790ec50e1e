"""Outlines of other frames, moved to the present one and held against it, near its edge.

What is computed here is computed again in ``videoseg/kernels/smoothing.c``, number by number: where
the order of a sum could tell, what is summed is on a grid (``on_grid``), so that sums are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Flags, FloatMap
from videoseg.geometry.sampling import bilinear
from videoseg.kernels.smoothing import Contour
from videoseg.motion.distance_fields import BAND, Field, on_edge
from videoseg.motion.evidence import Motion

Affine: TypeAlias = tuple[float, float, float, float, float, float]
"""x = a x + b y + c and y = d x + e y + f."""
Scales: TypeAlias = tuple[float, float, float, float]
"""Scale and shift across, and down."""
_NEAR = 8.0
"""How far from an edge outlines are held against it, pixels: it is seldom moved by more."""
_NEAR_CELLS = 3
"""The same, cells of the grid, of which that is at least so many."""
STILL: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Moves nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class EdgeBand:
    """The cells of a grid that lie near an edge, row by row.

    Attributes:
        shape: Rows and columns of the grid.
        cell: Pixels of a cell.
        at: int32 (B,), positions in the grid.
        on_edge: bool (B,), through which the edge runs, or close by.
    """

    shape: tuple[int, int]
    cell: float
    at: npt.NDArray[np.int32]
    on_edge: Flags

    @classmethod
    def of(cls, values: FloatMap, cell: float) -> EdgeBand:
        """The band of signed distances, float32 (h, w), pixels."""
        reach = max(_NEAR, _NEAR_CELLS * cell)
        at = np.flatnonzero(np.abs(values) < np.float32(reach)).astype(np.int32)
        return cls((values.shape[0], values.shape[1]), cell, at, on_edge(values.ravel()[at], cell))


@dataclass(frozen=True, slots=True, eq=False)
class WarpedContour:
    """An outline of another frame, moved to the present one, in the band of its edge.

    Attributes:
        off: float32 (B,), how far outside the present one it is, pixels.
        near: float32 (B,), 0 to 1: less the further it is, and the thinner what it borders.
        trust: float32 (B,), 0 to 1: how far the picture confirms its motion.
        located: Where that is, if compiled code has found it.
    """

    off: FloatMap
    near: FloatMap
    trust: FloatMap
    located: Contour | None = None

    @property
    def pointers(self) -> Contour:
        """Where compiled code finds it."""
        return self.located or Contour.of(self.off, self.near, self.trust)

    @property
    def sure(self) -> FloatMap:
        """How much it tells of the object, 0 to 1."""
        return self.near * self.trust

    @property
    def weight(self) -> FloatMap:
        """How much it counts where the edge is drawn, 0 to 1: more than it tells."""
        return self.near * np.sqrt(self.trust)


@dataclass(frozen=True, slots=True, eq=False)
class Warp:
    """Where cells of the present grid lie in a field of another frame.

    Attributes:
        padded: float32, that field's values with one cell around them, and one more behind.
        evidence: float32 (h, w, 3), of the motion between the frames.
        to_flow: From the present cells to pixels of the flow: scale and shift across, and down.
        to_cells: From those to the cells of the other field, the same.
    """

    padded: FloatMap
    evidence: FloatMap
    to_flow: Scales
    to_cells: Scales

    @classmethod
    def of(cls, other: Field, motion: Motion, present: Field) -> Warp:
        """From the present field to another one, by the motion seen from the present frame."""
        return cls(
            np.pad(other.values, (1, 2), constant_values=-BAND),
            motion.evidence,
            *warp_scales(other, motion, present),
        )

    @property
    def cell(self) -> tuple[float, float]:
        """Width and height of a present cell in the other field's cells."""
        return self.to_flow[0] * self.to_cells[0], self.to_flow[2] * self.to_cells[2]

    def places(self, x: FloatMap, y: FloatMap, to: Affine) -> tuple[FloatMap, FloatMap, FloatMap]:
        """Columns and rows of the other field, of places in cells moved by ``to``; and trust."""
        a, b, c, d, e, f = to
        scale_x, shift_x, scale_y, shift_y = self.to_flow
        across = (a * scale_x, b * scale_x, c * scale_x + shift_x)
        down = (d * scale_y, e * scale_y, f * scale_y + shift_y)
        u, v = (
            x * np.float32(one) + y * np.float32(other) + np.float32(shift)
            for one, other, shift in (across, down)
        )
        found_x, found_y, trust = bilinear(self.evidence, u, v)
        column, row = (
            found * np.float32(scale) + np.float32(shift)
            for found, (scale, shift) in (
                (found_x, self.to_cells[:2]),
                (found_y, self.to_cells[2:]),
            )
        )
        return column, row, trust

    def read(self, column: FloatMap, row: FloatMap) -> FloatMap:
        """The other field's distances at places of its own."""
        rows, columns = (np.float32(size - 3) for size in self.padded.shape)
        one = np.float32(1)
        column = np.minimum(np.maximum(column, -one), columns) + one
        row = np.minimum(np.maximum(row, -one), rows) + one
        return bilinear(self.padded[..., None], column, row)[0]


def warp_scales(other: Field, motion: Motion, present: Field) -> tuple[Scales, Scales]:
    """``Warp.to_flow`` and ``Warp.to_cells``."""
    (x1, y1, x2, y2), (rows, columns) = present.box, present.values.shape
    cell_x, cell_y = (x2 - x1) / columns, (y2 - y1) / rows
    to_flow = (
        cell_x / motion.scale_x,
        (cell_x / 2 + x1) / motion.scale_x - 0.5,
        cell_y / motion.scale_y,
        (cell_y / 2 + y1) / motion.scale_y - 0.5,
    )
    (x1, y1, x2, y2), (rows, columns) = other.box, other.values.shape
    to_x, to_y = columns / (x2 - x1), rows / (y2 - y1)
    to_cells = (
        motion.scale_x * to_x,
        (0.5 * motion.scale_x - x1) * to_x - 0.5,
        motion.scale_y * to_y,
        (0.5 * motion.scale_y - y1) * to_y - 0.5,
    )
    return to_flow, to_cells
