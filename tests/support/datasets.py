"""Miniature data sets in the exact layouts that are published, made in code with known answers.

Every picture is 64 x 48, grey, with blocks of pure colour that ``fakes.Colours`` finds exactly.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from videoseg.evaluate.regions import fill_polygon
from videoseg.geometry import masks
from videoseg.types import Bitmap, RgbImage

WIDTH, HEIGHT = 64, 48
COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
Block = tuple[int, int, int, int]
L_SHAPE = [0.0, 32, 16, 32, 16, 40, 8, 40, 8, 48, 0, 48]
"""A polygon of 192 pixels whose box has 256."""


def picture(*blocks: tuple[str, Block]) -> RgbImage:
    image = np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)
    for colour, (x1, y1, x2, y2) in blocks:
        image[y1:y2, x1:x2] = COLOURS[colour]
    return image


def block(x1: int, y1: int, x2: int, y2: int) -> Bitmap:
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = True
    return bitmap


def write_picture(path: Path, image: RgbImage) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.ascontiguousarray(image[..., ::-1]))


def write_png(
    path: Path, labels: npt.NDArray[np.uint8], *, palette: bool = True, depth: int = 8
) -> None:
    """A PNG of labels: palette indices, as DAVIS has them, or grey levels."""
    height, width = labels.shape
    kind = 3 if palette else 0
    rows = b"".join(b"\x00" + _packed(row, depth) for row in labels)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [(b"IHDR", header)]
    if palette:
        # As in DAVIS, no colour is its own index, so reading colours for labels is found out.
        colours = [(200 - n, 7 * n % 256, 90) for n in range(2**depth if depth < 8 else 200)]
        chunks.append((b"PLTE", bytes(value for colour in colours for value in colour)))
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))


def coco(root: Path) -> Path:
    """COCO's layout: polygons, both kinds of run lengths, a crowd, stuff, something unmarked."""
    write_picture(
        root / "val2017" / "a.png",
        picture(("red", (16, 16, 32, 32)), ("blue", (0, 0, 64, 16))),
    )
    unmarked = ("blue", (32, 0, 64, 16))
    crowd = (48, 32, 64, 48)
    second = picture(("red", (16, 16, 32, 32)), unmarked, ("green", crowd))
    second[fill_polygon(np.reshape(L_SHAPE, (-1, 2)), width=WIDTH, height=HEIGHT)] = (0, 255, 0)
    write_picture(root / "val2017" / "b.png", second)
    content = {
        "images": [
            {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT},
            {"id": 9, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            _annotation(1, 7, 1, [[16, 16, 32, 16, 32, 32, 16, 32]]),
            _annotation(2, 7, 3, compressed(block(0, 0, 64, 16))),
            _annotation(3, 9, 1, uncompressed(block(16, 16, 48, 32))),
            _annotation(4, 9, 2, [L_SHAPE]),
            _annotation(5, 9, 2, uncompressed(block(*crowd)), iscrowd=1),
        ],
        "categories": [
            {"id": 1, "name": "red", "isthing": 1},
            {"id": 2, "name": "green", "isthing": 1},
            {"id": 3, "name": "blue", "isthing": 0},
            {"id": 4, "name": "wall-brick", "isthing": 0},
        ],
    }
    write_json(root / "annotations" / "instances_val2017.json", content)
    return root


def coco_panoptic(root: Path) -> Path:
    """COCO panoptic's layout: segments as colours of a PNG, one with a number beyond a byte."""
    write_picture(root / "val2017" / "a.jpg", picture(("red", (16, 16, 32, 32))))
    numbers = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    numbers[block(16, 16, 32, 32)] = (5, 1, 2)
    numbers[block(0, 0, 64, 16)] = (7, 0, 0)
    write_picture(root / "annotations" / "panoptic_val2017" / "a.png", numbers)
    segments = [
        {"id": 5 + 256 + 2 * 65536, "category_id": 1, "iscrowd": 0},
        {"id": 7, "category_id": 2, "iscrowd": 0},
    ]
    content = {
        "images": [{"id": 3, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"image_id": 3, "file_name": "a.png", "segments_info": segments}],
        "categories": [
            {"id": 1, "name": "red", "isthing": 1},
            {"id": 2, "name": "sky-other-merged", "isthing": 0},
            {"id": 3, "name": "sand", "isthing": 0},
        ],
    }
    write_json(root / "annotations" / "panoptic_val2017.json", content)
    return root


def lvis(root: Path) -> Path:
    """LVIS v1: no file names, only addresses; few categories are judged on each image."""
    write_picture(root / "val2017" / "000000000007.jpg", picture(("red", (16, 16, 32, 32))))
    address = "http://images.cocodataset.org/val2017/000000000007.jpg"
    content = {
        "images": [
            {
                "id": 7,
                "coco_url": address,
                "width": WIDTH,
                "height": HEIGHT,
                "neg_category_ids": [3],
                "not_exhaustive_category_ids": [2],
            }
        ],
        "annotations": [
            _annotation(1, 7, 1, [[16, 16, 32, 16, 32, 32, 16, 32]]),
            _annotation(2, 7, 2, [[40, 16, 48, 16, 48, 32, 40, 32]]),
        ],
        "categories": [
            {"id": 1, "name": "red", "frequency": "f"},
            {"id": 2, "name": "bottle_(of_glass)", "frequency": "c"},
            {"id": 3, "name": "air_conditioner", "frequency": "r"},
            {"id": 4, "name": "zebra", "frequency": "f"},
        ],
    }
    write_json(root / "lvis_v1_val.json", content)
    return root


def davis(root: Path, frames: int = 5) -> Path:
    """DAVIS 2017's layout: object 1 moves 4 pixels a frame, object 2 rests."""
    for index in range(frames):
        moving = (16 + 4 * index, 0, 32 + 4 * index, 16)
        resting = (0, 32, 16, 48)
        image = picture(("red", moving), ("green", resting))
        write_picture(root / "JPEGImages" / "480p" / "drive" / f"{index:05d}.jpg", image)
        labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        labels[block(*moving)] = 1
        labels[block(*resting)] = 2
        write_png(root / "Annotations" / "480p" / "drive" / f"{index:05d}.png", labels)
    split = root / "ImageSets" / "2017" / "val.txt"
    split.parent.mkdir(parents=True)
    split.write_text("drive\n")
    return root


def davis_simple(root: Path) -> Path:
    """The simple layout: one object, a phrase, and a last frame on which it is gone.

    The truth of frame 1 is twice as wide as what is red on it.
    """
    for index in range(4):
        shown = [] if index == 3 else [("red", (16, 16, 32, 32))]
        write_picture(root / "walk" / "frames" / f"{index:05d}.png", picture(*shown))
        truth = block(16, 16, 48 if index == 1 else 32, 32) & (index < 3)
        path = root / "walk" / "masks" / f"{index:05d}.png"
        write_png(path, truth.astype(np.uint8) * 255, palette=False)
    write_json(root / "prompts.json", {"walk": "red"})
    return root


def grabcut(root: Path) -> Path:
    """The flat layout: a mask with a rim that is not scored, and strokes."""
    write_picture(root / "one.image.jpg", picture(("red", (16, 16, 32, 32))))
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[block(14, 14, 34, 34)] = 128
    labels[block(16, 16, 32, 32)] = 255
    write_png(root / "one.mask.png", labels, palette=False)
    strokes = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    strokes[20, 18:30] = 1
    strokes[40, 4:60] = 2
    write_png(root / "one.scribbles0.png", strokes)
    write_json(root / "names.json", {"one": "red"})
    return root


def grabcut_published(root: Path) -> Path:
    """The benchmark's own layout: ``data_GT`` and ``boundary_GT``."""
    write_picture(root / "data_GT" / "one.jpg", picture(("red", (16, 16, 32, 32))))
    labels = block(16, 16, 32, 32).astype(np.uint8) * 255
    (root / "boundary_GT").mkdir(parents=True)
    assert cv2.imwrite(str(root / "boundary_GT" / "one.bmp"), labels)
    return root


def refer(root: Path) -> Path:
    """RefCOCO's layout, its pickle written as Python 2 wrote it; the set is ``root/refcoco``."""
    pictures = root / "images" / "mscoco" / "images" / "train2014"
    image = picture(("red", (16, 16, 32, 32)), ("green", (48, 0, 64, 16)))
    write_picture(pictures / "COCO_train2014_000000000005.jpg", image)
    content = {
        "images": [
            {
                "id": 5,
                "file_name": "COCO_train2014_000000000005.jpg",
                "width": WIDTH,
                "height": HEIGHT,
            }
        ],
        "annotations": [
            _annotation(11, 5, 1, [[16, 16, 32, 16, 32, 32, 16, 32]]),
            _annotation(12, 5, 1, [[48, 0, 64, 0, 64, 32, 48, 32]]),
        ],
        "categories": [{"id": 1, "name": "block"}],
    }
    write_json(root / "refcoco" / "instances.json", content)
    refs = [
        reference(1, 11, "val", "red", "what is this"),
        reference(2, 12, "val", "green"),
        reference(3, 12, "testA", "blue"),
    ]
    (root / "refcoco" / "refs(unc).p").write_bytes(python2_pickle(refs))
    return root / "refcoco"


def reference(number: int, annotation: int, split: str, *sentences: str) -> dict[str, Any]:
    """An entry of a pickle of expressions."""
    return {
        "ref_id": number,
        "ann_id": annotation,
        "image_id": 5,
        "category_id": 1,
        "file_name": f"COCO_train2014_000000000005_{annotation}.jpg",
        "split": split,
        "sent_ids": list(range(len(sentences))),
        "sentences": [
            {"sent_id": n, "raw": sent, "sent": sent, "tokens": sent.split()}
            for n, sent in enumerate(sentences)
        ],
    }


def refcoco_m_row() -> dict[str, Any]:
    """A row of RefCOCO-M as a parquet reader gives it."""
    image = picture(("red", (16, 16, 32, 32)))
    stored = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes()
    return {
        "image": {"bytes": stored, "path": None},
        "image_id": 5,
        "file_name": "five.jpg",
        "samples": [
            {
                "id": 31,
                "category": "block",
                "sentences": ["red", "the red one"],
                "bbox": [16.0, 16.0, 16.0, 16.0],
                "mask": compressed(block(16, 16, 32, 32)),
            }
        ],
    }


def compressed(bitmap: Bitmap) -> dict[str, Any]:
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return {"size": [HEIGHT, WIDTH], "counts": masks.encode_rle(mask)}


def uncompressed(bitmap: Bitmap) -> dict[str, Any]:
    """Run lengths as a list, counted one by one."""
    counts, last = [0], False
    for value in bitmap.T.ravel().tolist():
        if value != last:
            counts.append(0)
            last = value
        counts[-1] += 1
    return {"size": [HEIGHT, WIDTH], "counts": counts}


def python2_pickle(value: object) -> bytes:
    """Protocol 0 with byte strings, as Python 2's pickle module wrote plain data."""
    return _pickled(value) + b"."


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def edit_json(path: Path, change: Mapping[str, Any]) -> None:
    """Set values by path, as ``{"annotations.0.category_id": 99}``; None removes the key."""
    content = json.loads(path.read_text())
    for where, value in change.items():
        *steps, last = where.split(".")
        place = content
        for step in steps:
            place = place[int(step) if isinstance(place, list) else step]
        key = int(last) if isinstance(place, list) else last
        if value is None:
            del place[key]
        else:
            place[key] = value
    path.write_text(json.dumps(content))


def _annotation(
    number: int, image: int, category: int, segmentation: object, iscrowd: int = 0
) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": iscrowd,
    }


def _pickled(value: object) -> bytes:
    if isinstance(value, list):
        return b"(l" + b"".join(_pickled(item) + b"a" for item in value)
    if isinstance(value, dict):
        pairs = (_pickled(k) + _pickled(v) + b"s" for k, v in value.items())
        return b"(d" + b"".join(pairs)
    if isinstance(value, int):
        return b"I%d\n" % value
    assert isinstance(value, str)
    return b"S'" + value.encode("latin1") + b"'\n"


def _packed(row: npt.NDArray[np.uint8], depth: int) -> bytes:
    bits = np.unpackbits(row[:, None], axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel()).tobytes()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
