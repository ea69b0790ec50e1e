"""Two discs on a wall: a picture whose objects are known, and how well a mask covers one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.models.embedded.promptable.stuff_mask import ScoredMask
from videoseg.types import Bitmap, RgbImage

HEIGHT, WIDTH = 360, 480


def picture(seed: int = 0) -> tuple[RgbImage, Bitmap, Bitmap]:
    """An orange disc and a blue disc on a mottled green wall, and where they are."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    orange = np.hypot(x - 150, y - 160) < 70
    blue = np.hypot(x - 360, y - 200) < 55
    image = np.array([60, 120, 60]) + rng.normal(0, 14, (HEIGHT, WIDTH, 3))
    image[orange] += (160, 20, -40)
    image[blue] += (-20, -40, 140)
    return np.clip(image, 0, 255).astype(np.uint8), orange, blue


def overlap(found: ScoredMask | None, truth: Bitmap) -> float:
    other = masks.from_bitmap(truth)
    assert found is not None
    assert other is not None
    return masks.iou(found.mask, other)


def evidence_for(truth: Bitmap, size: tuple[int, int] = (24, 18)) -> npt.NDArray[np.float32]:
    """Coarse and blurred log odds, as a network gives them."""
    import cv2

    small = cv2.resize(truth.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(6 * cv2.blur(small, (3, 3)) - 3, dtype=np.float32)
