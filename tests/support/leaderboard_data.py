"""The public image sets in miniature, each in its published layout, from a few photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.support.datasets import picture, python2_pickle, write_json, write_picture
from videoseg.evaluate.regions import fill_polygon
from videoseg.geometry import masks
from videoseg.types import RgbImage

REFER = {"refcoco": "unc", "refcoco+": "unc", "refcocog": "umd"}
"""Folders of the sets of expressions, and who made the split."""


@dataclass(frozen=True)
class Thing:
    """A thing on a photo: its category, how it is referred to, and its outline x, y, x, y, ..."""

    name: str
    phrases: tuple[str, ...]
    polygon: tuple[float, ...]


@dataclass(frozen=True)
class Photo:
    number: int
    image: RgbImage
    things: tuple[Thing, ...]

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]


def box(x1: int, y1: int, x2: int, y2: int) -> tuple[float, ...]:
    return tuple(map(float, (x1, y1, x2, y1, x2, y2, x1, y2)))


def colour_photos() -> list[Photo]:
    """Blocks of pure colour; where the truth is not what is seen, it is to be counted by hand."""
    return [
        Photo(
            5,
            picture(("red", (16, 16, 32, 32)), ("green", (48, 0, 64, 16))),
            (
                Thing("red", ("red",), box(16, 16, 32, 32)),
                Thing("green", ("green",), box(48, 0, 64, 32)),
            ),
        ),
        Photo(
            9,
            picture(("red", (0, 0, 16, 16)), ("red", (32, 16, 48, 48))),
            (
                Thing("red", ("red",), box(0, 0, 16, 16)),
                Thing("red", (), box(32, 16, 48, 40)),
                Thing("blue", ("blue",), box(48, 0, 64, 16)),
            ),
        ),
        Photo(
            12,
            picture(("blue", (0, 32, 32, 48))),
            (Thing("blue", ("blue",), box(0, 32, 16, 48)),),
        ),
    ]


def leaderboard(root: Path, photos: Sequence[Photo], *, parquet: bool = True) -> Path:
    """All sets of the table; without ``parquet``, which needs a package, all but RefCOCO-M."""
    train = root / "images" / "mscoco" / "images" / "train2014"
    for photo in photos:
        write_picture(train / _train_name(photo), photo.image)
        write_picture(root / "lvis" / "val2017" / f"{photo.number:012d}.jpg", photo.image)
    for folder, by in REFER.items():
        write_json(root / folder / "instances.json", _instances(photos))
        (root / folder / f"refs({by}).p").write_bytes(python2_pickle(_references(photos)))
    write_json(root / "lvis" / "lvis_v1_val.json", _lvis(photos))
    if parquet:
        _write_parquet(root / "refcoco-m" / "data" / "validation-00000-of-00001.parquet", photos)
    return root


def _train_name(photo: Photo) -> str:
    return f"COCO_train2014_{photo.number:012d}.jpg"


def _categories(photos: Sequence[Photo]) -> list[str]:
    return sorted({thing.name for photo in photos for thing in photo.things})


def _instances(photos: Sequence[Photo]) -> dict[str, Any]:
    names = _categories(photos)
    return {
        "images": [
            {
                "id": photo.number,
                "file_name": _train_name(photo),
                "height": photo.size[0],
                "width": photo.size[1],
            }
            for photo in photos
        ],
        "annotations": [
            {
                "id": 100 * photo.number + n,
                "image_id": photo.number,
                "category_id": names.index(thing.name) + 1,
                "segmentation": [list(thing.polygon)],
                "area": float(_filled(photo, thing).sum()),
                "bbox": _bounds(thing),
                "iscrowd": 0,
            }
            for photo in photos
            for n, thing in enumerate(photo.things)
        ],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
    }


def _references(photos: Sequence[Photo]) -> list[dict[str, Any]]:
    """What the pickles hold; an expression of another split among them."""
    made: list[dict[str, Any]] = []
    for photo in photos:
        for n, thing in enumerate(photo.things):
            sentences = [
                {"sent_id": k, "raw": text, "sent": text, "tokens": text.split()}
                for k, text in enumerate(thing.phrases)
            ]
            entry: dict[str, Any] = {
                "ref_id": len(made),
                "ann_id": 100 * photo.number + n,
                "image_id": photo.number,
                "category_id": _categories(photos).index(thing.name) + 1,
                "file_name": _train_name(photo),
                "split": "val",
                "sent_ids": list(range(len(sentences))),
                "sentences": sentences,
            }
            made.append(entry)
    return [*made, {**made[0], "ref_id": len(made), "split": "testA"}]


def _lvis(photos: Sequence[Photo]) -> dict[str, Any]:
    """LVIS v1; each photo was searched for all categories but those said to be of no interest."""
    content = _instances(photos)
    names = _categories(photos)
    for photo, entry in zip(photos, content["images"], strict=True):
        del entry["file_name"]
        address = f"http://images.cocodataset.org/val2017/{photo.number:012d}.jpg"
        present = {thing.name for thing in photo.things}
        absent = [n for n, name in enumerate(names, 1) if name not in present]
        entry |= {"coco_url": address, "not_exhaustive_category_ids": []}
        entry["neg_category_ids"] = absent
    for category in content["categories"]:
        category |= {"frequency": "rcf"[category["id"] % 3], "synset": f"{category['name']}.n.01"}
    return content


def _write_parquet(path: Path, photos: Sequence[Photo]) -> None:
    import pyarrow
    from pyarrow import parquet

    rows = []
    for photo in photos:
        stored = cv2.imencode(".png", np.ascontiguousarray(photo.image[..., ::-1]))[1].tobytes()
        samples = []
        for n, thing in enumerate(photo.things):
            mask = masks.from_bitmap(_filled(photo, thing))
            assert mask is not None
            samples.append(
                {
                    "id": n,
                    "category": thing.name,
                    "sentences": list(thing.phrases),
                    "bbox": _bounds(thing),
                    "mask": {"size": list(photo.size), "counts": masks.encode_rle(mask)},
                }
            )
        rows.append(
            {
                "image": {"bytes": stored, "path": None},
                "image_id": photo.number,
                "file_name": _train_name(photo),
                "samples": samples,
            }
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def _filled(photo: Photo, thing: Thing) -> Any:
    height, width = photo.size
    return fill_polygon(np.reshape(thing.polygon, (-1, 2)), width=width, height=height)


def _bounds(thing: Thing) -> list[float]:
    corners = np.reshape(thing.polygon, (-1, 2))
    low, high = corners.min(axis=0), corners.max(axis=0)
    return [*low.tolist(), *(high - low).tolist()]
