"""Turns coded pictures upright, as the display matrix in the file asks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a picture: first mirror it left to right, then turn it.

    Attributes:
        rotation: Degrees clockwise, a multiple of 90.
        mirrored: Whether left and right change places before the turn.
    """

    rotation: int = 0
    mirrored: bool = False

    @property
    def sideways(self) -> bool:
        """Whether width and height change places."""
        return self.rotation in (90, 270)

    def turned(self, degrees: int) -> Orientation:
        """This, and then a turn clockwise by a multiple of 90 degrees."""
        return Orientation((self.rotation + degrees) % 360, self.mirrored)

    def flipped(self) -> Orientation:
        """This, and then left and right change places."""
        return Orientation(-self.rotation % 360, not self.mirrored)

    def applied(self, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The image, (H, W, 3 or 4), laid upright."""
        if not self.rotation and not self.mirrored:
            return image
        import cv2

        if self.mirrored:
            image = cv2.flip(image, 1)
        if self.rotation:
            code = {
                90: cv2.ROTATE_90_CLOCKWISE,
                180: cv2.ROTATE_180,
                270: cv2.ROTATE_90_COUNTERCLOCKWISE,
            }[self.rotation]
            image = cv2.rotate(image, code)
        return image


UPRIGHT = Orientation()


def orientation_of(frame: VideoFrame) -> Orientation:
    """How to lay a decoded frame, to the nearest quarter turn.

    The matrix (ISO 14496-12, 6.2.2) takes x, y to ``a x + c y, b x + d y``, y down. Its
    determinant is negative where it mirrors; taking the mirror out first leaves a turn by
    ``atan2(b, a)``.

    Not for frames that were decoded from PNG (``_description.png_orientation``).
    """
    from av.sidedata.sidedata import SideDataContainer

    # ``frame.side_data`` makes a cycle of the frame and its container, and pictures would pile up
    # until the garbage collector comes by. The stub does not know the container's argument.
    container: Any = SideDataContainer
    found = container(frame).get("DISPLAYMATRIX")
    if found is None:
        return UPRIGHT
    a, b, _, c, d = (int(value) for value in np.frombuffer(found, np.int32)[:5])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return Orientation(round(math.degrees(math.atan2(b, a)) / 90) * 90 % 360, mirrored)
