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

from videoseg.geometry.arrays import ByteMap, FloatMap, Indices
from videoseg.geometry.sampling import bilinear
from videoseg.kernels import smoothing as kernels
from videoseg.kernels.library import address
from videoseg.kernels.smoothing import Located, SmoothingKernel, smoothing_kernel
from videoseg.motion.distance_fields import BAND, Field, mask_in_window
from videoseg.motion.evidence import Motion
from videoseg.tracking.smoothing.affine_fit import fit
from videoseg.tracking.smoothing.contours import Warp, WarpedContour, warp_scales
from videoseg.tracking.smoothing.jitter import Jitter, NeighbourPair
from videoseg.tracking.smoothing.observation import Observation, inside_of
from videoseg.types import Mask

MEMORY = 4.0
"""Frames that the past is worth at full strength, beside the present one."""


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
    return _moved_edge(observation, shift) or observation.mask, result


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
    warp, band = Warp.of(other, motion, observation.field), observation.band
    rows, columns = (
        each.astype(np.float32) for each in np.divmod(band.at, np.int32(band.shape[1]))
    )
    column, row, trust = warp.places(columns, rows, fit(warp, observation.edge))
    # Moving blurs. What is held against it is blurred as much, or every bump would look worn.
    off = warp.read(column, row) - observation.blurred
    # Tukey's biweight: what is out of reach has no weight.
    near = np.square(np.maximum(1 - np.square(off * np.float32(1 / BAND)), 0))
    return WarpedContour(off, near * observation.room, trust)


def _compiled(
    kernel: SmoothingKernel, other: Field, motion: Motion, observation: Observation
) -> WarpedContour:
    """As ``_compared``."""
    evidence, located = motion.evidence, observation.located
    assert located is not None  # noqa: S101 - what is compiled has made the observation
    scales = warp_scales(other, motion, observation.field)
    warp = kernels.Warp(
        *(address(other.values), *other.values.shape),
        *(address(evidence), *evidence.shape[:2]),
        *((ctypes.c_double * 4)(*each) for each in scales),
    )
    (off, near, trust), where = kernel.compared(warp, located, len(observation.band.at))
    return WarpedContour(off, near, trust, where)


def _updated(observation: Observation, before: WarpedContour, strength: float) -> Field:
    """The outline as it is known with the present one."""
    values, at = observation.field.values.copy(), observation.band.at
    kernel = smoothing_kernel()
    if kernel is not None:
        kernel.updated(at, before.pointers, MEMORY * strength, values)
    else:
        worth = before.sure * np.float32(MEMORY * strength)
        values.ravel()[at] += before.off * (worth / (1 + worth))
    field = observation.field
    return Field(field.box, values, field.frame_width, field.frame_height)


def _expected_error(before: Observation, now: Observation, motion: Motion) -> float:
    """Variance that a motion's own error is expected to give an outline, square pixels."""
    (x1, y1, x2, y2), (left, top, right, bottom) = before.mask.crop, now.mask.crop
    moves = np.hypot(left + right - x1 - x2, top + bottom - y1 - y2) / 2
    return float((_STILL_ERROR * motion.scale_x) ** 2 + (_MOVING_ERROR * moves) ** 2)


_STILL_ERROR = 0.25
"""Standard deviation of a motion's error where little moves, pixels of the flow's field."""
_MOVING_ERROR = 0.1
"""Standard deviation that an object's motion adds to that, in parts of the motion."""


def _moved_edge(observation: Observation, shift: FloatMap) -> Mask | None:
    """A mask with its edge moved outwards by ``shift`` pixels, on its band.

    Returns:
        None where no pixel changes sides, or none is left.
    """
    if observation.located is not None:
        return _compiled_edge(observation.located, observation, shift)
    import cv2

    box, how_far = observation.field.box, np.zeros(observation.band.shape, np.float32)
    how_far.ravel()[observation.band.at] = shift
    # Where an edge moves by so much that a pixel may change sides, and the cells around that.
    moves = np.abs(how_far) > _LEAST_SHIFT
    if not moves.any():
        return None
    square = np.ones((3, 3), np.uint8)
    around = np.asarray(cv2.dilate(moves.view(np.uint8), square), dtype=np.uint8)
    inside = inside_of(observation.mask, box)
    moved = observation.field.values + how_far
    y, x = _open_pixels(moved, around, inside)
    was_in, now_in = inside[y, x] > 0, _between_cells(moved, y, x, inside.shape) > 0
    other = np.flatnonzero(was_in != now_in)
    y, x, now_in = y[other], x[other], now_in[other]
    far = _between_cells(how_far, y, x, inside.shape)
    # A pixel only changes sides the way that the edge moves.
    changes = np.where(now_in, far > _LEAST_SHIFT, far < -_LEAST_SHIFT)
    if not changes.any():
        return None
    bitmap = inside.view(np.bool_)
    bitmap[y, x] ^= changes
    return mask_in_window(bitmap, box, observation.mask)


def _open_pixels(moved: FloatMap, around: ByteMap, inside: ByteMap) -> tuple[Indices, Indices]:
    """Rows and columns of the pixels that may change sides, in the cells that are looked at.

    Where all around a cell is on one side, only pixels of the other side may.
    """
    import cv2

    square = np.ones((3, 3), np.uint8)
    within, beyond = (
        np.asarray(cv2.erode(side.view(np.uint8), square), dtype=np.uint8)
        for side in (moved >= _NEARLY, moved <= -_NEARLY)
    )
    # 0: not looked at, 1: on either side, 2: within, 3: beyond.
    states = around * (1 + within + 2 * beyond).astype(np.uint8)
    (rows, columns), (height, width) = moved.shape, inside.shape
    wide = states.take(np.arange(width) * columns // width, axis=1)
    found = wide.take(np.arange(height) * rows // height, axis=0)
    found += 4 * inside
    y, x = np.nonzero(_OPEN.take(found))
    return y, x


_NEARLY = np.float32(1e-3)
"""What rounding may do to a number between two of the same sign is less than this."""
_OPEN = np.array([0, 1, 1, 0, 0, 1, 0, 1], np.bool_)
"""Whether a pixel may change sides, by the state of its cell, and 4 more where it is inside."""


def _compiled_edge(located: Located, observation: Observation, shift: FloatMap) -> Mask | None:
    """As ``_moved_edge``."""
    kernel = smoothing_kernel()
    assert kernel is not None  # noqa: S101 - what is compiled has made the window
    found = kernel.moved_edge(located, observation.field.values, shift)
    if found is None:
        return None
    made, (left, top, right, bottom) = found
    if left >= right:
        return None
    box, mask = observation.field.box, observation.mask
    crop = made[top:bottom, left:right].copy()
    return Mask(box[0] + left, box[1] + top, mask.frame_width, mask.frame_height, crop)


def _between_cells(values: FloatMap, y: Indices, x: Indices, size: tuple[int, int]) -> FloatMap:
    """What a map on a window's grid is at some of its (height, width) pixels."""
    (rows, columns), (height, width), half = values.shape, size, np.float32(0.5)
    return bilinear(
        values[..., None],
        (x.astype(np.float32) + half) * np.float32(columns / width) - half,
        (y.astype(np.float32) + half) * np.float32(rows / height) - half,
    )[0]


_LEAST_SHIFT = np.float32(0.25)
"""Edges that move by less, pixels, stay as they were found."""
