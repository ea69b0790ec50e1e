"""Square crops of a frame, which may reach beyond it, seen at a size of their own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.types import Box, Mask, RgbImage

_PADDING_COLOUR = (127, 127, 127)
"""Colour of what lies beyond the frame, as in training."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A square crop of a frame: ``x``, ``y`` of its corner and its side, frame pixels."""

    x: float
    y: float
    side: float

    @classmethod
    def around(
        cls, span: tuple[float, float, float, float], scale: float, *, least: float = 1.0
    ) -> Crop:
        """The square about the middle of a span, its side ``scale`` times the span's longer one."""
        x1, y1, x2, y2 = span
        side = scale * max(x2 - x1, y2 - y1, least)
        return cls((x1 + x2 - side) / 2, (y1 + y2 - side) / 2, side)

    def to_crop(self, x: float, y: float, size: int) -> tuple[float, float]:
        """A point of the frame in the pixels of the crop seen at ``size``."""
        scale = size / self.side
        return (x - self.x) * scale, (y - self.y) * scale

    def in_frame(self, width: int, height: int) -> Box | None:
        """The pixels of the frame that it touches; None if there are none."""
        x1, y1 = max(int(np.floor(self.x)), 0), max(int(np.floor(self.y)), 0)
        x2 = min(int(np.ceil(self.x + self.side)), width)
        y2 = min(int(np.ceil(self.y + self.side)), height)
        return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None

    def of_image(self, image: RgbImage, size: int) -> RgbImage:
        """The crop, uint8 (size, size, 3)."""
        import cv2

        seen = self.in_frame(image.shape[1], image.shape[0])
        if seen is None:
            return np.full((size, size, 3), _PADDING_COLOUR[0], dtype=np.uint8)
        x1, y1, x2, y2 = seen
        piece = image[y1:y2, x1:x2]
        scale = size / self.side
        if scale < 0.5:  # Shrunk by area first, or else fine patterns turn into noise.
            shape = [max(round(n * scale * 1.4), 1) for n in piece.shape[1::-1]]
            small = cv2.resize(piece, (shape[0], shape[1]), interpolation=cv2.INTER_AREA)
            piece = np.asarray(small, dtype=np.uint8)
        warped = cv2.warpAffine(
            piece,
            self._matrix((x1, y1, x2, y2), (piece.shape[1], piece.shape[0]), size),
            (size, size),
            flags=cv2.INTER_LINEAR,
            borderValue=_PADDING_COLOUR,
        )
        return np.asarray(warped, dtype=np.uint8)

    def of_mask(self, mask: Mask, size: int) -> npt.NDArray[np.bool_]:
        """A mask in the crop, bool (size, size)."""
        import cv2

        across, down = mask.bitmap.shape[1], mask.bitmap.shape[0]
        matrix = self._matrix(mask.crop, (across, down), size)
        values = mask.bitmap.astype(np.uint8) * 255
        return np.asarray(cv2.warpAffine(values, matrix, (size, size)) > 127, dtype=np.bool_)

    def of_map(self, values: FloatMap, width: int, height: int, size: int) -> FloatMap:
        """A map over the whole frame in the crop, float32 (size, size); its border goes on."""
        import cv2

        matrix = self._matrix((0, 0, width, height), (values.shape[1], values.shape[0]), size)
        moved = cv2.warpAffine(
            values.astype(np.float32), matrix, (size, size), borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, dtype=np.float32)

    def to_frame(self, values: FloatMap, box: Box) -> FloatMap:
        """A map over the crop, float32 (n, n), at the pixels of a part of the frame."""
        import cv2

        scale = values.shape[0] / self.side
        shift_x = (box[0] + 0.5 - self.x) * scale - 0.5
        shift_y = (box[1] + 0.5 - self.y) * scale - 0.5
        moved = cv2.warpAffine(
            values,
            np.array([[scale, 0, shift_x], [0, scale, shift_y]]),
            (box[2] - box[0], box[3] - box[1]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(moved, dtype=np.float32)

    def _matrix(self, box: Box, shape: tuple[int, int], size: int) -> npt.NDArray[np.float64]:
        """From the pixel centres of something that covers ``box`` to those of the crop."""
        scale = size / self.side
        across, down = (box[2] - box[0]) / shape[0], (box[3] - box[1]) / shape[1]
        return np.array(
            [
                [scale * across, 0, (box[0] + across / 2 - self.x) * scale - 0.5],
                [0, scale * down, (box[1] + down / 2 - self.y) * scale - 0.5],
            ]
        )
