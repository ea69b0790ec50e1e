"""Where an object was last, and how large it is when all of it shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from videoseg.models.embedded.memory.feature_view import Pose
from videoseg.types import Mask
from videoseg.types.snapshot import Snapshot

_PARTIAL = 0.75
"""An object whose size is below this share of the expected one shows in part."""
_SIZE_KEEPS = 0.99
"""What is left of the expected size after each frame that shows less."""
_MIN_DOUBT = 0.5
"""An object that is no larger than it was given, as the camera moved, may still be too large."""
_GROWN = 1.08
"""From this factor on, in size, something else is taken for a part of it."""
_MAX_ZOOM = 1.05
"""A camera brings an object nearer or takes it away by no more than this factor a frame."""


@dataclass(slots=True)
class LastSeen:
    """The expected size of one object, and its place on the frame that showed it last.

    Attributes:
        size: Root of the area of all of it, frame pixels. It shrinks slowly where less is found, so
            that what is hidden for a while is still expected.
        width: Of its box, in sizes, as it was given.
        height: The same.
        x: Middle of its box when it was last seen, frame pixels.
        y: The same.
        given: Its size as it was given, moved along with the picture and with nothing found since.
        missed: Frames since then.
        is_placed: Whether that place says anything of the next frame.
    """

    size: float
    width: float
    height: float
    x: float
    y: float
    given: float
    missed: int = 0
    is_placed: bool = True

    @classmethod
    def of(cls, mask: Mask) -> LastSeen:
        """An object that is given as this mask."""
        x1, y1, x2, y2 = mask.crop
        size = Pose.of(mask).size
        return cls(size, (x2 - x1) / size, (y2 - y1) / size, *_middle(mask), size)

    def snapshot(self) -> Snapshot:
        """All of it as one array."""
        shape = (self.size, self.width, self.height, self.x, self.y, self.given)
        return {"": np.array((*shape, self.missed, self.is_placed), dtype=np.float64)}

    @classmethod
    def restored(cls, state: Snapshot) -> LastSeen:
        """What ``snapshot`` was taken of."""
        size, width, height, x, y, given, missed, is_placed = state[""].tolist()
        return cls(size, width, height, x, y, given, int(missed), bool(is_placed))

    def zoomed(self, before: Mask, now: Mask) -> None:
        """Its mask has become another one by the motion between two frames."""
        factor = Pose.of(now).size / Pose.of(before).size
        factor = min(max(factor, 1 / _MAX_ZOOM), _MAX_ZOOM)
        self.size *= factor
        self.given *= factor

    def seen(self, mask: Mask | None) -> None:
        """It was found on a frame, or was not."""
        if mask is None:
            self.missed += 1
            return
        self.size = max(Pose.of(mask).size, _SIZE_KEEPS * self.size)
        self.x, self.y = _middle(mask)
        self.missed, self.is_placed = 0, True

    def doubt(self, mask: Mask) -> float:
        """How far a mask is too large for the object, from ``_MIN_DOUBT`` to 1 for ``_GROWN``."""
        grown = (Pose.of(mask).size / self.given - 1) / (_GROWN - 1)
        return min(max(grown, _MIN_DOUBT), 1.0)

    def is_partial(self, mask: Mask) -> bool:
        """Whether the mask is too small for the whole object."""
        return Pose.of(mask).size < _PARTIAL * self.size

    def box_around(self, mask: Mask, scale: float) -> Mask:
        """The box that all of an object may fill of which a part is at a mask, as a mask.

        Args:
            mask: The part; the box holds it.
            scale: Sides of the box in those of the whole object's.
        """
        x1, y1, x2, y2 = mask.crop
        x, y = _middle(mask)
        across = max(x2 - x1, scale * self.size * self.width)
        down = max(y2 - y1, scale * self.size * self.height)
        return _box(x, y, across, down, mask.frame_width, mask.frame_height)

    def surroundings(self, scale: float, frame_width: int, frame_height: int) -> Mask:
        """The box that is ``scale`` times as large as it, where it was last seen, as a mask."""
        across, down = scale * self.size * self.width, scale * self.size * self.height
        return _box(self.x, self.y, across, down, frame_width, frame_height)


def _middle(mask: Mask) -> tuple[float, float]:
    x1, y1, x2, y2 = mask.crop
    return (x1 + x2) / 2, (y1 + y2) / 2


def _box(x: float, y: float, across: float, down: float, width: int, height: int) -> Mask:
    """A box about a place, as far as it lies in the frame: at least a pixel."""
    left = min(max(int(x - across / 2), 0), width - 1)
    top = min(max(int(y - down / 2), 0), height - 1)
    right = min(max(int(x + across / 2) + 1, left + 1), width)
    bottom = min(max(int(y + down / 2) + 1, top + 1), height)
    return Mask(left, top, width, height, np.ones((bottom - top, right - left), dtype=np.bool_))
