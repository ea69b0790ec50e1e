"""How far shapes may be off the outlines they show, on all frames and on single ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry.arrays import Values

LEAST_IOU = 0.97
"""IoU of shapes with the run's mask at a tolerance of up to a pixel, on every frame."""
_LOOSENING = 1.5
"""Power of a tolerance beyond a pixel that what may be missing to an IoU of 1 grows with.

Whoever asks for more pixels asks for fewer keys, of small objects, too.
"""
_STEPS = (0.3, 0.75)
"""Least and largest share that is left of a tolerance when it was too much."""
_LEAST_SHARE = 0.1
"""Share of the tolerance below which none is left: there the shape is the outline."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far 95 % of the boundary may be off.

    Attributes:
        pixels: On all frames.
        shares: Frames on which it is less, and the share of it that is left.
    """

    pixels: float
    shares: Mapping[int, float] = field(default_factory=dict)

    def on(self, frames: Sequence[int]) -> Values:
        """Pixels on each of some frames."""
        return self.pixels * np.array([self.shares.get(each, 1.0) for each in frames])

    def tighter(self, wanted: Mapping[int, float]) -> Tolerance:
        """With less on some frames.

        Args:
            wanted: The share of what is there that may be enough, by frame.
        """
        shares = dict(self.shares)
        for frame, share in wanted.items():
            left = shares.get(frame, 1.0) * float(np.clip(share, *_STEPS))
            shares[frame] = left if left >= _LEAST_SHARE else 0.0
        return Tolerance(self.pixels, shares)

    def exact(self, frame: int) -> bool:
        """Whether nothing less is left to be tried on a frame."""
        return self.shares.get(frame) == 0

    @property
    def missing_iou(self) -> float:
        """What may be missing to an IoU of 1."""
        return float((1 - LEAST_IOU) * max(self.pixels, 1) ** _LOOSENING)

    @property
    def unseen_area(self) -> float:
        """Area of specks and holes, square pixels, that do not matter."""
        return (2 * self.pixels + 2) ** 2 if self.pixels > 0 else 0
