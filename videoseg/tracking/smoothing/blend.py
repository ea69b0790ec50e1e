"""Smooths masks over time: what was drawn before, and what comes next, is moved and blended in.

Masks are blended as signed distances to their edge: a blend of two nearby outlines is then the
outline between them. The past and the next outline are moved by optical flow, then fitted to the
present one as a whole, so that what the flow missed does not become lag.

How much they count is learned from the object itself (``jitter.py``). A part that comes or
goes is taken as it is found. Nothing outlives its object: without a mask of the present frame
nothing is drawn.
"""

from __future__ import annotations

import ctypes
import dataclasses
from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import ByteMap, FloatMap, Indices, Values
from videoseg.kernels import smoothing as kernels
from videoseg.kernels.library import address
from videoseg.kernels.smoothing import SmoothingKernel, smoothing_kernel
from videoseg.motion.distance_fields import (
    BAND,
    Field,
    Motion,
    distances,
    float32,
    grain,
    mask_in_window,
    windowed,
)
from videoseg.tracking.smoothing.affine_fit import Edge, fit
from videoseg.tracking.smoothing.contours import (
    EdgeBand,
    Warp,
    WarpedContour,
    bilinear,
    warp_scales,
)
from videoseg.tracking.smoothing.jitter import Jitter, NeighbourPair
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
        band: The cells near its edge.
        room: float32 (B,), 0 to 1: how far both sides of an edge reach. What is thin on one frame
            is not where it is on the next, so no frame tells of another there.
        blurred: float32 (B,), its distances, blurred as being moved blurs.
        edge: Points of its edge.
    """

    mask: Mask
    inside: ByteMap
    field: Field
    band: EdgeBand
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
        band, edge = EdgeBand.of(values, field.cell), Edge.of(values, field.cell)
        room = _room(values, field.cell).ravel()[band.at]
        return cls(mask, inside, field, band, room, blurred.ravel()[band.at], edge)


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
    field = observation.field if before is None else _updated(observation, before, strength)
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
        expected = _expected_error(then, observation, motion)
        neighbours = NeighbourPair.of(before, after, observation.band)
        return state.jitter.learned(neighbours, expected), neighbours
    if state.contour is None or back is None:
        return state.jitter, None
    late = NeighbourPair.of(state.contour, _compared(observation.field, back, then), then.band)
    return state.jitter.learned(late, _expected_error(then, observation, back)), None


def _compared(other: Field, motion: Motion, observation: Observation) -> WarpedContour:
    """An outline of another frame, moved to the present one and held against it."""
    kernel = smoothing_kernel()
    if kernel is not None:
        return _compiled(kernel, other, motion, observation)
    warp = Warp.of(other, motion, observation.field)
    rows, columns = np.divmod(observation.band.at, observation.band.shape[1])
    moved, trust = warp.at(
        columns.astype(np.float64), rows.astype(np.float64), fit(warp, observation.edge)
    )
    # Moving blurs. What is held against it is blurred as much, or every bump would look worn.
    off = float32(moved) - observation.blurred
    # Tukey's biweight: what is out of reach has no weight.
    near = np.square(np.maximum(1 - np.square(off * np.float32(1 / BAND)), 0))
    return WarpedContour(off, near * observation.room, float32(trust))


def _compiled(
    kernel: SmoothingKernel, other: Field, motion: Motion, observation: Observation
) -> WarpedContour:
    """As ``_compared``."""
    evidence, edge, band = motion.evidence, observation.edge, observation.band
    scales = warp_scales(other, motion, observation.field)
    warp = kernels.Warp(
        *(address(other.values), *other.values.shape),
        *(address(evidence), *evidence.shape[:2]),
        *((ctypes.c_double * 4)(*each) for each in scales),
    )
    points = kernels.Edge(
        *map(address, (edge.values, edge.x, edge.y)),
        *(len(edge.values), edge.unit, *edge.middle, edge.prior),
    )
    room, blurred = observation.room, observation.blurred
    return WarpedContour(*kernel.compared(warp, points, band.at, band.shape[1], room, blurred))


def _updated(observation: Observation, before: WarpedContour, strength: float) -> Field:
    """The outline as it is known with the present one."""
    worth = before.sure * np.float32(MEMORY * strength)
    values = observation.field.values.copy()
    values.ravel()[observation.band.at] += before.off * (worth / (1 + worth))
    return dataclasses.replace(observation.field, values=values)


_MOVING_BLURS = 0.45
"""Standard deviation of what is blurred by being moved, cells."""
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
    """The pixels of a window with their edge moved outwards by ``shift`` pixels, on its band.

    Returns:
        bool (h, w), or None where no pixel changes sides.
    """
    import cv2

    shape, at = observation.band.shape, observation.band.at
    kernel = smoothing_kernel()
    if kernel is not None:
        made = observation.inside.copy()
        values = observation.field.values
        changed = kernel.moved_edge(values, at, shift, _LEAST_SHIFT, made)
        return made.view(np.bool_) if changed else None
    how_far = np.zeros(shape, np.float32)
    how_far.ravel()[at] = shift
    # Where an edge moves by so much that a pixel may change sides, and the cells around that.
    moves = np.abs(how_far) > np.float32(_LEAST_SHIFT)
    if not moves.any():
        return None
    around = cv2.dilate(moves.view(np.uint8), np.ones((3, 3), np.uint8))
    height, width = observation.inside.shape
    row_of, column_of = (
        np.arange(size) * cells // size for size, cells in ((height, shape[0]), (width, shape[1]))
    )
    y, x = np.nonzero(np.asarray(around)[row_of[:, None], column_of])
    moved = _between_cells(observation.field.values + how_far, y, x, (height, width))
    far = _between_cells(how_far, y, x, (height, width))
    inside = observation.inside.view(np.bool_)
    was_in, now_in = inside[y, x], moved > 0
    # A pixel only changes sides the way that the edge moves.
    changes = (was_in & ~now_in & (far < -_LEAST_SHIFT)) | (now_in & ~was_in & (far > _LEAST_SHIFT))
    if not changes.any():
        return None
    bitmap = inside.copy()
    bitmap[y, x] ^= changes
    return bitmap


def _between_cells(values: FloatMap, y: Indices, x: Indices, size: tuple[int, int]) -> Values:
    """What a map on a window's grid is at some of its (height, width) pixels, float64."""
    (rows, columns), (height, width) = values.shape, size
    return bilinear(
        values,
        (x + 0.5) * (columns / width) - 0.5,
        (y + 0.5) * (rows / height) - 0.5,
    )


_LEAST_SHIFT = 0.25
"""Edges that move by less, pixels, stay as they were found."""
