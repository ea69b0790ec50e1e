"""Between a frame and what a model sees of it: a part of it, made smaller, and the way back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.sizes import size_within
from videoseg.motion.distance_fields import field_of
from videoseg.types import (
    Bezier,
    Box,
    Cue,
    Frame,
    Mask,
    Part,
    Polygon,
    Prompt,
    RgbImage,
    Ring,
    Shape,
)

_Floats = npt.NDArray[np.float32]

_STEPS = 1.0
"""Standard deviation of the blur that takes the steps out of a small mask's edge, its pixels."""
_SURE = 0.1
"""The centre of a small pixel stays this far on its own side of the edge, its pixels."""


@dataclass(frozen=True, slots=True)
class Viewport:
    """How frames of one size are shown. All coordinates are on the pixel-edge grid.

    Attributes:
        frame_width: Width of the frame, pixels.
        frame_height: Height of the frame, pixels.
        window: The part that is shown, pixels of the frame.
        width: Width of what is shown, pixels of its own.
        height: Height of what is shown.
    """

    frame_width: int
    frame_height: int
    window: Box
    width: int
    height: int

    @classmethod
    def on(cls, frame: Frame, window: Box, max_size: int | None) -> Viewport:
        """The lens for a window of a frame, at most ``max_size`` pixels on its long side."""
        width, height = window[2] - window[0], window[3] - window[1]
        small = size_within(width, height, max_size or math.inf)
        return cls(frame.width, frame.height, window, *small)

    @property
    def scale_x(self) -> float:
        """Shown pixels per pixel of the frame, across; at most 1."""
        return self.width / (self.window[2] - self.window[0])

    @property
    def scale_y(self) -> float:
        """Shown pixels per pixel of the frame, down; at most 1."""
        return self.height / (self.window[3] - self.window[1])

    @property
    def shrinks(self) -> bool:
        """Whether what is shown has fewer pixels than its window."""
        return self.scale_x < 1 or self.scale_y < 1

    # Towards the model -------------------------------------------------------------------------

    def frame(self, frame: Frame) -> Frame:
        """The frame as the model sees it."""
        return replace(frame, image=self._image(frame.image), native=None)

    def prompt(self, prompt: Prompt) -> Prompt | None:
        """The prompt as it is asked; None where nothing of what it marks is shown."""
        cues = [cue for given in prompt.cues if (cue := self._cue(given)) is not None]
        lost = _shows(prompt.cues) and not _shows(cues)
        if lost or (not cues and prompt.text is None):
            return None
        return replace(prompt, cues=tuple(cues))

    def inward(self, mask: Mask) -> Mask | None:
        """The shown part of a mask of the frame; None where there is none."""
        import cv2

        x1, y1, x2, y2 = self.window
        inside = masks.to_bitmap(mask)[y1:y2, x1:x2]
        if not self.shrinks or not inside.any():
            return masks.from_bitmap(inside)
        share = cv2.resize(
            inside.astype(np.float32), (self.width, self.height), interpolation=cv2.INTER_AREA
        )
        # What is finer than the shown pixels is kept where it is most.
        return masks.from_bitmap(np.asarray(share >= min(0.5, share.max()), dtype=np.bool_))

    def _image(self, image: RgbImage) -> RgbImage:
        import cv2

        x1, y1, x2, y2 = self.window
        part = np.ascontiguousarray(image[y1:y2, x1:x2])
        if not self.shrinks:
            return part
        small = cv2.resize(part, (self.width, self.height), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)

    def _cue(self, cue: Cue) -> Cue | None:
        points = tuple(
            (x, y, positive)
            for x, y, positive in ((*self._in(x, y), positive) for x, y, positive in cue.points)
            if 0 <= x <= self.width and 0 <= y <= self.height
        )
        boxes = []
        for x1, y1, x2, y2, positive in cue.boxes:
            (left, top), (right, bottom) = self._in(x1, y1), self._in(x2, y2)
            left, right = max(left, 0.0), min(right, float(self.width))
            top, bottom = max(top, 0.0), min(bottom, float(self.height))
            if left < right and top < bottom:
                boxes.append((left, top, right, bottom, positive))
        mask = None if cue.mask is None else self.inward(cue.mask)
        if not points and not boxes and mask is None:
            return None
        return replace(cue, points=points, boxes=tuple(boxes), mask=mask)

    def _in(self, x: float, y: float) -> tuple[float, float]:
        return (x - self.window[0]) * self.scale_x, (y - self.window[1]) * self.scale_y

    # Back to the frame -------------------------------------------------------------------------

    def outward(self, mask: Mask) -> Mask | None:
        """A mask of what is shown, on the frame's own pixels; None where it comes to none.

        Where it was made smaller, the edge is found anew between the shown pixels: along the zero
        of the model's logits, or of the distances to the edge where there are none.
        """
        if not self.shrinks:
            x, y = mask.x + self.window[0], mask.y + self.window[1]
            return Mask(x, y, self.frame_width, self.frame_height, mask.bitmap, mask.logits)
        if mask.logits is not None:
            box = self._box_out(mask.crop)
            logits = self._magnified(mask.logits.astype(np.float32), mask.crop, box)
            half = logits.astype(np.float16)
            return self._mask(box, half > 0, half)
        field = field_of(mask)
        box = self._box_out(field.box)
        found = masks.from_bitmap(self._magnified(_eased(field.values), field.box, box) > 0)
        if found is None:
            return None
        x1, y1, x2, y2 = found.crop
        return self._mask((box[0] + x1, box[1] + y1, box[0] + x2, box[1] + y2), found.bitmap)

    def outline(self, shape: Shape) -> Shape:
        """A shape of what is shown, in the frame's coordinates."""
        return Shape(
            tuple(
                Part(self._ring(part.outer), tuple(self._ring(hole) for hole in part.holes))
                for part in shape.parts
            )
        )

    def _mask(
        self, box: Box, bitmap: npt.NDArray[np.bool_], logits: npt.NDArray[np.float16] | None = None
    ) -> Mask | None:
        if not bitmap.any():
            return None
        return Mask(box[0], box[1], self.frame_width, self.frame_height, bitmap, logits)

    def _box_out(self, box: Box) -> Box:
        """The frame's pixels that a box of what is shown lies on."""
        x1, y1, x2, y2 = self.window
        return (
            x1 + math.floor(box[0] / self.scale_x),
            y1 + math.floor(box[1] / self.scale_y),
            min(x2, x1 + math.ceil(box[2] / self.scale_x)),
            min(y2, y1 + math.ceil(box[3] / self.scale_y)),
        )

    def _magnified(self, values: _Floats, small: Box, box: Box) -> _Floats:
        """Values over a box of what is shown, at the centres of the frame's pixels in a box."""
        import cv2

        first_x, first_y = self._in(box[0] + 0.5, box[1] + 0.5)
        to_small = np.array(
            [
                [self.scale_x, 0, first_x - 0.5 - small[0]],
                [0, self.scale_y, first_y - 0.5 - small[1]],
            ]
        )
        made = cv2.warpAffine(
            values,
            to_small,
            (box[2] - box[0], box[3] - box[1]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(made, dtype=np.float32)

    def _ring(self, ring: Ring) -> Ring:
        if isinstance(ring, Bezier):
            return Bezier(self._out(ring.segments))
        return Polygon(self._out(ring.points))

    def _out(self, points: _Floats) -> _Floats:
        scale = np.array([self.scale_x, self.scale_y])
        return np.asarray(points / scale + np.array(self.window[:2]), dtype=np.float32)


def _shows(cues: tuple[Cue, ...] | list[Cue]) -> bool:
    """Whether cues mark an object, not only what is none."""
    return any(
        cue.mask is not None or any(mark[-1] for mark in (*cue.points, *cue.boxes)) for cue in cues
    )


def _eased(distances: _Floats) -> _Floats:
    """Signed distances whose zero runs evenly between small pixels, each still on its own side.

    What is too thin to have steps, an object or a gap, is left as it is.
    """
    import cv2

    smooth = cv2.GaussianBlur(distances, (0, 0), _STEPS, borderType=cv2.BORDER_REPLICATE)
    around = np.ones((5, 5), np.uint8)
    thickness = np.minimum(cv2.dilate(distances, around), cv2.dilate(-distances, around))
    share = np.clip(thickness - 0.5, 0, 1)
    eased = distances + share * (smooth - distances)
    eased = np.where(distances > 0, np.maximum(eased, _SURE), np.minimum(eased, -_SURE))
    return np.asarray(eased, dtype=np.float32)
