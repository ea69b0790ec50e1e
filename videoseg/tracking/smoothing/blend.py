"""Smooths masks over time: what was drawn before, and what comes next, is moved and blended in.

Masks are blended as signed distances to their edge: a blend of two nearby outlines is then the
outline between them. The past and the next outline are moved by optical flow, then fitted to the
present one as a whole, so that what the flow missed does not become lag.

How much they count is learned from the object itself (``jitter.py``). A part that comes or
goes is taken as it is found. Nothing outlives its object: without a mask of the present frame
nothing is drawn.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import ByteMap, FloatMap
from videoseg.motion.distance_fields import (
    BAND,
    Field,
    Motion,
    distances,
    float32,
    grain,
    magnified,
    mask_in_window,
    sampled,
    windowed,
)
from videoseg.tracking.smoothing.affine_fit import Edge, fitted
from videoseg.tracking.smoothing.jitter import Jitter, NeighbourPair, WarpedContour
from videoseg.types import Bitmap, Box, Mask

MEMORY = 4.0
"""Frames that the past is worth at full strength, beside the present one."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """An object as it was found on one frame.

    Attributes:
        mask: Its pixels.
        inside: uint8 (h, w), the same in the window, 0 or 1.
        field: Signed distances in the window, on the grid that its size asks for.
        room: float32 of the grid's size, 0 to 1: how far both sides of an edge reach. What is thin
            on one frame is not where it is on the next, so no frame tells of another there.
        blurred: float32 of the grid's size, its distances, blurred as being moved blurs.
        edge: Points of its edge.
    """

    mask: Mask
    inside: ByteMap
    field: Field
    room: FloatMap
    blurred: FloatMap
    edge: Edge

    @classmethod
    def of(cls, mask: Mask) -> Observation:
        """A found mask, ready to be compared."""
        import cv2

        box, inside = windowed(mask)
        values = _coarse(mask, box, inside)
        field = Field(box, values, mask.frame_width, mask.frame_height)
        blurred = float32(cv2.GaussianBlur(values, (3, 3), _MOVING_BLURS))
        room, edge = _room(values, field.cell), Edge.of(values, field.cell)
        return cls(mask, inside, field, room, blurred, edge)


@dataclass(frozen=True, slots=True, eq=False)
class SmootherState:
    """What smoothing an object goes on with.

    Attributes:
        field: The outline as it is known up to now.
        observation: As it was found last.
        contour: That of the frame before, moved to it and compared, or None.
        jitter: What is known of how its outlines err.
    """

    field: Field
    observation: Observation
    contour: WarpedContour | None = None
    jitter: Jitter = dataclasses.field(default_factory=Jitter)


def smooth_mask(
    state: SmootherState | None,
    motion: Motion | None,
    observation: Observation,
    following: tuple[Observation, Motion] | None,
    *,
    back: Motion | None = None,
    strength: float,
) -> tuple[Mask, SmootherState]:
    """The present mask, its edge drawn towards where the past and the next one lie.

    How far the edge moves is smooth, so it is computed on a coarser grid; where it does not move,
    the mask stays exactly as it was found.

    Args:
        state: What the frame before ended with, or None.
        motion: How the present frame came from the one before, or None.
        observation: The object as found.
        following: The object as found on the next frame, and how that came to be, seen from the
            present frame; None where there is no next frame, or it is not known yet.
        back: The motion from the present frame to the one before, to learn from the present what
            the past was like, where no next frame was known then.
        strength: 0 for nothing, 1 for the most.

    Returns:
        The mask, the same object if nothing changed, and what to go on with.
    """
    before: WarpedContour | None = None
    after: WarpedContour | None = None
    if state is not None and motion is not None:
        before = _compared(state.field, motion, observation)
    if following is not None:
        after = _compared(following[0].field, following[1], observation)
    jitter, neighbours = _known(state, motion, before, after, observation, back)
    values = observation.field.values
    if before is not None:
        worth = before.sure * np.float32(MEMORY * strength)
        values = values + before.off * (worth / (1 + worth))
    field = dataclasses.replace(observation.field, values=values)
    result = SmootherState(field, observation, before, jitter)
    contours = [each for each in (before, after) if each is not None]
    shift = jitter.shift(contours, neighbours, strength)
    if shift is None:
        return observation.mask, result
    bitmap = _moved_edge(observation, shift)
    moved = (
        None if bitmap is None else mask_in_window(bitmap, observation.field.box, observation.mask)
    )
    return moved or observation.mask, result


def _known(
    state: SmootherState | None,
    motion: Motion | None,
    before: WarpedContour | None,
    after: WarpedContour | None,
    observation: Observation,
    back: Motion | None,
) -> tuple[Jitter, NeighbourPair | None]:
    """What is known of an object's jitter, with this frame; and both sides of it, if there are."""
    if state is None or motion is None:
        return Jitter(), None
    then = state.observation
    if before is not None and after is not None:
        field, expected = observation.field, _expected_error(then, observation, motion)
        neighbours = NeighbourPair.of(before, after, field.values, field.cell)
        return state.jitter.learned(neighbours, expected), neighbours
    if state.contour is None or back is None:
        return state.jitter, None
    late = NeighbourPair.of(
        state.contour, _compared(observation.field, back, then), then.field.values, then.field.cell
    )
    return state.jitter.learned(late, _expected_error(then, observation, back)), None


def _compared(other: Field, motion: Motion, observation: Observation) -> WarpedContour:
    """An outline of another frame, moved to the present one and held against it."""
    import cv2

    shape = observation.field.values.shape
    evidence = magnified(motion.evidence, motion.flow, observation.field.box, shape)
    # Moving blurs. What is held against it is blurred as much, or every bump would look worn.
    off = fitted(sampled(other, evidence, motion.flow), observation.edge) - observation.blurred
    # Tukey's biweight: what is out of reach has no weight.
    near = np.square(np.maximum(1 - np.square(off * np.float32(1 / BAND)), 0))
    near *= observation.room
    return WarpedContour(off, near, float32(cv2.extractChannel(evidence, 2)))


_MOVING_BLURS = 0.6
"""Standard deviation of what is blurred by being moved and fitted, cells."""
_SOFT = 3
"""Side, cells, of the squares whose coverage tells where in a cell an edge lies. Odd."""


def _coarse(mask: Mask, box: Box, inside: ByteMap) -> FloatMap:
    """Signed distances in a window, on the grid that its size asks for.

    Near an edge they are finer than the cells: the coverage of a small square is a ramp across the
    edge, and so are a model's logits, over their slope.
    """
    import cv2

    height, width = inside.shape
    step = grain(width, height)
    if step == 1:
        values, cell = distances(inside, 1.0), 1.0
        if mask.logits is None:
            return values
        size = (width, height)
    else:
        size = (-(-width // step), -(-height // step))
        cover = cv2.resize(inside * np.uint8(252), size, interpolation=cv2.INTER_AREA)
        cell = height / size[1]
        values = distances(np.asarray(cover > 126, dtype=np.uint8), cell)
        if mask.logits is None:
            around = cv2.blur(float32(cover), (_SOFT, _SOFT), borderType=cv2.BORDER_REPLICATE)
            ramp = (float32(around) * np.float32(1 / 252) - np.float32(0.5)) * (_SOFT * cell)
            return np.where(np.abs(ramp) < 0.45 * _SOFT * cell, ramp, values)
    ramp = _logit_distances(mask, box, size, cell)
    return np.where(np.abs(values) < _SOFT * cell, np.clip(ramp, -BAND, BAND), values)


def _room(values: FloatMap, cell: float) -> FloatMap:
    """How thick an object and what is beside it are about each cell: 0 = thin, 1 = thick."""
    import cv2

    side = 2 * round(_THICK / cell) + 1
    around = np.ones((side, side), np.uint8)
    within = float32(cv2.dilate(values, around))
    beyond = -float32(cv2.erode(values, around))
    room = (np.minimum(within, beyond) - np.float32(_THIN)) * np.float32(1 / (_THICK - _THIN))
    return np.clip(room, 0, 1, out=room)


def _logit_distances(mask: Mask, box: Box, size: tuple[int, int], cell: float) -> FloatMap:
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
    soft = float32(cv2.resize(full, size, interpolation=cv2.INTER_AREA))
    across = cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / (8 * cell))
    down = cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / (8 * cell))
    slope = cv2.blur(cv2.magnitude(across, down), (_SOFT, _SOFT))
    return float32(soft / np.maximum(float32(slope), np.float32(_STEEP / BAND)))


_THIN = 3.0
"""Half the width of what is thin, pixels."""
_THICK = 9.0
"""Half the width of what is thick enough to be followed, pixels."""
_STEEP = 6.0
"""Logits beyond this, either way, tell no more of where the edge is."""


def _expected_error(before: Observation, now: Observation, motion: Motion) -> float:
    """Variance that a motion's own error is expected to give an outline, square pixels."""
    (x1, y1, x2, y2), (left, top, right, bottom) = before.mask.crop, now.mask.crop
    moves = np.hypot(left + right - x1 - x2, top + bottom - y1 - y2) / 2
    return float((_STILL_ERROR * motion.flow.scale_x) ** 2 + (_MOVING_ERROR * moves) ** 2)


_STILL_ERROR = 0.5
"""Standard deviation of a motion's error where little moves, pixels of the flow's field."""
_MOVING_ERROR = 0.1
"""Standard deviation that an object's motion adds to that, in parts of the motion."""


def _moved_edge(observation: Observation, shift: FloatMap) -> Bitmap | None:
    """The pixels of a window with their edge moved outwards by ``shift`` pixels, on its grid.

    Returns:
        bool (h, w), or None where no pixel changes sides.
    """
    import cv2

    if max(shift.max(), -shift.min()) < _LEAST_SHIFT:
        return None
    height, width = observation.inside.shape
    size = (width, height)
    moved = cv2.resize(observation.field.values + shift, size, interpolation=cv2.INTER_LINEAR)
    how_far = cv2.resize(shift, size, interpolation=cv2.INTER_LINEAR)
    inside = observation.inside.view(np.bool_)
    now_in = np.asarray(moved > 0)
    # A pixel only changes sides the way that the edge moves.
    leaves = inside & ~now_in & np.asarray(how_far < -_LEAST_SHIFT)
    enters = now_in & ~inside & np.asarray(how_far > _LEAST_SHIFT)
    changes = leaves | enters
    return inside ^ changes if changes.any() else None


_LEAST_SHIFT = 0.25
"""Edges that move by less, pixels, stay as they were found."""
