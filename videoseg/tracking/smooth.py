"""Steadies outlines over time: what was drawn before is moved along and blended in.

Masks are blended as signed distances to their edge: a blend of two nearby outlines is then the
outline between them. The past is moved by optical flow, then fitted to the present outline as a
whole, so that what the flow missed does not become lag. It weighs less the further it is from the
present, and the less the picture confirms its motion: jitter of a still or well followed edge is
averaged away, while an edge that really moved, a new part or a hole is taken as it is found.
Nothing outlives its object: without a mask of the present frame nothing is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.motion import Flow
from videoseg.types import Bitmap, Box, Mask, RgbImage

Map = npt.NDArray[np.float32]
"""float32 (h, w)."""

BAND = 10
"""Distances are known up to this far from an edge, and outlines further apart are not blended,
pixels."""
MEMORY = 8.0
"""Frames that the past is worth at full strength, where it agrees."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Signed distance to an object's edge in a window of the frame: positive inside.

    Attributes:
        box: The window.
        values: float32 (h, w) of the window, pixels, at most ``BAND`` either way; outside the
            window it is ``-BAND``.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
    """

    box: Box
    values: Map
    frame_width: int
    frame_height: int

    @property
    def bitmap(self) -> Bitmap:
        """The pixels inside, bool (h, w) of the window."""
        return np.asarray(self.values > 0)


def field_of(mask: Mask) -> Field:
    """The field whose positive pixels are exactly the mask's."""
    import cv2

    x1, y1, x2, y2 = mask.crop
    box = padded(mask.crop, BAND, mask.frame_width, mask.frame_height)
    inside = np.zeros((box[3] - box[1], box[2] - box[0]), dtype=np.uint8)
    inside[y1 - box[1] : y2 - box[1], x1 - box[0] : x2 - box[0]] = mask.bitmap
    # The nearest inner pixel of a pixel outside lies on the rim; the nearest outer one of a pixel
    # inside is one further than the rim. Either is half a pixel beyond the edge between them. The
    # frame's border is no edge.
    rim = inside - _eroded(inside)
    distance = _float32(cv2.distanceTransform(1 - rim, cv2.DIST_L2, 5))
    np.negative(distance, out=distance, where=inside == 0)
    distance += np.float32(0.5)
    return Field(box, np.clip(distance, -BAND, BAND), mask.frame_width, mask.frame_height)


def mask_of(field: Field) -> Mask | None:
    """The pixels inside; None where there are none."""
    crop = masks.from_bitmap(field.bitmap)
    if crop is None:
        return None
    x, y = field.box[0] + crop.x, field.box[1] + crop.y
    return Mask(x, y, field.frame_width, field.frame_height, crop.bitmap)


def carried(field: Field, flow: Flow | None, box: Box) -> Field:
    """A field of the previous frame in a window of this one; without a flow nothing has moved."""
    moved = _carried(field, flow, box, (box[3] - box[1], box[2] - box[0]))
    return Field(box, moved, field.frame_width, field.frame_height)


def steadied(previous: Field, flow: Flow, trust: Map, present: Field, *, strength: float) -> Field:
    """The present field, drawn towards where the previous one has moved.

    Args:
        previous: As it was drawn on the frame before.
        flow: Motion between the two frames.
        trust: How far the motion is to be believed, see ``trust_in``.
        present: Of the present frame's own mask.
        strength: 0 for nothing, 1 for the most.
    """
    import cv2

    box = present.box
    height, width = present.values.shape
    # What is added to the present field is smooth: a coarse grid does, and where nothing is added
    # the present one stays exact.
    shape = (-(-height // _GRAIN), -(-width // _GRAIN))
    now = _float32(cv2.resize(present.values, shape[::-1], interpolation=cv2.INTER_AREA))
    apart = _fitted(_carried(previous, flow, box, shape), now, width / shape[1])
    apart -= now
    # Tukey's biweight: what is out of reach has no say.
    weight = np.square(np.maximum(1 - np.square(apart * np.float32(1 / BAND)), 0))
    weight *= _magnified(trust, flow, box, shape)
    weight *= np.float32(MEMORY * strength / (1 + MEMORY * strength))
    values = _float32(cv2.resize(apart * weight, (width, height), interpolation=cv2.INTER_LINEAR))
    values += present.values
    return Field(box, values, present.frame_width, present.frame_height)


def blended(before: Field, after: Field, share: float) -> Field:
    """The field ``share`` of the way from one field to another, both in the same window."""
    values = (1 - share) * before.values + share * after.values
    return Field(before.box, values.astype(np.float32), before.frame_width, before.frame_height)


def trust_in(flow: Flow, previous: RgbImage, current: RgbImage) -> Map:
    """How far the pictures confirm a flow: float32 of the flow's size, 1 = fully, 0 = not at all.

    What the previous picture, moved, differs from the current one, over the picture's slope there,
    is how far the motion is off, in pixels of the field (the normal flow of Horn and Schunck,
    "Determining Optical Flow", 1981).

    Args:
        flow: The motion.
        previous: uint8 (h, w, 3) of the flow's own size.
        current: The same of the present frame.
    """
    import cv2

    before = cv2.cvtColor(previous, cv2.COLOR_RGB2GRAY)
    now = cv2.cvtColor(current, cv2.COLOR_RGB2GRAY)
    height, width = now.shape
    was = flow.backward.copy()
    was[..., 0] += np.arange(width, dtype=np.float32)
    was[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    moved = _sampled(before.astype(np.float32), was)
    slope = cv2.magnitude(
        cv2.Sobel(now, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(now, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    around = (_TRUST_WINDOW, _TRUST_WINDOW)
    differs = cv2.blur(np.abs(moved - now), around)
    off = differs / (cv2.blur(slope, around) + np.float32(_FLAT))
    return np.asarray(np.exp(np.square(off) * np.float32(-1 / _TRUSTED_ERROR**2)), np.float32)


def padded(box: Box, margin: int, frame_width: int, frame_height: int) -> Box:
    """A box with a margin on every side, inside the frame."""
    x1, y1, x2, y2 = box
    return (
        max(0, x1 - margin),
        max(0, y1 - margin),
        min(frame_width, x2 + margin),
        min(frame_height, y2 + margin),
    )


_TRUST_WINDOW = 5
"""Side of the windows over which pictures are compared, pixels of the flow's field."""
_FLAT = 4.0
"""Slopes well below this, grey levels a pixel, are noise and tell nothing of motion."""
_TRUSTED_ERROR = 0.45
"""Motion that is this far off, pixels of the flow's field, is trusted 1/e as much."""


_GRAIN = 2
"""Side of the cells in which outlines are compared, pixels."""
_FIT_POINTS = 1000
"""Edge cells that are looked at to fit one outline to another."""
_FIT_LEAST = 6
"""Fewest edge cells that can tell an affine motion."""
_FIT_ROUNDS = 3
"""Most rounds of fitting."""
_FIT_ENOUGH = 2.0
"""A round that moves the edge by less than this, pixels, is the last."""
_FIT_SCALE = 4.0
"""An edge this far off, pixels, counts 1/e in a round of fitting."""
_FIT_PRIOR = 0.002
"""How much evidence an edge cell must give before it moves the past."""


def _fitted(past: Map, present: Map, grain: float) -> Map:
    """A distance map moved, turned and scaled as a whole (affinely) on to another one.

    Least squares over the present edge: there the past map, read ``u(p)`` further on, ought to be
    zero. Repeated while it moves much (Gauss-Newton). An affine motion has too few degrees of
    freedom to follow jitter.

    Args:
        past: float32 (h, w), pixels.
        present: float32 (h, w), pixels.
        grain: Pixels per cell of the two.
    """
    import cv2

    height, width = present.shape
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    rim = np.abs(present[1:-1, 1:-1]) < grain
    for _ in range(_FIT_ROUNDS):
        places = np.flatnonzero(rim & (np.abs(past[1:-1, 1:-1]) < BAND - 1))
        if len(places) < _FIT_LEAST:
            return past
        rows, columns = np.divmod(places[:: max(1, len(places) // _FIT_POINTS)], width - 2)
        step, moves = _affine_step(past, present, rows + 1, columns + 1, grain)
        past = _float32(
            cv2.warpAffine(past, step, (width, height), None, how, cv2.BORDER_CONSTANT, -BAND)
        )
        if moves < _FIT_ENOUGH:
            break
    return past


def _affine_step(
    past: Map,
    present: Map,
    rows: npt.NDArray[np.intp],
    columns: npt.NDArray[np.intp],
    grain: float,
) -> tuple[npt.NDArray[np.float64], float]:
    """The affine map (2, 3), in cells, that brings ``past`` nearer to ``present``.

    Returns:
        The map from the present place to the past one, and how far it moves the edge, pixels.
    """
    height, width = present.shape
    apart = past[rows, columns] - present[rows, columns]
    slope_x = (past[rows, columns + 1] - past[rows, columns - 1]) / 2
    slope_y = (past[rows + 1, columns] - past[rows - 1, columns]) / 2
    # Offsets are unknown in cells, slopes are pixels per cell; positions run from -1 to 1.
    centre, unit = np.array([width - 1, height - 1]) / 2, max(height, width) / 2
    x, y = (columns - centre[0]) / unit, (rows - centre[1]) / unit
    terms = np.stack([slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y], axis=1)
    weighted = terms * np.exp(-np.square(apart / _FIT_SCALE))[:, None]
    normal = weighted.T @ terms + _FIT_PRIOR * grain**2 * len(rows) * np.eye(6)
    found = np.linalg.solve(normal, weighted.T @ -apart)
    moves = float(np.sqrt(np.mean(np.square(terms @ found))))
    step = found.reshape(2, 3)
    to_past = np.eye(2, 3)
    to_past[:, :2] += step[:, :2] / unit
    to_past[:, 2] = step[:, 2] - step[:, :2] @ centre / unit
    return to_past, moves


def _carried(field: Field, flow: Flow | None, box: Box, shape: tuple[int, int]) -> Map:
    """A field of the previous frame in a window of this one, on a grid of (rows, columns)."""
    step_x, step_y = (box[2] - box[0]) / shape[1], (box[3] - box[1]) / shape[0]
    was = np.zeros((*shape, 2), dtype=np.float32)
    if flow is not None:
        was += _magnified(flow.backward, flow, box, shape)
        was *= np.array([flow.scale_x, flow.scale_y], dtype=np.float32)
    columns = np.arange(shape[1]) * step_x + (step_x - 1) / 2 + box[0] - field.box[0]
    rows = np.arange(shape[0]) * step_y + (step_y - 1) / 2 + box[1] - field.box[1]
    was[..., 0] += columns.astype(np.float32)
    was[..., 1] += rows.astype(np.float32)[:, None]
    return _sampled(field.values, was, outside=-BAND)


def _eroded(inside: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The pixels whose four neighbours are all inside; beyond the border counts as inside."""
    import cv2

    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.erode(inside, cross), dtype=np.uint8)


def _sampled(values: Map, at: Map, *, outside: float | None = None) -> Map:
    """Values at the places ``at``, float32 (h, w, 2); beyond the border ``outside`` or the edge."""
    import cv2

    border = cv2.BORDER_REPLICATE if outside is None else cv2.BORDER_CONSTANT
    # OpenCV's stubs do not know that a map of two channels needs no second one.
    return _float32(
        cv2.remap(values, at, None, cv2.INTER_LINEAR, None, border, outside or 0.0)  # type: ignore[call-overload]
    )


def _float32(values: npt.NDArray[Any]) -> Map:
    """The same array; OpenCV's own types leave its kind open."""
    return np.asarray(values, dtype=np.float32)


def _magnified(values: Map, flow: Flow, box: Box, shape: tuple[int, int]) -> Map:
    """A map of the flow's size in a window of the frame, on a grid (rows, columns)."""
    import cv2

    # Centres of the grid's cells in the flow's own pixels.
    step_x = (box[2] - box[0]) / shape[1] / flow.scale_x
    step_y = (box[3] - box[1]) / shape[0] / flow.scale_y
    to_flow = np.array(
        [
            [step_x, 0, step_x / 2 + box[0] / flow.scale_x - 0.5],
            [0, step_y, step_y / 2 + box[1] / flow.scale_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return _float32(cv2.warpAffine(values, to_flow, shape[::-1], None, how, cv2.BORDER_REPLICATE))
