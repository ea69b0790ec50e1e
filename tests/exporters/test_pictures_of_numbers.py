"""DAVIS, MOTS and Pascal VOC: pictures whose pixels are numbers, and the tables beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from lxml import etree
from PIL import Image
from pycocotools import mask as coco_masks

from tests.support import labels, scenes
from tests.support.labels import export
from videoseg.types import Scene

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Of pycocotools."""


def read(path: Path) -> npt.NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


def shown(scene: Scene, numbers: Mapping[int, int]) -> npt.NDArray[np.int64]:
    """The picture of a frame: the higher score lies on top."""
    expected = np.zeros((scenes.HEIGHT, scenes.WIDTH), np.int64)
    for tracked in sorted(scene.instances, key=lambda each: each.instance.score):
        expected[tracked.instance.mask.to_array()] = numbers[tracked.track_id]
    return expected


def test_davis_numbers_objects_as_they_appear(tmp_path: Path) -> None:
    made = labels.mixed()
    top = export("davis", labels.run_of(made), tmp_path, resolution="480p") / "davis"
    objects = json.loads((top / "objects.json").read_text())["clip"]
    assert [(each["id"], each["track_id"]) for each in objects] == [(1, 1), (2, 2), (3, 3)]
    assert (top / "ImageSets/2017/val.txt").read_text() == "clip\n"
    for scene in made:
        path = top / "Annotations" / "480p" / "clip" / f"{scene.index:06d}.png"
        with Image.open(path) as image:
            assert image.mode == "P"
            palette = image.getpalette() or []
            assert palette[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
        assert (read(path) == shown(scene, {1: 1, 2: 2, 3: 3})).all()


@pytest.mark.parametrize(
    ("kind", "depth"),
    [
        ("high ids", np.uint8),
        pytest.param("500 objects", np.uint16, marks=pytest.mark.slow),
    ],
)
def test_davis_with_many_objects_and_with_high_ids(kind: str, depth: Any, tmp_path: Path) -> None:
    run = labels.hard_runs()[kind]()
    top = export("davis", run, tmp_path) / "davis"
    objects = json.loads((top / "objects.json").read_text())["clip"]
    numbers = {each["track_id"]: each["id"] for each in objects}
    for scene in run.made:
        name = f"{scene.index:06d}.png"
        found = read(top / "Annotations" / "Full-Resolution" / "clip" / name)
        assert found.dtype == depth
        assert (found == shown(scene, numbers)).all()


def test_mots_says_the_same_in_text_and_in_pictures(tmp_path: Path) -> None:
    made = labels.mixed()
    top = export("mots", labels.run_of(made), tmp_path) / "mots"
    lines = [line.split() for line in (top / "instances_txt/clip.txt").read_text().splitlines()]
    assert (top / "instances/labels.txt").read_text() == "disc\nring\n"
    for scene in made:
        expected = shown(scene, {1: 1001, 2: 2001, 3: 1002})
        assert (read(top / "instances" / f"{scene.index:06d}.png") == expected).all()
        drawn = np.zeros_like(expected)
        for frame, number, kind, height, width, counts in lines:
            if int(frame) == scene.index:
                size = [int(height), int(width)]
                mask = coco_masks.decode({"size": size, "counts": counts.encode()})
                assert not (drawn * mask).any()
                drawn += mask.astype(np.int64) * int(number)
                assert int(number) // 1000 == int(kind)
        assert (drawn == expected).all()


def test_mots_leaves_out_the_class_that_is_not_judged(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(1, 13)]
    made = [scenes.scene(scenes.tracked(scenes.rectangle(1, 1, 5, 5), label="c10", prompt=9))]
    top = export("mots", labels.run_of(made, *names), tmp_path) / "mots"
    listed = (top / "instances/labels.txt").read_text().splitlines()
    assert listed == [*names[:9], "ignored", *names[9:]]
    assert set(np.unique(read(top / "instances" / "000000.png"))) == {0, 11001}


def test_voc_has_boxes_from_1_and_numbers_of_classes_and_objects(tmp_path: Path) -> None:
    made = labels.mixed()
    top = export("pascal-voc", labels.run_of(made), tmp_path) / "pascal-voc"
    listed = (top / "ImageSets/Main/default.txt").read_text()
    assert listed == "".join(f"{scene.index:06d}\n" for scene in made)
    assert (top / "ImageSets/Segmentation/default.txt").read_text() == listed
    assert (top / "labelmap.txt").read_text().splitlines()[1:] == [
        "background:0,0,0::",
        "disc:128,0,0::",
        "ring:0,128,0::",
    ]
    for scene in made:
        stem = f"{scene.index:06d}"
        ids = [tracked.track_id for tracked in scene.instances]
        classes = {tracked.track_id: 1 + tracked.instance.prompt for tracked in scene.instances}
        numbers = {track_id: place for place, track_id in enumerate(ids, 1)}
        assert (read(top / "SegmentationClass" / f"{stem}.png") == shown(scene, classes)).all()
        assert (read(top / "SegmentationObject" / f"{stem}.png") == shown(scene, numbers)).all()
        found = etree.parse(top / "Annotations" / f"{stem}.xml").findall("object")
        assert [int(str(each.findtext("attributes/attribute/value"))) for each in found] == ids
        for each, tracked in zip(found, scene.instances, strict=True):
            corners = [
                int(str(each.findtext(f"bndbox/{n}"))) for n in ("xmin", "ymin", "xmax", "ymax")
            ]
            x1, y1, x2, y2 = tracked.instance.mask.box
            assert corners == [x1 + 1, y1 + 1, x2, y2]
            assert each.findtext("name") == tracked.label


@pytest.mark.parametrize("table", ["gt", "det"])
def test_mot_has_a_line_for_every_box(table: str, tmp_path: Path) -> None:
    made = labels.mixed()
    top = export("mot", labels.run_of(made), tmp_path, table=table) / "mot" / "clip"
    rows = [line.split(",") for line in (top / table / f"{table}.txt").read_text().splitlines()]
    for row, (scene, tracked, _) in zip(rows, labels.objects(made), strict=True):
        x1, y1, x2, y2 = tracked.instance.mask.box
        assert list(map(int, row[2:6])) == [x1, y1, x2 - x1, y2 - y1]
        assert int(row[0]) == scene.index + 1
        if table == "gt":
            assert row[1:2] + row[6:] == [
                str(tracked.track_id),
                "1",
                str(tracked.instance.prompt + 1),
                "1",
            ]
        else:
            assert row[1:2] + row[7:] == ["-1", "-1", "-1", "-1"]
            assert float(row[6]) == pytest.approx(tracked.instance.score)
    told = (top / "seqinfo.ini").read_text().splitlines()
    assert told[0] == "[Sequence]"
    assert {"name=clip", "frameRate=25", "seqLength=6", "imWidth=96"} <= set(told)
