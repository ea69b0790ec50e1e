"""How far shapes may be off the outlines they show, on all frames and on single ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry.arrays import Values

LEAST_IOU = 0.97
"""IoU of shapes with the run's mask at a tolerance of up to a pixel, on every frame.

At more pixels what is missing to 1 may be as many times as much.
"""
_TIGHTER = (0.75, 0.5, 0.25, 0.12, 0.0)
"""Shares of the tolerance that are tried in turn where IoU is too small; at 0 the shape is the
outline."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far 95 % of the boundary may be off.

    Attributes:
        pixels: On all frames.
        tightened: Frames on which it is less, and how many times that was found too much.
    """

    pixels: float
    tightened: Mapping[int, int] = field(default_factory=dict)

    def on(self, frames: Sequence[int]) -> Values:
        """Pixels on each of some frames."""
        shares = (1.0, *_TIGHTER)
        return np.array([self.pixels * shares[self.tightened.get(each, 0)] for each in frames])

    def tighter(self, frames: Iterable[int]) -> Tolerance:
        """With less on some frames, where less is left to be tried."""
        counts = {each: self.tightened.get(each, 0) + 1 for each in frames}
        most = len(_TIGHTER)
        return Tolerance(
            self.pixels,
            {**self.tightened, **{each: min(count, most) for each, count in counts.items()}},
        )

    def exact(self, frame: int) -> bool:
        """Whether nothing less is left to be tried on a frame."""
        return self.tightened.get(frame, 0) == len(_TIGHTER)

    @property
    def missing_iou(self) -> float:
        """What may be missing to an IoU of 1."""
        return (1 - LEAST_IOU) * max(self.pixels, 1)

    @property
    def unseen_area(self) -> float:
        """Area of specks and holes, square pixels, that do not matter."""
        return (2 * self.pixels + 2) ** 2 if self.pixels > 0 else 0
