"""How much of each pixel an object covers: its matte, and what it is found from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.types.shapes import Box

WHOLE = 65535
"""The value of a pixel that the object covers wholly."""


@dataclass(frozen=True, slots=True, eq=False)
class Alpha:
    """Coverage of one object, linear, kept as a crop of the frame; outside it is 0.

    Attributes:
        x: Left edge of the crop in the frame, pixels.
        y: Top edge of the crop in the frame, pixels.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        values: uint16 (h, w) of the crop, 0 to ``WHOLE``.
    """

    x: int
    y: int
    frame_width: int
    frame_height: int
    values: npt.NDArray[np.uint16]

    def __post_init__(self) -> None:
        if self.values.dtype != np.uint16 or self.values.ndim != 2:
            raise ValueError(
                f"values must be uint16 (h, w), got {self.values.dtype = } {self.values.shape = }"
            )
        x1, y1, x2, y2 = self.crop
        if not (0 <= x1 <= x2 <= self.frame_width and 0 <= y1 <= y2 <= self.frame_height):
            raise ValueError(
                f"crop {self.crop} leaves the frame {self.frame_width} x {self.frame_height}"
            )

    @property
    def crop(self) -> Box:
        """The crop's box in the frame."""
        height, width = self.values.shape
        return (self.x, self.y, self.x + width, self.y + height)

    def to_array(self) -> npt.NDArray[np.uint16]:
        """The whole frame: uint16 (H, W), a new array."""
        full = np.zeros((self.frame_height, self.frame_width), dtype=np.uint16)
        x1, y1, x2, y2 = self.crop
        full[y1:y2, x1:x2] = self.values
        return full


@dataclass(frozen=True, slots=True, eq=False)
class EdgeWindow:
    """A part of a frame around an object whose edge is to become soft.

    Attributes:
        box: Where it lies in the frame.
        image: float32 (h, w, 3), RGB, 0 to 1.
        distance: float32 (h, w), pixels to the mask's edge, above 0 inside.
        softness: Half width of the band in which the edge is soft, pixels, > 0.
    """

    box: Box
    image: npt.NDArray[np.float32]
    distance: npt.NDArray[np.float32]
    softness: float

    @property
    def trimap(self) -> npt.NDArray[np.float32]:
        """float32 (h, w): 0 outside, 1 inside, 0.5 in the band between them."""
        band = np.abs(self.distance) < self.softness
        return np.where(band, 0.5, self.distance > 0).astype(np.float32)

    @property
    def coverage(self) -> npt.NDArray[np.float32]:
        """float32 (h, w), 0 to 1: how much of each pixel the mask covers, its edge no stairs."""
        return np.asarray(np.clip(self.distance + np.float32(0.5), 0, 1), dtype=np.float32)
