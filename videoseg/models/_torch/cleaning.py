"""Small holes are filled and small specks dropped, as SAM 3's video predictor does with its masks.

The reference labels its own small masks, and then scales them up; here the pieces of the frame's
pixels are labelled, with the areas scaled alike.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from videoseg.types import Mask

_CONNECTED = 8
"""Pixels that touch at a corner are one piece."""
_BARELY = np.float16(1e-3)
"""Size of the logit that a changed pixel is given."""


def cleaned(mask: Mask, holes: float, specks: float) -> Mask | None:
    """A mask without small holes and specks.

    Args:
        mask: The object.
        holes: Largest area of background that is filled, in pixels.
        specks: Largest area of a piece that is dropped, in pixels; no piece of more than half of
            the object is.

    Returns:
        The mask itself where nothing changed, None where nothing is left of it.
    """
    bitmap = mask.bitmap
    if holes > 0:
        bitmap = bitmap | _small(~bitmap, holes, _inner_sides(mask))
    if specks > 0:
        bitmap = bitmap & ~_small(bitmap, min(specks, bitmap.sum() / 2), (False,) * 4)
    changed = bitmap != mask.bitmap
    if not changed.any():
        return mask
    if not bitmap.any():
        return None
    logits = mask.logits
    if logits is not None:
        logits = np.where(changed, np.where(bitmap, _BARELY, -_BARELY), logits)
    return dataclasses.replace(mask, bitmap=bitmap, logits=logits)


def _inner_sides(mask: Mask) -> tuple[bool, bool, bool, bool]:
    """Which sides of the crop lie within the frame: left, top, right, bottom."""
    x1, y1, x2, y2 = mask.crop
    return x1 > 0, y1 > 0, x2 < mask.frame_width, y2 < mask.frame_height


def _small(
    bitmap: npt.NDArray[np.bool_], most: float, open_sides: tuple[bool, bool, bool, bool]
) -> npt.NDArray[np.bool_]:
    """Pieces of at most so many pixels, without those that go on beyond an open side."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(
        bitmap.view(np.uint8), connectivity=_CONNECTED
    )
    small = stats[:, cv2.CC_STAT_AREA] <= most
    small[0] = False  # what is not set in the bitmap
    lines = (labels[:, 0], labels[0], labels[:, -1], labels[-1])
    for line, is_open in zip(lines, open_sides, strict=True):
        if is_open:
            small[line] = False
    found: npt.NDArray[np.bool_] = small[labels]
    return found
