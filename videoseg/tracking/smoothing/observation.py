"""An object as it was found on one frame, ready to be compared with others.

What is computed here is computed again in ``videoseg/kernels/observe.c``, number by number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import ByteMap, FloatMap
from videoseg.kernels import smoothing as kernels
from videoseg.kernels.library import address
from videoseg.kernels.smoothing import Located, SmoothingKernel, Window, smoothing_kernel
from videoseg.motion.distance_fields import BAND, Field, distances, float32, grain, window_of
from videoseg.tracking.smoothing.affine_fit import FIT_POINTS, Edge
from videoseg.tracking.smoothing.contours import EdgeBand
from videoseg.types import Box, Mask

_SIDES, _MIDDLE = np.float32(0.0724), np.float32(0.8552)
"""Weights of either neighbour and of a cell itself in what is blurred as being moved blurs: of
a Gaussian of 0.45 cells."""
_SOFT = 3
"""Side, cells, of the squares whose coverage tells where in a cell an edge lies. Odd."""
_WHOLE = 144
"""Coverage of a whole cell: any number of a cell's pixels is a whole number of these."""
_THIN = np.float32(3.0)
"""Half the width of what is thin, pixels."""
_THICK = np.float32(9.0)
"""Half the width of what is thick enough to be followed, pixels."""
_STEEP = 6.0
"""Logits beyond this, either way, tell no more of where the edge is."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """An object as it was found on one frame.

    Attributes:
        mask: Its pixels.
        field: Signed distances in a window, on the grid that its size asks for.
        band: The cells near its edge.
        room: float32 (B,), 0 to 1: how far both sides of an edge reach. What is thin on one frame
            is not where it is on the next, so no frame tells of another there.
        blurred: float32 (B,), its distances, blurred as being moved blurs.
        edge: Points of its edge.
        located: Where compiled code finds all that; None without it.
    """

    mask: Mask
    field: Field
    band: EdgeBand
    room: FloatMap
    blurred: FloatMap
    edge: Edge
    located: Located | None = None

    @classmethod
    def of(cls, mask: Mask) -> Observation:
        """A found mask, ready to be compared."""
        box = window_of(mask)
        kernel = smoothing_kernel()
        if kernel is not None:
            return cls._compiled(kernel, mask, box)
        values = _coarse(mask, box)
        field = Field(box, values, mask.frame_width, mask.frame_height)
        band, edge = EdgeBand.of(values, field.cell), Edge.of(values, field.cell)
        room = _room(values, field.cell).ravel()[band.at]
        return cls(mask, field, band, room, _blurred(values).ravel()[band.at], edge)

    @classmethod
    def _compiled(cls, kernel: SmoothingKernel, mask: Mask, box: Box) -> Observation:
        grid = _Grid.of(box)
        window = grid.window(mask, box)
        whole_cells = grid.width % grid.step == 0 and grid.height % grid.step == 0
        values, at, on_edge, room, blurred, places = kernel.observed(
            window,
            None if whole_cells else _cover(inside_of(mask, box), grid),
            None if mask.logits is None else _logit_distances(mask, box, grid),
            FIT_POINTS,
        )
        field = Field(box, values, mask.frame_width, mask.frame_height)
        band = EdgeBand((grid.rows, grid.columns), grid.cell, at, on_edge)
        edge = Edge.at(values, places, grid.cell)
        numbers = (len(places), edge.unit, *edge.middle, edge.prior)
        points = kernels.Edge(*map(address, (edge.values, edge.x, edge.y)), *numbers)
        located = Located(window, points, *map(address, (at, room, blurred)))
        return cls(mask, field, band, room, blurred, edge, located)


def inside_of(mask: Mask, box: Box) -> ByteMap:
    """The pixels of a mask in a window, uint8 (h, w), 0 or 1."""
    return masks.placed(mask.bitmap.view(np.uint8), mask.crop, box)


@dataclass(frozen=True, slots=True)
class _Grid:
    """The cells of a window of ``width`` x ``height`` pixels, each of ``step`` x ``step``.

    Where that leaves a rest, cells are a little smaller: ``cell`` pixels.
    """

    width: int
    height: int
    step: int

    @classmethod
    def of(cls, box: Box) -> _Grid:
        """The grid that a window's size asks for."""
        width, height = box[2] - box[0], box[3] - box[1]
        return cls(width, height, grain(width, height))

    @property
    def columns(self) -> int:
        """Cells across."""
        return -(-self.width // self.step)

    @property
    def rows(self) -> int:
        """Cells down."""
        return -(-self.height // self.step)

    @property
    def cell(self) -> float:
        """Height of a cell, pixels."""
        return self.height / self.rows

    def window(self, mask: Mask, box: Box) -> Window:
        """What compiled code needs to know of a mask."""
        place = (mask.x - box[0], mask.y - box[1], *mask.bitmap.shape[::-1])
        size = (self.width, self.height, self.columns, self.rows, self.step)
        return Window.of(mask.bitmap, (*place, *size), self.cell)


def _cover(inside: ByteMap, grid: _Grid) -> ByteMap:
    """How much of each cell an object covers, in parts of ``_WHOLE``."""
    import cv2

    size = (grid.columns, grid.rows)
    cover = cv2.resize(inside * np.uint8(_WHOLE), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cover, dtype=np.uint8)


def _coarse(mask: Mask, box: Box) -> FloatMap:
    """Signed distances in a window, on the grid that its size asks for.

    Near an edge they are finer than the cells: the coverage of a small square is a ramp across the
    edge, and so are a model's logits, over their slope.
    """
    import cv2

    grid, inside = _Grid.of(box), inside_of(mask, box)
    soft = np.float32(_SOFT * grid.cell)
    if grid.step > 1:
        cover = _cover(inside, grid)
        values = distances(np.asarray(cover > _WHOLE // 2, dtype=np.uint8), grid.cell)
    else:
        values = distances(inside, grid.cell)
    if mask.logits is not None:
        ramp = _logit_distances(mask, box, grid)
        return np.where(np.abs(values) < soft, np.clip(ramp, -BAND, BAND), values)
    if grid.step == 1:
        return values
    edge = cv2.BORDER_REPLICATE
    around = cv2.boxFilter(float32(cover), -1, (_SOFT, _SOFT), normalize=False, borderType=edge)
    scale = np.float32(1 / (_SOFT * _SOFT * _WHOLE))
    ramp = (float32(around) * scale - np.float32(0.5)) * soft
    return np.where(np.abs(ramp) < np.float32(0.45 * _SOFT * grid.cell), ramp, values)


def _blurred(values: FloatMap) -> FloatMap:
    """Distances, blurred as being moved blurs them; as at the border beyond it."""
    wide = np.pad(values, 1, mode="edge")
    across = (wide[:, :-2] + wide[:, 2:]) * _SIDES + wide[:, 1:-1] * _MIDDLE
    return float32((across[:-2] + across[2:]) * _SIDES + across[1:-1] * _MIDDLE)


def _room(values: FloatMap, cell: float) -> FloatMap:
    """How thick an object and what is beside it are about each cell: 0 = thin, 1 = thick."""
    import cv2

    side = 2 * round(float(_THICK) / cell) + 1
    around = np.ones((side, side), np.uint8)
    within = float32(cv2.dilate(values, around))
    beyond = -float32(cv2.erode(values, around))
    room = (np.minimum(within, beyond) - _THIN) * (1 / (_THICK - _THIN))
    return np.clip(room, 0, 1, out=room)


def _logit_distances(mask: Mask, box: Box, grid: _Grid) -> FloatMap:
    """A model's logits over their slope, pixels, on a window's grid: exact near a smooth edge."""
    import cv2

    assert mask.logits is not None  # noqa: S101
    x1, y1, x2, y2 = mask.crop
    full = cv2.copyMakeBorder(
        np.clip(mask.logits.astype(np.float32), -_STEEP, _STEEP),
        y1 - box[1],
        box[3] - y2,
        x1 - box[0],
        box[2] - x2,
        cv2.BORDER_CONSTANT,
        value=-_STEEP,
    )
    size = (grid.columns, grid.rows)
    soft = float32(cv2.resize(full, size, interpolation=cv2.INTER_AREA))
    across, down = (
        float32(cv2.Sobel(soft, cv2.CV_32F, *axes, scale=1 / (8 * grid.cell)))
        for axes in ((1, 0), (0, 1))
    )
    # Not by cv2.magnitude, whose last digit depends on where in memory arrays are.
    slope = cv2.blur(np.sqrt(across * across + down * down), (_SOFT, _SOFT))
    return float32(soft / np.maximum(float32(slope), np.float32(_STEEP / BAND)))
