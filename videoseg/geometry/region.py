"""Where objects may lie: a region of the frame, without the pixels that are never part of any."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from videoseg.errors import UsageError
from videoseg.geometry import masks
from videoseg.types import Bitmap, Box, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What is looked at.

    Attributes:
        region: The part of the frame, pixels; None = all of it.
        ignored: bool (H, W) of the whole frame: pixels that are never part of an object, or None.
    """

    region: Box | None = None
    ignored: Bitmap | None = None

    @property
    def is_open(self) -> bool:
        """Whether they leave nothing out."""
        return self.region is None and self.ignored is None

    def window(self, frame_width: int, frame_height: int) -> Box:
        """The region inside a frame of this size.

        Raises:
            UsageError: They have nothing in common.
        """
        frame = (0, 0, frame_width, frame_height)
        found = frame if self.region is None else masks.overlap(self.region, frame)
        if found is None:
            text = ",".join(str(edge) for edge in self.region or ())
            raise UsageError(
                f"roi {text} holds nothing of a frame of {frame_width} x {frame_height}; give "
                "x1,y1,x2,y2 in pixels, x1 < x2 and y1 < y2"
            )
        return found

    def ignores(self, x: float, y: float) -> bool:
        """Whether the pixel at a point is never part of an object."""
        if self.ignored is None:
            return False
        height, width = self.ignored.shape
        return bool(self.ignored[min(int(y), height - 1), min(int(x), width - 1)])

    def clipped(self, mask: Mask) -> Mask | None:
        """The part of a mask inside; the same object where that is all, None where it is empty."""
        if self.is_open:
            return mask
        x1, y1, x2, y2 = mask.crop
        outside = np.zeros(mask.bitmap.shape, np.bool_)
        if self.region is not None:
            left, top, right, bottom = self.region
            outside[: max(0, top - y1)] = outside[:, : max(0, left - x1)] = True
            outside[max(0, bottom - y1) :] = outside[:, max(0, right - x1) :] = True
        if self.ignored is not None:
            outside |= self.ignored[y1:y2, x1:x2]
        if not (mask.bitmap & outside).any():
            return mask
        bitmap = mask.bitmap & ~outside
        if not bitmap.any():
            return None
        logits = mask.logits
        if logits is not None:
            logits = np.where(outside, -np.abs(logits), logits)
        return replace(mask, bitmap=bitmap, logits=logits)
