"""Data sets as the programs read them that they are for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import labels, scenes
from tests.support.labels import export, iou, read_elsewhere

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Of pycocotools."""
MADE = labels.mixed()
LARGER = 0.85
"""Overlap where a program takes every pixel that a line touches: a lot for objects this small."""


def with_pictures(folder: Path) -> Path:
    """The folder, with what ``frames`` would have written into it."""
    (folder / "frames").mkdir()
    for scene in MADE:
        path = folder / "frames" / f"{scene.index:06d}.png"
        path.write_bytes(cv2.imencode(".png", scenes.frame_of(scene).image)[1].tobytes())
    return folder


def check(
    found: Mapping[str, Any], least: float, *, digits: int = 6, visible: bool = False
) -> None:
    """Every object of every frame is there under its label.

    Args:
        found: What was read, by the number of the frame.
        least: Overlap of each, 0 to 1.
        digits: Of that number.
        visible: Whether what others cover is left out.
    """
    worst = 1.0
    for scene in MADE:
        rows = [row for row in found[f"{scene.index:0{digits}d}"] if "mask" in row]
        for tracked in scene.instances:
            mine = [row for row in rows if row["track"] in (tracked.track_id, None)]
            masks = [labels.decoded(row["mask"], scenes.stream()) for row in mine]
            mask = tracked.instance.mask.to_array()
            if visible:
                for other in scene.instances:
                    if other.instance.score > tracked.instance.score:
                        mask = mask & ~other.instance.mask.to_array()
            if mine and mine[0]["track"] is not None:
                shown = np.logical_xor.reduce(masks)
                assert {row["label"] for row in mine} == {tracked.label}
            else:
                shown = max(masks, key=lambda each: iou(each, mask))
            worst = min(worst, iou(shown, mask))
    assert worst >= least


def test_datumaro_reads_coco(tmp_path: Path) -> None:
    export("coco", labels.run_of(MADE), tmp_path, segmentation="rle")
    found = read_elsewhere("coco", tmp_path / "coco.json")
    check({Path(name).stem: rows for name, rows in found.items()}, 1)


def test_datumaro_reads_cvat(tmp_path: Path) -> None:
    export("cvat", labels.run_of(MADE), tmp_path)
    found = read_elsewhere("cvat", tmp_path / "cvat.xml")
    assert all(row["key"] for rows in found.values() for row in rows)
    assert [row["track"] for row in found["2"] if row["outside"]] == [2]
    shown = {frame: [row for row in rows if not row["outside"]] for frame, rows in found.items()}
    check(shown, 0.95, digits=1)


def test_datumaro_reads_mots(tmp_path: Path) -> None:
    export("mots", labels.run_of(MADE), tmp_path)
    found = read_elsewhere("mots", tmp_path / "mots")
    ids = {("disc", 1): 1, ("ring", 1): 2, ("disc", 2): 3}
    for rows in found.values():
        for row in rows:
            row["track"] = ids[row["label"], row["track"]]
    check(found, 1, visible=True)


def test_datumaro_reads_voc(tmp_path: Path) -> None:
    export("pascal-voc", labels.run_of(MADE), with_pictures(tmp_path))
    found = read_elsewhere("voc", tmp_path / "pascal-voc")
    check(found, 1, visible=True)
    for scene in MADE:
        boxes = [row["box"] for row in found[f"{scene.index:06d}"] if "box" in row]
        for box, tracked in zip(boxes, scene.instances, strict=True):
            x1, y1, x2, y2 = tracked.instance.mask.box
            # Both ends are in VOC's box, and Datumaro takes one for the width of the other.
            assert box == [x1, y1, x2 - x1, y2 - y1]


def test_datumaro_reads_mot(tmp_path: Path) -> None:
    export("mot", labels.run_of(MADE), with_pictures(tmp_path))
    found = read_elsewhere("mot_seq", tmp_path / "mot" / "clip")
    for scene in MADE:
        rows = next(rows for name, rows in found.items() if int(name) == scene.index + 1)
        boxes = {row["track"]: row["box"] for row in rows}
        for tracked in scene.instances:
            x1, y1, x2, y2 = tracked.instance.mask.box
            assert boxes[tracked.track_id] == [x1, y1, x2 - x1, y2 - y1]


NUMBERS = {"davis": {1: 1, 2: 2, 3: 3}, "kitti-mots": {1: 1001, 2: 2001, 3: 1002}}
FOLDERS = {"davis": "davis", "kitti-mots": "mots", "mot-challenge": "mot"}


@pytest.mark.parametrize("kind", ["davis", "kitti-mots", "youtube-vis"])
def test_trackeval_reads_masks(kind: str, tmp_path: Path) -> None:
    name = FOLDERS.get(kind, kind)
    settings = {"resolution": "480p"} if kind == "davis" else {}
    export(name, labels.run_of(MADE), tmp_path, **settings)
    found = read_elsewhere(kind, tmp_path / name)
    classes = {"disc": "1", "ring": "2"}
    tracks = {number: track for track, number in NUMBERS.get(kind, {}).items()}
    for rows in found.values():
        for row in rows:
            row["track"] = tracks.get(row["track"], row["track"])
            assert row["label"] in ("", classes["ring" if row["track"] == 2 else "disc"])
            row["label"] = "ring" if row["track"] == 2 else "disc"
    check(found, 1, digits=1, visible=kind != "youtube-vis")


def test_trackeval_reads_boxes(tmp_path: Path) -> None:
    export("mot", labels.run_of(MADE), tmp_path)
    found = read_elsewhere("mot-challenge", tmp_path / "mot")
    for scene in MADE:
        rows = {row["track"]: row for row in found[str(scene.index)]}
        for tracked in scene.instances:
            x1, y1, x2, y2 = tracked.instance.mask.box
            assert rows[tracked.track_id]["box"] == [x1, y1, x2 - x1, y2 - y1]
            assert rows[tracked.track_id]["label"] == str(tracked.instance.prompt + 1)


def test_supervision_reads_yolo(tmp_path: Path) -> None:
    export("yolo-seg", labels.run_of(MADE), with_pictures(tmp_path))
    check(read_elsewhere("yolo", tmp_path / "yolo-seg"), LARGER)


def test_labelme_reads_its_files(tmp_path: Path) -> None:
    export("labelme", labels.run_of(MADE), with_pictures(tmp_path))
    check(read_elsewhere("labelme", tmp_path / "labelme"), LARGER)


def test_label_studio_reads_its_tasks(tmp_path: Path) -> None:
    export("label-studio", labels.run_of(MADE), tmp_path)
    found = read_elsewhere("label-studio", tmp_path / "label-studio.json")
    for rows in found.values():
        for row in rows:
            row["track"] = int(row["track"].removeprefix("track-"))
    check(found, 1, digits=1)
