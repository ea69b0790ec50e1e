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
    # Pixel centres lie half a pixel from the edge between them; the frame's border is no edge.
    values = _float32(cv2.distanceTransform(inside, cv2.DIST_L2, 5))
    values -= _float32(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5))
    values += np.float32(0.5) - inside
    return Field(box, np.clip(values, -BAND, BAND), mask.frame_width, mask.frame_height)


def mask_of(field: Field) -> Mask | None:
    """The pixels inside; None where there are none."""
    crop = masks.from_bitmap(field.bitmap)
    if crop is None:
        return None
    x, y = field.box[0] + crop.x, field.box[1] + crop.y
    return Mask(x, y, field.frame_width, field.frame_height, crop.bitmap)


def carried(field: Field, flow: Flow | None, box: Box) -> Field:
    """A field of the previous frame in a window of this one; without a flow nothing has moved."""
    was = np.zeros((box[3] - box[1], box[2] - box[0], 2), dtype=np.float32)
    if flow is not None:
        was += _magnified(flow.backward, flow, box)
        was *= np.array([flow.scale_x, flow.scale_y], dtype=np.float32)
    was[..., 0] += np.arange(box[0] - field.box[0], box[2] - field.box[0], dtype=np.float32)
    rows = np.arange(box[1] - field.box[1], box[3] - field.box[1], dtype=np.float32)
    was[..., 1] += rows[:, None]
    moved = _sampled(field.values, was, outside=-BAND)
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
    past = _fitted(carried(previous, flow, present.box), present)
    apart = past.values - present.values
    # Tukey's biweight: what is out of reach has no say.
    weight = np.square(np.maximum(1 - np.square(apart * np.float32(1 / BAND)), 0))
    weight *= _magnified(trust, flow, present.box)
    weight *= np.float32(MEMORY * strength / (1 + MEMORY * strength))
    apart *= weight
    apart += present.values
    return Field(present.box, apart, present.frame_width, present.frame_height)


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
    was = flow.backward + np.dstack(np.meshgrid(np.arange(width), np.arange(height)))
    moved = _sampled(before.astype(np.float32), was.astype(np.float32))
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


_FIT_POINTS = 1000
"""Edge pixels that are looked at to fit one outline to another."""
_FIT_PRIOR = 0.002
"""How much evidence an edge pixel must give before it moves the past."""


def _fitted(past: Field, present: Field) -> Field:
    """A field moved, turned and scaled as a whole (affinely) on to another in the same window.

    One step of least squares over the present edge: there the past field, read ``u(p)`` further
    on, ought to be zero. An affine motion has too few degrees of freedom to follow jitter.
    """
    import cv2

    height, width = present.values.shape
    apart = past.values - present.values
    edge = (np.abs(present.values) < 2) & (np.abs(apart) < BAND - 1)
    rows, columns = np.nonzero(edge[1:-1, 1:-1])
    stride = max(1, len(rows) // _FIT_POINTS)
    rows, columns = rows[::stride] + 1, columns[::stride] + 1
    if len(rows) < 6:
        return past
    near = apart[rows, columns]
    slope_x = (past.values[rows, columns + 1] - past.values[rows, columns - 1]) / 2
    slope_y = (past.values[rows + 1, columns] - past.values[rows - 1, columns]) / 2
    unit = max(height, width) / 2
    x, y = (columns - width / 2) / unit, (rows - height / 2) / unit
    terms = np.stack([slope_x * x, slope_x * y, slope_x, slope_y * x, slope_y * y, slope_y], axis=1)
    weighted = terms * np.exp(-np.square(near / 4))[:, None]
    normal = weighted.T @ terms + _FIT_PRIOR * len(rows) * np.eye(6)
    step = np.linalg.solve(normal, weighted.T @ -near).reshape(2, 3)
    to_past = np.eye(2, 3)
    to_past[:, :2] += step[:, :2] / unit
    to_past[:, 2] = step[:, 2] - step[:, :2] @ (width / 2 / unit, height / 2 / unit)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        past.values, to_past, (width, height), None, how, cv2.BORDER_CONSTANT, -float(BAND)
    )
    return Field(past.box, _float32(moved), past.frame_width, past.frame_height)


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


def _magnified(values: Map, flow: Flow, box: Box) -> Map:
    """A map of the flow's size at the pixels of a window of the frame."""
    import cv2

    x1, y1, x2, y2 = box
    # Pixel centres of the frame in the field's coordinates.
    to_field = np.array(
        [
            [1 / flow.scale_x, 0, (x1 + 0.5) / flow.scale_x - 0.5],
            [0, 1 / flow.scale_y, (y1 + 0.5) / flow.scale_y - 0.5],
        ]
    )
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (x2 - x1, y2 - y1)
    return _float32(cv2.warpAffine(values, to_field, size, None, how, cv2.BORDER_REPLICATE))
