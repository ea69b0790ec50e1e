"""Outlines as signed distances on a grid, and how they move along the picture's motion."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import ByteMap, FloatMap
from videoseg.kernels.smoothing import smoothing_kernel
from videoseg.motion.flow import Flow, places_of
from videoseg.types import Bitmap, Box, Mask

BAND = 16
"""Distances are known up to this far from an edge, and outlines further apart are not blended,
pixels."""
_CELL_1_BELOW = 96
"""Windows with a shorter side below this, pixels, are compared pixel by pixel."""
_CELL_2_BELOW = 240
"""Windows below this, and not below ``_CELL_1_BELOW``, are compared in cells of 2 x 2 pixels."""
_CELL_3_BELOW = 400
"""Windows below this are compared in cells of 3 x 3 pixels, and all others in cells of 4 x 4."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Signed distance to an object's edge on a grid over a window of the frame: positive inside.

    Attributes:
        box: The window.
        values: float32 (rows, columns), pixels, at most ``BAND`` either way; outside the window it
            is ``-BAND``. The window is split evenly; where it is as many pixels, cells are pixels.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
    """

    box: Box
    values: FloatMap
    frame_width: int
    frame_height: int

    @property
    def cell(self) -> float:
        """Pixels of a cell of the grid."""
        return float((self.box[3] - self.box[1]) / self.values.shape[0])


def field_of(mask: Mask) -> Field:
    """The field, on the frame's pixels, whose positive ones are exactly the mask's."""
    box = window_of(mask)
    inside = masks.placed(mask.bitmap.view(np.uint8), mask.crop, box)
    return Field(box, distances(inside, 1.0), mask.frame_width, mask.frame_height)


def mask_of(field: Field) -> Mask | None:
    """The pixels inside a field on the frame's pixels; None where there are none."""
    return mask_in_window(np.asarray(field.values > 0), field.box, field)


def warped(field: Field, flow: Flow | None, box: Box) -> Field:
    """A field of the previous frame, moved onto the pixels of a window of this one.

    Without a flow nothing has moved.
    """
    shape = (box[3] - box[1], box[2] - box[0])
    flow = flow or Flow(np.zeros((1, 1, 2), np.float32), field.frame_width, field.frame_height)
    came_from = magnified(_origins(flow), flow, box, shape)
    moved = sampled(field, came_from, flow)
    return Field(box, moved, field.frame_width, field.frame_height)


def interpolated(before: Field, after: Field, share: float) -> Field:
    """The field ``share`` of the way from one to another, both on the same window's pixels."""
    values = (1 - share) * before.values + share * after.values
    return Field(before.box, values.astype(np.float32), before.frame_width, before.frame_height)


def grain(width: int, height: int) -> int:
    """Side of the cells in which a window of this size is compared, pixels."""
    return 1 + bisect.bisect_right(
        (_CELL_1_BELOW, _CELL_2_BELOW, _CELL_3_BELOW), min(width, height)
    )


def window_of(mask: Mask) -> Box:
    """A window around a mask with room for its edge to move."""
    left, top, right, bottom = masks.padded(mask.crop, BAND, mask.frame_width, mask.frame_height)
    # Windows that split evenly into cells are reduced much faster.
    cell = grain(right - left, bottom - top)
    right = min(mask.frame_width, right + (left - right) % cell)
    bottom = min(mask.frame_height, bottom + (top - bottom) % cell)
    return (left, top, right, bottom)


def on_edge(values: FloatMap, cell: float) -> npt.NDArray[np.bool_]:
    """Which cells of distances to an edge, pixels, it runs through, or close by."""
    return np.asarray(np.abs(values) < max(cell, 2))


def mask_in_window(bitmap: Bitmap, box: Box, frame: Field | Mask) -> Mask | None:
    """The mask of what is set in a window; None where nothing is."""
    crop = masks.from_bitmap(bitmap)
    if crop is None:
        return None
    x, y = box[0] + crop.x, box[1] + crop.y
    return Mask(x, y, frame.frame_width, frame.frame_height, crop.bitmap)


def distances(inside: ByteMap, cell: float) -> FloatMap:
    """Signed distance to the edge between 0 and 1, pixels; cells are ``cell`` pixels wide.

    The nearest inner cell of a cell outside lies on the rim; the nearest outer one of a cell inside
    is one further than the rim. Either is half a cell beyond the edge between them. The frame's
    border is no edge.
    """
    kernel = smoothing_kernel()
    if kernel is not None:
        return kernel.distances(inside, cell)
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rim = inside - np.asarray(cv2.erode(inside, cross), dtype=np.uint8)
    exact = float32(cv2.distanceTransform(1 - rim, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))
    # Squares are whole numbers; OpenCV's roots of them are not rounded alike everywhere.
    distance = np.sqrt(np.rint(np.square(np.minimum(exact, _FAR_OFF))))
    distance = np.where(inside, distance, -distance)
    distance += np.float32(0.5)
    distance *= np.float32(cell)
    return np.clip(distance, -BAND, BAND, out=distance)


_FAR_OFF = np.float32(1000)
"""Cells beyond which no distance tells."""


def _origins(flow: Flow) -> FloatMap:
    """Where each pixel of a flow was in the previous frame: x and y, in the flow's own pixels."""
    return places_of(flow) + flow.backward


def sampled(field: Field, came_from: FloatMap, flow: Flow) -> FloatMap:
    """A field's values at places given in the flow's own pixels, (h, w, 2 or more): x and y first.

    Beyond the field's window they are ``-BAND``.
    """
    import cv2

    rows, columns = field.values.shape
    x1, y1, x2, y2 = field.box
    to_x, to_y = columns / (x2 - x1), rows / (y2 - y1)
    # As many channels out as in: OpenCV is ten times as fast then.
    to_cells = np.eye(came_from.shape[2], came_from.shape[2] + 1)
    to_cells[0, 0], to_cells[1, 1] = flow.scale_x * to_x, flow.scale_y * to_y
    to_cells[0, -1] = (0.5 * flow.scale_x - x1) * to_x - 0.5
    to_cells[1, -1] = (0.5 * flow.scale_y - y1) * to_y - 0.5
    x, y, *_ = cv2.split(cv2.transform(came_from, to_cells))
    return float32(remapped(field.values, float32(x), float32(y), outside=-BAND))


def remapped(
    values: npt.NDArray[Any],
    x: FloatMap,
    y: FloatMap | None = None,
    *,
    outside: float | None = None,
) -> npt.NDArray[Any]:
    """Values at the places ``x, y``, or at ``x`` of two channels.

    Beyond the border they are ``outside``, or as at the border.
    """
    import cv2

    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    second: Any = y  # OpenCV's stubs do not know that a map of two channels needs no second one
    return np.asarray(cv2.remap(values, x, second, cv2.INTER_LINEAR, None, border, outside or 0.0))


def float32(values: npt.NDArray[Any]) -> FloatMap:
    """The same array; OpenCV's own types leave its kind open."""
    return np.asarray(values, dtype=np.float32)


def magnified(values: FloatMap, flow: Flow, box: Box, shape: tuple[int, ...]) -> FloatMap:
    """A map of the flow's size in a window of the frame, on a grid of (rows, columns)."""
    import cv2

    rows, columns = shape
    # Centres of the grid's cells in the flow's own pixels.
    step_x = (box[2] - box[0]) / columns / flow.scale_x
    step_y = (box[3] - box[1]) / rows / flow.scale_y
    to_flow = np.array(
        [
            [step_x, 0, step_x / 2 + box[0] / flow.scale_x - 0.5],
            [0, step_y, step_y / 2 + box[1] / flow.scale_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (columns, rows)
    return float32(cv2.warpAffine(values, to_flow, size, None, how, cv2.BORDER_REPLICATE))
