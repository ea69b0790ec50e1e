"""How far two pictures confirm the motion between them, about the places where that matters.

``kernels/evidence.c`` computes the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videoseg.geometry.arrays import ByteMap, Flags, FloatMap
from videoseg.geometry.sampling import bilinear
from videoseg.kernels.evidence import Compared, evidence_kernel
from videoseg.motion.flow import Flow, GreyImage, places_of

_TRUST_WINDOW = 3
"""Side of the windows over which pictures are compared, pixels of the flow's field."""
_FLAT = np.float32(4)
"""Slopes well below this, grey levels a pixel, are noise and tell nothing of motion."""
_TRUSTED_ERROR = np.float32(0.3)
"""Motion that is this far off, pixels of the flow's field, is trusted 1/e as much."""
_HALVINGS = 6
"""An exponential is found as a power of this power of two: other ways round it differently."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """How a frame came from another one, and how far that is to be believed.

    Attributes:
        evidence: float32 (h, w, 3) of a flow's size: where each of its pixels was in the other
            frame, x and y in the flow's own pixels, and trust: 1 = fully, 0 = not at all.
        scale_x: Frame pixels per pixel of the flow, across.
        scale_y: Frame pixels per pixel of the flow, down.
    """

    evidence: FloatMap
    scale_x: float
    scale_y: float


def motion_between(
    flow: Flow,
    previous: GreyImage,
    current: GreyImage,
    slope: FloatMap,
    near: Flags | None = None,
    *,
    inverted: bool = False,
) -> Motion:
    """A flow, with how far the pictures confirm it.

    What the previous picture, moved, differs from the current one, over the picture's slope there,
    is how far the motion is off (the normal flow of Horn and Schunck, "Determining Optical Flow",
    1981).

    Args:
        flow: The motion.
        previous: uint8 (h, w) of the flow's own size.
        current: The same of the present frame.
        slope: ``slope_of`` that.
        near: bool (h, w), where it is to be compared; nothing is trusted elsewhere. None: all over.
        inverted: Whether the flow is that from ``previous`` to ``current``. Its inverse is found
            where it is compared: what was covered meanwhile goes along with what is around it.
    """
    if near is None:
        near = np.ones(current.shape, np.bool_)
    compared = Compared(previous, current, near, slope, flow.backward)
    kernel = evidence_kernel()
    evidence = _evidence(compared, flow, inverted) if kernel is None else kernel(compared, inverted)
    return Motion(evidence, flow.scale_x, flow.scale_y)


def slope_of(picture: GreyImage) -> FloatMap:
    """How steep a grey picture is about each pixel, float32 (h, w), grey levels a pixel; not 0."""
    import cv2

    across, down = (
        np.asarray(cv2.Sobel(picture, cv2.CV_32F, *axes, scale=1 / 8), dtype=np.float32)
        for axes in ((1, 0), (0, 1))
    )
    # Not by cv2.magnitude, whose last digit depends on where in memory arrays are.
    slope = np.sqrt(across * across + down * down)
    blurred = cv2.blur(slope, (_TRUST_WINDOW, _TRUST_WINDOW))
    return np.asarray(blurred + _FLAT, dtype=np.float32)


def _evidence(given: Compared, flow: Flow, inverted: bool) -> FloatMap:
    """As ``Motion.evidence``."""
    places, backward = places_of(flow), flow.backward
    made = np.zeros((*given.current.shape, 3), np.float32)
    made[..., :2] = places - backward if inverted else places + backward
    rows, columns = np.nonzero(_widened(given.near))
    x, y = made[rows, columns, :2].T
    if inverted:
        x, y = _inverse(backward, places[rows, columns], (x, y))
        made[rows, columns, 0], made[rows, columns, 1] = x, y
    (shade,) = bilinear(given.previous.astype(np.float32)[..., None], x, y)
    off = np.zeros(given.current.shape, np.float32)
    off[rows, columns] = np.abs(shade - given.current[rows, columns].astype(np.float32))
    made[..., 2] = np.where(given.near, _trust(off, given.slope), np.float32(0))
    return made


def _inverse(
    backward: FloatMap, places: FloatMap, start: tuple[FloatMap, FloatMap]
) -> tuple[FloatMap, FloatMap]:
    """Two rounds of the fixed-point iteration that inverts a flow; the first reads whole pixels."""
    height, width = backward.shape[:2]
    nearest = (
        (np.clip(at, 0, size - 1) + np.float32(0.5)).astype(np.int64)
        for at, size in zip(start, (width, height), strict=True)
    )
    column, row = nearest
    came_from = places - backward[row, column]
    moved_x, moved_y = bilinear(backward, *came_from.T)
    return places[:, 0] - moved_x, places[:, 1] - moved_y


def _widened(near: Flags) -> ByteMap:
    """What is near, and one pixel more around it."""
    import cv2

    square = np.ones((_TRUST_WINDOW, _TRUST_WINDOW), np.uint8)
    return np.asarray(cv2.dilate(near.view(np.uint8), square), dtype=np.uint8)


def _trust(off: FloatMap, slope: FloatMap) -> FloatMap:
    """Trust in a motion by which pictures are so many levels off, float32 (h, w)."""
    wide = np.pad(off, 1, mode="edge")
    across: FloatMap = wide[:, :-2] + wide[:, 1:-1] + wide[:, 2:]
    mean = (across[:-2] + across[1:-1] + across[2:]) * np.float32(1 / _TRUST_WINDOW**2)
    error = mean / slope * (np.float32(1) / _TRUSTED_ERROR)
    trust: FloatMap = np.maximum(1 - error * error * np.float32(1 / 2**_HALVINGS), np.float32(0))
    for _ in range(_HALVINGS):
        trust *= trust
    return trust
