"""What models answer about a frame."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.errors import shown
from videoseg.types.shapes import Mask, Shape


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One object as a model found it on one frame.

    Attributes:
        mask: Its pixels.
        score: Confidence in [0, 1].
        prompt: Index into the prompts that were asked.
        object_id: The model's or stage's own identity over time (unique within its prompt), or
            None; a tracker keeps it together.
        outline: The model's own vector, kept unless smoothing changes it, or None.
        embedding: float32 (D,), appearance, or None.
    """

    mask: Mask
    score: float
    prompt: int
    object_id: int | None = None
    outline: Shape | None = None
    embedding: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        given: object = self.mask
        if not isinstance(given, Mask):
            raise ValueError(f"mask must be a Mask (see Mask.from_array), got {shown(given)}")
        _probability(self.score, "score")
        # Models count in numbers of any kind; logs and tables need Python's.
        object.__setattr__(self, "score", float(self.score))
        object.__setattr__(self, "prompt", operator.index(self.prompt))
        if self.object_id is not None:
            object.__setattr__(self, "object_id", operator.index(self.object_id))


@dataclass(frozen=True, slots=True)
class Grounding:
    """One place in a frame that a phrase means, before anybody has outlined it.

    Attributes:
        prompt: Index into the prompts that were asked.
        box: x1, y1, x2, y2 in source pixels, inside the frame.
        score: Confidence in [0, 1].
    """

    prompt: int
    box: tuple[float, float, float, float]
    score: float

    def __post_init__(self) -> None:
        _probability(self.score, "score")
        if not (self.box[0] < self.box[2] and self.box[1] < self.box[3]):
            raise ValueError(f"a box is x1 < x2 and y1 < y2, got {self.box = }")


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a model answered for one frame. Instances may overlap.

    Attributes:
        stream: Name of the frame's stream.
        index: The frame's index.
        instances: In no promised order.
        presence: For each prompt the probability that it is in the frame, None where unknown;
            empty if the model says nothing at all about presence.
    """

    stream: str
    index: int
    instances: tuple[Instance, ...] = ()
    presence: tuple[float | None, ...] = ()


def _probability(value: float, what: str) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{what} must lie in [0, 1], got {value}")
