"""YOLO, CVAT, Labelme, Label Studio, JSON lines and Parquet: polygons, masks and rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lxml import etree

from tests.support import labels, scenes
from tests.support.labels import export, filled, iou
from videoseg.types import Scene, TrackState

CLOSE = 0.98
SIZE = np.array([scenes.WIDTH, scenes.HEIGHT])

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Of pycocotools."""


def pairs(numbers: list[float]) -> Any:
    return np.reshape(numbers, (-1, 2))


def test_yolo_has_one_ring_that_is_the_whole_object(tmp_path: Path) -> None:
    made = labels.mixed()
    top = export("yolo-seg", labels.run_of(made), tmp_path, track_ids=True) / "yolo-seg"
    for scene in made:
        lines = (top / "labels" / f"{scene.index:06d}.txt").read_text().splitlines()
        for line, tracked in zip(lines, scene.instances, strict=True):
            kind, *shares, track_id = line.split()
            assert (int(kind), int(track_id)) == (tracked.instance.prompt, tracked.track_id)
            corners = pairs(list(map(float, shares)))
            assert corners.min() >= 0
            assert corners.max() <= 1
            mask = tracked.instance.mask.to_array()
            assert iou(filled([(corners * SIZE).tolist()]), mask) >= CLOSE
    assert (top / "data.yaml").read_text() == (
        'train: images\nval: images\nnames:\n  0: "disc"\n  1: "ring"\n'
    )


def test_yolo_can_fill_holes(tmp_path: Path) -> None:
    made = [scenes.scene(scenes.tracked(scenes.disc(40, 30, 20, hole=9)))]
    top = export("yolo-seg", labels.run_of(made), tmp_path, holes="fill") / "yolo-seg"
    _, *shares = (top / "labels/000000.txt").read_text().split()
    shown = filled([(pairs(list(map(float, shares))) * SIZE).tolist()])
    assert iou(shown, scenes.disc(40, 30, 20).to_array()) >= CLOSE


def test_yolo_escapes_labels(tmp_path: Path) -> None:
    run = labels.hard_runs()["odd labels"]()
    text = (export("yolo-seg", run, tmp_path) / "yolo-seg/data.yaml").read_text()
    assert '0: "../../cat/.. :#\\\\,"\n' in text
    assert '1: "R&B <x> \\" ]]>"\n' in text


@pytest.mark.parametrize("shape", ["polygon", "mask"])
def test_cvat_has_a_key_on_every_frame_and_says_when_a_track_is_gone(
    shape: str, tmp_path: Path
) -> None:
    made = labels.mixed()
    export("cvat", labels.run_of(made, frame_count=8), tmp_path, shape=shape)
    root = etree.parse(tmp_path / "cvat.xml").getroot()
    assert root.findtext("meta/task/size") == "8"
    assert [each.text for each in root.findall("meta/task/labels/label/name")] == ["disc", "ring"]
    tracks = {int(str(each.attrib["id"])): each for each in root.findall("track")}
    for track_id, track in tracks.items():
        keys = {int(str(each.attrib["frame"])): each for each in track.findall(shape)}
        gone = {frame for frame, each in keys.items() if each.attrib["outside"] == "1"}
        assert gone == ({2, 6} if track_id == 2 else {6})
        assert list(keys) == sorted(keys)
        assert all(each.attrib["keyframe"] == "1" for each in keys.values())
    for scene, tracked, mask in labels.objects(made):
        track = tracks[tracked.track_id]
        assert track.attrib["label"] == tracked.label
        (said,) = [
            {name: str(value) for name, value in key.attrib.items()}
            for key in track.findall(shape)
            if key.attrib["frame"] == str(scene.index)
        ]
        if shape == "polygon":
            ring = [list(map(float, pair.split(","))) for pair in said["points"].split(";")]
            assert iou(filled([ring]), mask) >= CLOSE
        else:
            left, top, wide, high = (int(said[name]) for name in ("left", "top", "width", "height"))
            lengths = [int(each) for each in said["rle"].split(",")]
            values = np.repeat(np.arange(len(lengths)) % 2, lengths).reshape(high, wide)
            assert (mask[top : top + high, left : left + wide] == values).all()
            assert mask.sum() == values.sum()


def test_cvat_marks_what_was_not_seen(tmp_path: Path) -> None:
    box = scenes.rectangle(5, 5, 30, 30)
    states: tuple[TrackState, ...] = ("matched", "interpolated", "held")
    made = [
        scenes.scene(scenes.tracked(box, state=state), index=index)
        for index, state in enumerate(states)
    ]
    export("cvat", labels.run_of(made), tmp_path)
    keys = etree.parse(tmp_path / "cvat.xml").findall("track/polygon")
    assert [key.attrib["occluded"] for key in keys] == ["0", "1", "1"]
    assert [key.attrib["outside"] for key in keys] == ["0", "0", "0"]


def every_second() -> list[Scene]:
    """Frames 0 to 8, as where a source leaves out every second; track 2 is gone on frame 4."""
    one, other = scenes.rectangle(5, 5, 30, 30), scenes.rectangle(40, 5, 60, 30)
    both = [scenes.tracked(one, 1), scenes.tracked(other, 2)]
    return [
        scenes.scene(*(both[:1] if index == 4 else both), index=index) for index in range(0, 10, 2)
    ]


def test_cvat_ends_no_track_on_frames_that_the_run_does_not_have(tmp_path: Path) -> None:
    export("cvat", labels.run_of(every_second()), tmp_path)
    gone = [
        [key.attrib["frame"] for key in track.findall("polygon") if key.attrib["outside"] == "1"]
        for track in etree.parse(tmp_path / "cvat.xml").findall("track")
    ]
    assert gone == [[], ["3"]]


def test_label_studio_ends_no_box_on_frames_that_the_run_does_not_have(tmp_path: Path) -> None:
    export("label-studio", labels.run_of(every_second()), tmp_path, task="video")
    (task,) = json.loads((tmp_path / "label-studio.json").read_text())
    gone = [
        [key["frame"] for key in track["value"]["sequence"] if not key["enabled"]]
        for track in task["predictions"][0]["result"]
    ]
    assert gone == [[], [3]]


def test_label_studio_takes_names_of_pictures_that_are_no_text(tmp_path: Path) -> None:
    made = [replace(scene, name="a\udcff.png") for scene in labels.mixed()[:1]]
    export("label-studio", labels.run_of(made), tmp_path)
    (task,) = json.loads((tmp_path / "label-studio.json").read_text())
    assert task["data"]["image"].endswith("?d=a%3F.png")


def test_labelme_has_a_polygon_for_each_part(tmp_path: Path) -> None:
    made = labels.mixed()
    export("labelme", labels.run_of(made), tmp_path)
    for scene in made:
        found = json.loads((tmp_path / "labelme" / f"{scene.index:06d}.json").read_text())
        assert (found["imageWidth"], found["imageHeight"]) == (scenes.WIDTH, scenes.HEIGHT)
        assert found["imagePath"] == f"{scene.index:06d}.jpg"
        for tracked in scene.instances:
            mine = [each for each in found["shapes"] if each["group_id"] == tracked.track_id]
            assert {each["label"] for each in mine} == {tracked.label}
            assert len(mine) == (2 if tracked.track_id == 3 else 1)
            shown = filled([each["points"] for each in mine])
            assert iou(shown, tracked.instance.mask.to_array()) >= CLOSE


def test_labelme_points_to_the_pictures_that_frames_writes(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "000000.jpg").write_bytes(b"")
    export("labelme", labels.run_of(labels.mixed()), tmp_path)
    found = json.loads((tmp_path / "labelme" / "000001.json").read_text())
    assert found["imagePath"] == "../frames/000001.jpg"


def unbrushed(rle: list[int]) -> Any:
    """The bytes of a picture from Label Studio's brush, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    place = 0

    def number(count: int) -> int:
        nonlocal place
        place += count
        return int(bits[place - count : place], 2)

    size, word, lengths = number(32), number(5) + 1, [number(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < size:
        same = number(1)
        count = number(lengths[number(2)]) + 1
        values += [number(word)] * count if same else [number(word) for _ in range(count)]
    return np.reshape(values, (scenes.HEIGHT, scenes.WIDTH, 4))


def test_label_studio_has_a_brushed_mask_for_every_object(tmp_path: Path) -> None:
    made = labels.mixed()
    export("label-studio", labels.run_of(made), tmp_path, prefix="s3://a/")
    tasks = json.loads((tmp_path / "label-studio.json").read_text())
    assert [task["data"]["image"] for task in tasks][1] == "s3://a/frames/000001.jpg"
    for scene, task in zip(made, tasks, strict=True):
        results = task["predictions"][0]["result"]
        for each, tracked in zip(results, scene.instances, strict=True):
            assert each["value"]["brushlabels"] == [tracked.label]
            found = unbrushed(each["value"]["rle"])
            assert (found == 255 * tracked.instance.mask.to_array()[..., None]).all()
    view = etree.parse(tmp_path / "label-studio.xml")
    assert view.xpath("//BrushLabels/Label/@value") == ["disc", "ring"]
    assert {view.find("BrushLabels").get("name")} == {results[0]["from_name"]}  # type: ignore[union-attr]


def test_label_studio_has_boxes_in_the_video(tmp_path: Path) -> None:
    made = labels.mixed()
    run = labels.run_of(made, location="a b/clip 1.mp4")
    export("label-studio", run, tmp_path, task="video")
    (task,) = json.loads((tmp_path / "label-studio.json").read_text())
    assert task["data"]["video"] == "/data/local-files/?d=clip%201.mp4"
    tracks = task["predictions"][0]["result"]
    for track_id, track in enumerate(tracks, 1):
        mine = [(s, t) for s, t, _ in labels.objects(made) if t.track_id == track_id]
        for key, (scene, tracked) in zip(track["value"]["sequence"], mine, strict=True):
            x1, y1, x2, y2 = np.array(tracked.instance.mask.box) / (*SIZE, *SIZE) * 100
            expected = [x1, y1, x2 - x1, y2 - y1]
            found = [key[name] for name in ("x", "y", "width", "height")]
            assert found == pytest.approx(expected, abs=1e-3)
            assert key["frame"] == scene.index + 1
        ends = [key["frame"] for key in track["value"]["sequence"] if not key["enabled"]]
        assert ends == ([2] if track_id == 2 else [])


@pytest.mark.parametrize("shape", ["rle", "polygon", "none"])
@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_a_row_for_every_object_on_every_frame(name: str, shape: str, tmp_path: Path) -> None:
    made = labels.mixed()
    export(name, labels.run_of(made), tmp_path, shape=shape)
    path = tmp_path / f"tracks.{name}"
    if name == "jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        rows = pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()
    for row, (scene, tracked, mask) in zip(rows, labels.objects(made), strict=True):
        assert (row["stream"], row["frame"], row["pts"]) == ("clip", scene.index, scene.pts)
        assert row["seconds"] == float(scene.seconds)
        assert (row["track_id"], row["label"]) == (tracked.track_id, tracked.label)
        assert (row["state"], row["score"]) == (tracked.state, tracked.instance.score)
        x1, y1, x2, y2 = tracked.instance.mask.box
        assert row["box"] == [x1, y1, x2 - x1, y2 - y1]
        assert row["area"] == mask.sum()
        assert ("rle" in row, "polygon" in row) == (shape == "rle", shape == "polygon")
        if shape == "rle":
            assert (labels.decoded(row["rle"], scenes.stream()) == mask).all()
        elif shape == "polygon":
            rings = [pairs(ring).tolist() for part in row["polygon"] for ring in part]
            assert iou(filled(rings), mask) >= CLOSE
