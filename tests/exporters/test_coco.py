"""COCO and YouTube-VIS, read by pycocotools."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from tests.support import labels, scenes
from tests.support.labels import export, iou

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Of pycocotools."""


def load(folder: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "coco.json"))


@pytest.mark.parametrize(
    ("form", "least"), [("auto", 0.98), ("rle", 1), ("counts", 1), ("polygon", 0.6)]
)
def test_pycocotools_sees_every_mask(form: str, least: float, tmp_path: Path) -> None:
    made = labels.mixed()
    coco = load(export("coco", labels.run_of(made), tmp_path, segmentation=form))
    assert {each["id"]: each["name"] for each in coco.cats.values()} == {1: "disc", 2: "ring"}
    images = {image["frame_index"]: image for image in coco.imgs.values()}
    for scene, tracked, mask in labels.objects(made):
        image = images[scene.index]
        assert image["file_name"] == f"frames/{scene.index:06d}.jpg"
        assert image["seconds"] == float(scene.seconds)
        found = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        (one,) = [each for each in found if each["track_id"] == tracked.track_id]
        assert coco.cats[one["category_id"]]["name"] == tracked.label
        whole = not any(part.holes for part in tracked.shape.parts)
        assert isinstance(one["segmentation"], list) == (
            form == "polygon" or whole * form == "auto"
        )
        assert iou(labels.decoded(one["segmentation"], scenes.stream()), mask) >= least
        assert one["area"] == mask.sum()
        x1, y1, x2, y2 = tracked.instance.mask.box
        assert one["bbox"] == [x1, y1, x2 - x1, y2 - y1]


def test_several_streams_are_videos_of_one_file(tmp_path: Path) -> None:
    run = labels.hard_runs()["two streams"]()
    coco = load(export("coco", run, tmp_path))
    assert [video["name"] for video in coco.dataset["videos"]] == ["up_a_b", "up_a_b-2"]
    assert [image["video_id"] for image in coco.imgs.values()] == [1] * 6 + [2] * 6
    assert len({image["file_name"] for image in coco.imgs.values()}) == 12


def test_the_picture_that_frames_writes_is_named(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "000000.png").write_bytes(b"")
    coco = load(export("coco", labels.run_of(labels.mixed()), tmp_path))
    assert coco.imgs[2]["file_name"] == "frames/000001.png"


@pytest.mark.parametrize("form", ["rle", "counts"])
def test_youtube_vis_has_a_mask_or_null_for_every_frame(form: str, tmp_path: Path) -> None:
    made = labels.mixed()
    export("youtube-vis", labels.run_of(made), tmp_path, segmentation=form)
    found = json.loads((tmp_path / "youtube-vis/instances.json").read_text())
    (video,) = found["videos"]
    assert video["length"] == len(video["file_names"]) == len(made)
    names = {each["id"]: each["name"] for each in found["categories"]}
    tracks = {each["track_id"]: each for each in found["annotations"]}
    assert [each["id"] for each in found["annotations"]] == [1, 2, 3]
    seen = set()
    for scene, tracked, mask in labels.objects(made):
        track = tracks[tracked.track_id]
        assert names[track["category_id"]] == tracked.label
        assert track["score"] == tracked.instance.score
        shown = labels.decoded(track["segmentations"][scene.index], scenes.stream())
        assert (shown == mask).all()
        assert track["areas"][scene.index] == mask.sum()
        seen.add((tracked.track_id, scene.index))
    for track_id, track in tracks.items():
        for name in ("segmentations", "bboxes", "areas"):
            here = {n for n, value in enumerate(track[name]) if value is not None}
            assert len(track[name]) == len(made)
            assert here == {index for number, index in seen if number == track_id}


def test_frames_of_a_late_start_are_counted_from_the_first_of_the_run(tmp_path: Path) -> None:
    run = labels.hard_runs()["late start"]()
    export("youtube-vis", run, tmp_path)
    found: Any = json.loads((tmp_path / "youtube-vis/instances.json").read_text())
    assert found["videos"][0]["file_names"][0] == "clip/000900.jpg"
    assert all(each["segmentations"][0] for each in found["annotations"])
