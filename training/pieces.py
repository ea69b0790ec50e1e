"""The annotated pieces of photographs that the promptable network learns from.

A data folder holds ``NAME/images`` and ``NAME/annotations.json`` in COCO's form with run-length
masks. A piece is what somebody might point at: a thing, a garment, a part of a car, a region.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.samples import held_out
from videoseg.geometry.masks import decode_rle
from videoseg.types import Mask

Bitmap = npt.NDArray[np.uint8]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One annotated folder.

    Attributes:
        folder: Name of the folder.
        share: Part of all samples that come from here.
        least: Pieces of fewer pixels are left out.
        whole: The segments of one photograph are parts of one thing, which is a piece as well.
        cutout: Its pieces are things that can be cut out and pasted elsewhere.
        most: Pieces that cover more of their photograph than this are left out.
        things: Its pieces are things rather than regions of one look.
    """

    folder: str
    share: float
    least: int
    whole: bool = False
    cutout: bool = False
    most: float = 0.9
    things: bool = True


SOURCES = (
    Source("coco_more", 0.40, 144, cutout=True),
    Source("coco_train", 0.11, 144, cutout=True),
    Source("coco_tiny", 0.10, 144, cutout=True),
    Source("regions", 0.14, 300, most=0.6, things=False),
    Source("clothing", 0.10, 100, whole=True, cutout=True),
    Source("car_parts", 0.06, 100, whole=True, cutout=True),
    Source("driving", 0.03, 200, things=False),
    Source("tile_defects", 0.04, 40),
    Source("fruits_nuts", 0.02, 200, cutout=True),
    Source("salient", 0.25, 900, cutout=True),
)


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph, uint8 (H, W, 3) RGB, and the folder it is from."""

    key: str
    image: npt.NDArray[np.uint8]
    source: Source


@dataclass(frozen=True, eq=False)
class Piece:
    """Pixels of a photograph: ``bitmap`` (h, w) of 0 and 1, its corner at ``x``, ``y``."""

    photo: Photo
    x: int
    y: int
    bitmap: Bitmap
    thing: bool

    @property
    def side(self) -> int:
        """The longer side of its box, pixels."""
        return max(self.bitmap.shape)


@dataclass(frozen=True, eq=False)
class Pieces:
    """All pieces of some photographs, by source."""

    by_source: dict[str, list[Piece]]
    cutouts: list[Piece]
    photos: list[Photo]


def load(data: Path, *, kept: bool) -> Pieces:
    """The pieces of all sources below ``data``; of the held-out photographs where ``kept``.

    Raises:
        ValueError: There is none. A folder that is missing is left out.
    """
    by_source: dict[str, list[Piece]] = {}
    photos: list[Photo] = []
    for source in SOURCES:
        if not (data / source.folder).is_dir():
            _log.info("%s is not below %s and left out", source.folder, data)
            continue
        for photo, pieces in _photographs(data / source.folder, source):
            if held_out(photo.key) == kept and pieces:
                photos.append(photo)
                by_source.setdefault(source.folder, []).extend(pieces)
    if not photos:
        raise ValueError(f"{data}: holds no annotated photographs ({SOURCES[0].folder}/ and so on)")
    cutouts = [
        piece
        for pieces in by_source.values()
        for piece in pieces
        if piece.thing and piece.photo.source.cutout and piece.side >= 64
    ]
    return Pieces(by_source, cutouts, photos)


def _photographs(folder: Path, source: Source) -> Iterator[tuple[Photo, list[Piece]]]:
    notes: dict[str, Any] = json.loads((folder / "annotations.json").read_text())
    things = {each["id"] for each in notes["categories"] if each.get("isthing", 1)}
    by_image: dict[int, list[dict[str, Any]]] = {}
    for note in notes["annotations"]:
        by_image.setdefault(note["image_id"], []).append(note)
    for entry in notes["images"]:
        image = cv2.imread(str(folder / "images" / entry["file_name"]), cv2.IMREAD_COLOR_RGB)
        photo = Photo(f"{source.folder}/{entry['file_name']}", image, source)
        yield photo, list(_pieces(photo, by_image.get(entry["id"], []), things))


def _pieces(photo: Photo, notes: list[dict[str, Any]], things: set[int]) -> Iterator[Piece]:
    height, width = photo.image.shape[:2]
    source = photo.source
    together = np.zeros((height, width), dtype=np.uint8)
    for note in notes:
        mask = decode_rle(note["segmentation"]["counts"], width=width, height=height)
        if mask is None or note["iscrowd"]:
            continue
        area = int(mask.bitmap.sum())
        if source.whole:
            x, y, right, bottom = mask.crop
            together[y:bottom, x:right] |= mask.bitmap
        if source.least <= area <= source.most * width * height:
            # Parts are no things of their own: they are learned, but not pasted elsewhere.
            thing = note["category_id"] in things and source.things and not source.whole
            if not thing and not source.whole and _around(mask):
                continue
            yield Piece(photo, mask.x, mask.y, _bits(mask), thing)
    if source.whole and together.any():
        x, y, wide, high = cv2.boundingRect(together)
        cut = np.ascontiguousarray(together[y : y + high, x : x + wide])
        yield Piece(photo, x, y, cut, thing=True)


def _around(mask: Mask) -> bool:
    """Whether it reaches two sides of the picture or more: ground, which nobody points at."""
    left, top, right, bottom = mask.crop
    reached = (left <= 1, top <= 1, right >= mask.frame_width - 1, bottom >= mask.frame_height - 1)
    return sum(reached) > 1


def _bits(mask: Mask) -> Bitmap:
    return np.ascontiguousarray(mask.bitmap, dtype=np.uint8)
