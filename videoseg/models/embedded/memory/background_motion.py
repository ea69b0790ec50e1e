"""What moves with the background and not with the object is no part of it.

A wrong mask mostly holds a piece of the surroundings, which stays where it is while the object
goes on. Affine motions are fitted to the optical flow inside of the mask and around it, by
reweighted least squares, so that the larger part of each decides; pixels whose flow is nearer to
the surroundings' motion than to the object's are denied, the more so the clearer the two differ.
Nothing is affirmed: legs, arms and wheels move by themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.arrays import FloatMap
from videoseg.motion.flow import Flow
from videoseg.types import Mask

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
_FIT_ROUNDS = 4
"""Times that the weights of the fit are found anew."""
_OUTLIER_DISTANCE = 0.5
"""A pixel whose motion is off by this much, pixels, weighs half."""


def background_odds(flow: Flow, near: Mask) -> FloatMap | None:
    """Log odds from ``-_MAX_ODDS`` to 0, float32 of the flow's size, that a pixel is the object's.

    Args:
        flow: Motion from the frame before to this one.
        near: Where the object is thought to be on this frame.

    Returns:
        None where too little is seen of the object or of what is around it.
    """
    import cv2

    rows, columns = flow.backward.shape[:2]
    full = masks.to_bitmap(near).astype(np.uint8)
    inside = np.asarray(
        cv2.resize(full, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    around = _grown(inside, max(4, round(_RING_WIDTH * float(np.sqrt(inside.sum())))))
    around &= 1 - _grown(inside, _RING_GAP)
    if min(inside.sum(), around.sum()) < _MIN_PIXELS:
        return None
    y, x = np.mgrid[:rows, :columns] / columns - 0.5
    terms = np.stack([np.ones_like(x), x, y], axis=-1)
    object_motion, background_motion = (
        terms @ _robust_affine(terms[part > 0], flow.backward[part > 0])
        for part in (inside, around)
    )
    separation = np.square(object_motion - background_motion).sum(axis=-1)
    advantage = np.square(flow.backward - background_motion).sum(axis=-1)
    advantage -= np.square(flow.backward - object_motion).sum(axis=-1)
    odds = advantage / (2 * (_FLOW_STD**2 + _FLOW_STD_SHARE**2 * separation))
    return np.asarray(cv2.blur(np.clip(odds, -_MAX_ODDS, 0).astype(np.float32), (3, 3)), np.float32)


def _grown(inside: npt.NDArray[np.uint8], by: int) -> npt.NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.dilate(inside, np.ones((2 * by + 1, 2 * by + 1), np.uint8)), np.uint8)


def _robust_affine(
    terms: npt.NDArray[np.float64], motion: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """(3, 2) that takes ``terms`` (n, 3) to the motion (n, 2) of most of them."""
    weights: npt.NDArray[np.float64] = np.ones(len(terms))
    found = np.zeros((3, 2))
    for _ in range(_FIT_ROUNDS):
        weighted = terms * weights[:, None]
        normal = weighted.T @ terms + 1e-3 * np.eye(3)
        found[:] = np.linalg.solve(normal, weighted.T @ motion)
        weights = 1 / (1 + np.square(motion - terms @ found).sum(axis=1) / _OUTLIER_DISTANCE**2)
    return found
