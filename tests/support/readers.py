"""Reads data sets with the programs of others, in whose environment it runs by itself.

usage: python readers.py KIND PATH HEIGHT WIDTH

An environment: ``pip install datumaro trackeval supervision labelme label-studio-sdk``, each for
itself with ``--no-deps`` and what it then misses where their pins contradict each other.

Prints one line of JSON: by picture what is on it, each with label, track (None where the program
keeps none) and mask (COCO's run lengths, of the package that the program itself uses).
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_masks

TRACKEVAL = ("davis", "kitti-mots", "mot-challenge", "youtube-vis")


def packed(mask: Any) -> dict[str, Any]:
    """A mask as run lengths."""
    rle = coco_masks.encode(np.asfortranarray(np.asarray(mask, dtype=np.uint8)))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode("ascii")}


def number(value: Any) -> int | None:
    """A whole number of any type."""
    return None if value is None else int(value)


def by_datumaro(path: Path, kind: str, size: tuple[int, int]) -> dict[str, Any]:
    """Masks, polygons and boxes of each item."""
    from datumaro import Dataset

    options = {"coordinate_mode": "voc-one-based"} if kind == "voc" else {}
    made = Dataset.import_from(str(path), kind, **options)
    labels = [label.name for label in made.categories()[next(iter(made.categories()))].items]
    found: dict[str, Any] = {}
    for item in made:
        rows = found.setdefault(str(item.attributes.get("frame", item.id)), [])
        for each in item.annotations:
            row = {
                "type": each.type.name,
                "label": labels[each.label],
                "track": number(each.attributes.get("track_id")),
                "outside": bool(each.attributes.get("outside", False)),
                "key": bool(each.attributes.get("keyframe", True)),
            }
            if each.type.name == "mask":
                row["mask"] = packed(each.image)
            elif each.type.name == "polygon":
                parts = coco_masks.frPyObjects([each.points], *size)
                row["mask"] = packed(coco_masks.decode(coco_masks.merge(parts)))
            elif each.type.name == "bbox":
                row["box"] = list(each.get_bbox())
            rows.append(row)
    return found


def read_coco(path: Path, size: tuple[int, int]) -> dict[str, Any]:
    """Datumaro wants a file of a certain name in a folder of a certain name."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "annotations").mkdir()
        (Path(folder) / "images").mkdir()
        shutil.copy(path, Path(folder) / "annotations" / "instances_default.json")
        return by_datumaro(Path(folder), "coco_instances", size)


def by_trackeval(path: Path, kind: str) -> dict[str, Any]:
    """Masks or boxes of each frame of the sequence ``clip``, by TrackEval's own loaders."""
    from trackeval import datasets

    with tempfile.TemporaryDirectory() as empty:
        told = {"TRACKERS_FOLDER": empty, "TRACKERS_TO_EVAL": [], "PRINT_CONFIG": False}
        length = len(list((path / "instances").glob("*.png"))) or 6
        if kind == "youtube-vis":
            place = Path(empty) / "youtube_vis_all"
            place.mkdir()
            shutil.copy(path / "instances.json", place)
            made = datasets.YouTubeVIS({**told, "GT_FOLDER": f"{empty}/", "SPLIT_TO_EVAL": "all"})
        elif kind == "davis":
            masks = path / "Annotations" / "480p"
            listed = path / "ImageSets" / "2017" / "val.txt"
            made = datasets.DAVIS({**told, "GT_FOLDER": str(masks), "SEQMAP_FILE": str(listed)})
        elif kind == "kitti-mots":
            form = "{gt_folder}/instances_txt/{seq}.txt"
            told |= {"SEQ_INFO": {"clip": length}, "GT_LOC_FORMAT": form}
            made = datasets.KittiMOTS({**told, "GT_FOLDER": str(path)})
        else:
            told |= {"SEQ_INFO": {"clip": None}, "SKIP_SPLIT_FOL": True}
            made = datasets.MotChallenge2DBox({**told, "GT_FOLDER": str(path)})
        found = made._load_raw_file(None, "clip", is_gt=True)
    return {str(frame): _rows(found, frame) for frame in range(found["num_timesteps"])}


def _rows(found: dict[str, Any], frame: int) -> list[dict[str, Any]]:
    """What TrackEval has of a frame."""
    rows = []
    for place, track in enumerate(found["gt_ids"][frame]):
        what = found["gt_dets"][frame][place]
        row: dict[str, Any] = {"label": "", "track": int(track)}
        if "gt_classes" in found:
            row["label"] = str(int(found["gt_classes"][frame][place]))
        if isinstance(what, dict):
            counts = what["counts"]
            text = counts.decode("ascii") if isinstance(counts, bytes) else counts
            row["mask"] = {"size": list(what["size"]), "counts": text}
        else:
            row["box"] = list(map(float, what))
        rows.append(row)
    return rows


def read_yolo(path: Path) -> dict[str, Any]:
    """Masks of each picture, by supervision."""
    import supervision

    made = supervision.DetectionDataset.from_yolo(
        images_directory_path=str(path / "images"),
        annotations_directory_path=str(path / "labels"),
        data_yaml_path=str(path / "data.yaml"),
        force_masks=True,
    )
    return {
        Path(name).stem: [
            {"label": made.classes[kind], "track": None, "mask": packed(mask)}
            for kind, mask in zip(found.class_id, found.mask, strict=True)
        ]
        for name, _, found in made
    }


def read_labelme(path: Path) -> dict[str, Any]:
    """Masks of each file, filled by Labelme itself."""
    from labelme import utils
    from labelme._label_file import read_label_file

    found: dict[str, Any] = {}
    for file in sorted(path.glob("*.json")):
        made = read_label_file(str(file))
        size = utils.img_data_to_arr(made.image_data).shape[:2]
        found[file.stem] = [
            {
                "label": shape["label"],
                "track": shape["group_id"],
                "mask": packed(utils.shape_to_mask(size, shape["points"], shape["shape_type"])),
            }
            for shape in made.shapes
        ]
    return found


def read_label_studio(path: Path) -> dict[str, Any]:
    """Masks of each task, by Label Studio's own converter."""
    from label_studio_sdk.converter.brush import decode_rle

    found: dict[str, Any] = {}
    for task in json.loads(path.read_text()):
        rows = found.setdefault(str(task["data"]["frame"]), [])
        for each in task["predictions"][0]["result"]:
            size = each["original_height"], each["original_width"], 4
            alpha = np.reshape(decode_rle(each["value"]["rle"]), size)[:, :, 3]
            (label,) = each["value"]["brushlabels"]
            rows.append({"label": label, "track": each["id"], "mask": packed(alpha > 0)})
    return found


def main() -> None:
    """Read one."""
    kind, path, size = sys.argv[1], Path(sys.argv[2]), (int(sys.argv[3]), int(sys.argv[4]))
    readers = {
        **{each: lambda: by_trackeval(path, kind) for each in TRACKEVAL},
        "coco": lambda: read_coco(path, size),
        "yolo": lambda: read_yolo(path),
        "labelme": lambda: read_labelme(path),
        "label-studio": lambda: read_label_studio(path),
    }
    made = readers[kind]() if kind in readers else by_datumaro(path, kind, size)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
