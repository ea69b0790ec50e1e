"""Maps over a frame at a size of their own: carried along, added to each other, read off."""

from __future__ import annotations

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.motion.flow import Flow, carry_map
from videoseg.types import Mask


def carried(values: FloatMap, flow: Flow) -> FloatMap:
    """A map over the last frame, of any size, as it lies on this one."""
    rows, columns = values.shape
    return carry_map(values, Flow(flow.backward, columns, rows))


def with_motion(evidence: FloatMap, motion_odds: FloatMap | None) -> FloatMap:
    """Evidence over a frame and what motion says, log odds of another size, if it says anything."""
    import cv2

    if motion_odds is None:
        return evidence
    return evidence + cv2.resize(motion_odds, evidence.shape[::-1], interpolation=cv2.INTER_LINEAR)


def values_over(mask: Mask, values: FloatMap) -> FloatMap:
    """The values of a map over the frame, of any size, at the mask's pixels."""
    rows, columns = np.nonzero(mask.bitmap)
    down, across = values.shape
    rows = (rows + mask.y) * down // mask.frame_height
    columns = (columns + mask.x) * across // mask.frame_width
    return np.asarray(values[rows, columns], dtype=np.float32)
