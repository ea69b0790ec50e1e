"""What moves with the background and not with the object is no part of it.

A wrong mask mostly holds a piece of the surroundings, which stays where it is while the object
goes on. Affine motions are fitted to the optical flow inside of the mask and around it, by
reweighted least squares, so that the larger part of each decides; pixels that move with the
surroundings and not with the object are denied, the more so the clearer the two differ. What moves
with neither is hardly denied, and nothing is affirmed: legs, arms and wheels move by themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.promptable.prompt_maps import CROP_SCALE
from videoseg.motion.flow import Flow
from videoseg.types import Box, Mask

_MAX_ODDS = 4.5
"""Log odds against the object, at most."""
_FLOW_STD = 0.3
"""Standard deviation of the flow, pixels of its field."""
_FLOW_STD_SHARE = 0.15
"""What is added to it, in parts of the difference of the two motions."""
_MIN_PIXELS = 40
"""Fewer pixels of the flow's field, inside or around, do not tell a motion."""
_RING_WIDTH = 0.5
"""How far out the ring of surroundings goes, in roots of the object's area."""
_RING_GAP = 2
"""Pixels between the object and that ring, which belong to neither."""
_SPARE = 4
"""Pixels of the field beyond what is looked at, for what rounds and blurs."""
_FIT_ROUNDS = 4
"""Times that the weights of the fit are found anew."""
_FIT_PIXELS = 4000
"""A motion is fitted to no more pixels than this, about evenly chosen."""
_OUTLIER_DISTANCE = 0.5
"""A pixel whose motion is off by this much, pixels, weighs half."""


def background_odds(flow: Flow, near: Mask) -> FloatMap | None:
    """Log odds from ``-_MAX_ODDS`` to 0, float32 of the flow's size, that a pixel is the object's.

    Further from the object than it is looked for nothing is said: 0.

    Args:
        flow: Motion from the frame before to this one.
        near: Where the object is thought to be on this frame.

    Returns:
        None where too little is seen of the object or of what is around it.
    """
    import cv2

    part = _part_of_field(flow, near)
    left, top, right, bottom = part
    inside = _covered(near, flow, part)
    around = _grown(inside, max(4, round(_RING_WIDTH * float(np.sqrt(inside.sum())))))
    around &= 1 - _grown(inside, _RING_GAP)
    if min(inside.sum(), around.sum()) < _MIN_PIXELS:
        return None
    motion = flow.backward[top:bottom, left:right]
    y, x = np.mgrid[top:bottom, left:right] / flow.backward.shape[1] - 0.5
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    object_motion, background_motion = (
        terms @ _robust_affine(terms[where > 0], motion[where > 0]) for where in (inside, around)
    )
    separation = np.square(object_motion - background_motion).sum(axis=-1)
    scale = 2 * (_FLOW_STD**2 + _FLOW_STD_SHARE**2 * separation)
    own = np.square(motion - object_motion).sum(axis=-1) / scale
    other = np.square(motion - background_motion).sum(axis=-1) / scale
    # What goes with neither may be the object's all the same, such as an arm, or another thing.
    by_itself = np.exp(-_MAX_ODDS)
    odds = np.log((np.exp(-own) + by_itself) / (np.exp(-other) + by_itself))
    whole = np.zeros(flow.backward.shape[:2], np.float32)
    denied = np.clip(odds, -_MAX_ODDS, 0).astype(np.float32)
    whole[top:bottom, left:right] = cv2.blur(denied, (3, 3))
    return whole


def _part_of_field(flow: Flow, near: Mask) -> Box:
    """The part of the field that an object is looked for in, and the ring around it."""
    x1, y1, x2, y2 = masks.bounding_box(near)
    ring = _RING_WIDTH * float(np.sqrt(masks.area(near)))
    sight = CROP_SCALE / 2 * max(x2 - x1, y2 - y1)
    rows, columns = flow.backward.shape[:2]

    def ends(first: int, last: int, scale: float, most: int) -> tuple[int, int]:
        middle, reach = (first + last) / 2, max(sight, (last - first) / 2 + ring)
        begin = int((middle - reach) / scale) - _SPARE
        return max(0, begin), min(most, int((middle + reach) / scale) + 1 + _SPARE)

    left, right = ends(x1, x2, flow.scale_x, columns)
    top, bottom = ends(y1, y2, flow.scale_y, rows)
    return left, top, right, bottom


def _covered(near: Mask, flow: Flow, part: Box) -> npt.NDArray[np.uint8]:
    """Pixels of a part of the field that a mask covers by half or more."""
    import cv2

    left, top, right, bottom = part
    box = (
        round(left * flow.scale_x),
        round(top * flow.scale_y),
        min(flow.frame_width, round(right * flow.scale_x)),
        min(flow.frame_height, round(bottom * flow.scale_y)),
    )
    seen = masks.placed(near.bitmap.astype(np.uint8), near.crop, box)
    size = (right - left, bottom - top)
    return np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _grown(inside: npt.NDArray[np.uint8], by: int) -> npt.NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.dilate(inside, np.ones((2 * by + 1, 2 * by + 1), np.uint8)), np.uint8)


def _robust_affine(
    terms: npt.NDArray[np.float64], motion: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """(3, 2) that takes ``terms`` (n, 3) to the motion (n, 2) of most of them."""
    step = 1 + len(terms) // _FIT_PIXELS
    terms, motion = terms[::step], motion[::step]
    weights: npt.NDArray[np.float64] = np.ones(len(terms))
    found = np.zeros((3, 2))
    for _ in range(_FIT_ROUNDS):
        weighted = terms * weights[:, None]
        normal = weighted.T @ terms + 1e-3 * np.eye(3)
        found[:] = np.linalg.solve(normal, weighted.T @ motion)
        weights = 1 / (1 + np.square(motion - terms @ found).sum(axis=1) / _OUTLIER_DISTANCE**2)
    return found
