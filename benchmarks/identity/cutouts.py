"""What hard sequences are made of: objects cut from pictures by their true masks, and backgrounds.

``DATA`` holds any COCO-style sets below ``images/*`` and DAVIS sequences below ``davis/*`` (see
``videoseg eval --help``). Pictures go to one half or the other, so no object is in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np

from videoseg.evaluate.datasets.coco import Coco
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.types import Bitmap, Mask, RgbImage

Half: TypeAlias = Literal["tuned", "held-out"]
HALVES: tuple[Half, ...] = ("tuned", "held-out")
SETS = ("coco_more",)
"""COCO-style sets below ``images`` that objects and backgrounds come from."""
SMALLEST = 1_500
"""Least area of objects that are cut out, pixels."""
LARGEST = 60_000
"""Largest area of objects that are cut out, pixels."""
MOST_PICTURES = 120
"""Pictures of one half, so that reading takes seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """An object without its surroundings, still or moving by itself.

    Attributes:
        pictures: For each of its frames uint8 (h, w, 3) RGB and bool (h, w), tight.
    """

    pictures: tuple[tuple[RgbImage, Bitmap], ...]

    def at(self, step: int) -> tuple[RgbImage, Bitmap]:
        """Its frame at a time; it plays forwards, then backwards, and so on."""
        last = len(self.pictures) - 1
        if not last:
            return self.pictures[0]
        phase = step % (2 * last)
        return self.pictures[min(phase, 2 * last - phase)]


@dataclass(frozen=True, slots=True, eq=False)
class Stock:
    """All that the sequences of one half are made of.

    Attributes:
        still: Objects of photographs.
        moving: Objects of DAVIS sequences.
        grounds: Photographs, as backgrounds.
    """

    still: tuple[Cutout, ...]
    moving: tuple[Cutout, ...]
    grounds: tuple[RgbImage, ...]

    @classmethod
    def read(cls, data: Path, half: Half) -> Stock:
        """Read one half of the pictures below ``data``."""
        parity = HALVES.index(half)
        still: list[Cutout] = []
        grounds: list[RgbImage] = []
        for name in SETS:
            samples = list(Coco(data / "images" / name).samples(_broken))[parity::2]
            for sample in samples[:MOST_PICTURES]:
                image = sample.image()
                grounds.append(image)
                things = [target.mask() for target in sample.targets if target.thing]
                whole = (mask for mask in things if mask is not None and is_whole(mask))
                still += [Cutout((cut_out(image, mask),)) for mask in whole]
        folders = sorted(path for path in (data / "davis").iterdir() if path.is_dir())
        moving = tuple(Cutout(tuple(_played(folder))) for folder in folders[parity::2])
        return cls(tuple(still), moving, tuple(grounds))


def _played(folder: Path) -> Iterator[tuple[RgbImage, Bitmap]]:
    frames = sorted((folder / "frames").glob("*.jpg"))
    for frame in frames:
        bitmap = read_labels(folder / "masks" / f"{frame.stem}.png") > 127
        mask = masks.from_bitmap(bitmap)
        if mask is not None:
            yield cut_out(read_image(frame), mask)


def is_whole(mask: Mask) -> bool:
    """Whether a mask is one large piece that no border cuts off."""
    x1, y1, x2, y2 = masks.bounding_box(mask)
    inside = x1 > 1 and y1 > 1 and x2 < mask.frame_width - 1 and y2 < mask.frame_height - 1
    if not inside or not SMALLEST <= masks.area(mask) <= LARGEST:
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.bitmap.astype(np.uint8))
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    return bool(areas.max() > 0.9 * areas.sum())


def cut_out(image: RgbImage, mask: Mask) -> tuple[RgbImage, Bitmap]:
    """The box of a mask: uint8 (h, w, 3) and bool (h, w)."""
    x1, y1, x2, y2 = box = masks.bounding_box(mask)
    return np.ascontiguousarray(image[y1:y2, x1:x2]), masks.window(mask, box).copy()


def _broken(error: Exception) -> None:
    raise error
