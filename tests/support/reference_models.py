"""What comparisons of models with their references share: frames, marks, and what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from videoseg import registry
from videoseg.geometry import masks
from videoseg.models._torch.images import Images, squeezed
from videoseg.types import Bitmap, Detections, Frame, Instance, Mask

torch: Any = pytest.importorskip("torch")
WIDTH, HEIGHT = 121, 75


@dataclass(frozen=True)
class Difference:
    """How far a model is from its reference.

    Attributes:
        model: Its name.
        reference: What it is compared with, and on what.
        scores: Largest difference of two scores.
        boxes: Largest difference of two sides of boxes, pixels of the frame; None = it has none.
        masks: Largest share of a frame's pixels that are in one mask alone; None = it has none.
    """

    model: str
    reference: str
    scores: float
    boxes: float | None = None
    masks: float | None = None


def frame(index: int) -> Frame:
    """Noise, another one on every frame."""
    image = np.random.default_rng(index).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Frame("cam", index, index, Fraction(1, 25), image)


def model(name: str, folder: str, **settings: Any) -> Any:
    """A model that needs no packages but those that are here, loaded."""
    cls = registry.find("models", name).cls
    card = dataclasses.replace(cls.card, packages=())
    part = type(cls.__name__, (cls,), {"card": card})(weights=folder, **settings)
    part.prepare(())
    return part


def network_input(part: Any, network: Any, given: Sequence[Frame], colours: Any) -> Any:
    """Frames as a network takes them that squeezes them to a square."""
    side = network.config.image_size if hasattr(network.config, "image_size") else None
    side = side or network.prompt_encoder.input_image_size
    images = Images(tuple(given), torch.from_numpy(np.stack([one.image for one in given])))
    values, _ = squeezed(images, side, side, colours, part._load().device)
    return values


def enlarged(logits: Any) -> Any:
    """Maps (F, N, h, w) at the size of the frame."""
    size = (HEIGHT, WIDTH)
    return torch.nn.functional.interpolate(logits, size, mode="bilinear", align_corners=False)


def box_mask(x1: int, y1: int, x2: int, y2: int) -> Mask:
    """A rectangle."""
    bitmap = np.zeros((HEIGHT, WIDTH), np.bool_)
    bitmap[y1:y2, x1:x2] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask


def marked(index: int, mask: Mask, prompt: int = 0) -> Detections:
    """An object that is marked on a frame."""
    return Detections("cam", index, (Instance(mask, 1.0, prompt, 0),))


MARKED = {
    0: marked(0, box_mask(20, 10, 60, 50)),
    7: marked(7, box_mask(70, 30, 110, 70), prompt=1),
    12: marked(12, box_mask(30, 20, 70, 60)),
}
"""An object from the start, another that comes later, and a correction of the first."""


def beside(
    found: Sequence[Instance], expected: Sequence[tuple[float, Bitmap]]
) -> tuple[float, float]:
    """Largest difference of scores, and share of pixels, of masks in the order of their scores."""
    ranked = sorted(expected, key=lambda one: -one[0])
    ours = sorted(found, key=lambda one: -one.score)
    assert len(ours) == len(ranked)
    scores = [abs(one.score - score) for one, (score, _) in zip(ours, ranked, strict=True)]
    pixels = [
        float((one.mask.to_array() != bitmap).mean())
        for one, (_, bitmap) in zip(ours, ranked, strict=True)
    ]
    return max(scores, default=0.0), max(pixels, default=0.0)
