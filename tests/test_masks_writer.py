"""Mask pictures and ``masks.json``, read by other programs."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from pycocotools.coco import COCO

from tests import scenes
from videoseg.errors import OutputError
from videoseg.geometry.masks import to_bitmap
from videoseg.palette import colour_of
from videoseg.types import Scene
from videoseg.writers.masks import Masks


def write(folder: Path, *made: Scene) -> None:
    writer = Masks()
    writer.open(folder, scenes.streams(), scenes.prompts("disc", "R&B <x>"))
    try:
        for scene in made:
            writer.write(scene, None)
    except OutputError:
        writer.close(complete=False)
        raise
    writer.close(complete=True)


def read(path: Path) -> npt.NDArray[np.uint8]:
    """As cv2 shows the picture: BGR colours of a palette, or 16-bit grey."""
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return np.asarray(picture)


def load(folder: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(folder / "masks.json"))


def test_a_pixel_has_the_colour_of_its_track(tmp_path: Path) -> None:
    made = scenes.moving()
    write(tmp_path, *made)
    for scene in made:
        expected = np.zeros((scenes.HEIGHT, scenes.WIDTH, 3), dtype=np.uint8)
        for tracked in sorted(scene.instances, key=lambda each: each.instance.score):
            expected[to_bitmap(tracked.instance.mask)] = colour_of(tracked.track_id)[::-1]
        found = read(tmp_path / "masks" / f"{scene.index:06d}.png")
        assert (found == expected).all()


def test_the_bytes_are_a_palette_picture_of_ids(tmp_path: Path) -> None:
    write(tmp_path, scenes.scene(scenes.tracked(scenes.rectangle(1, 2, 5, 6), 255)))
    data = (tmp_path / "masks" / "000000.png").read_bytes()
    depth, colour_type = data[24], data[25]
    assert (depth, colour_type) == (8, 3)
    assert data[data.index(b"PLTE") - 4 :][:4] == (768).to_bytes(4, "big")


@pytest.mark.parametrize("track_id", [256, 65535])
def test_high_ids_make_16_bit_grey(tmp_path: Path, track_id: int) -> None:
    mask = scenes.rectangle(10, 20, 30, 40)
    write(tmp_path, scenes.scene(scenes.tracked(mask, track_id)))
    found = read(tmp_path / "masks" / "000000.png")
    assert found.dtype == np.uint16
    assert (found == to_bitmap(mask) * track_id).all()


def test_ids_that_no_png_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="65535"):
        write(tmp_path, scenes.scene(scenes.tracked(scenes.rectangle(0, 0, 2, 2), 65536)))


def test_of_two_equal_scores_the_higher_id_lies_on_top(tmp_path: Path) -> None:
    mask = scenes.rectangle(10, 20, 30, 40)
    write(tmp_path, scenes.scene(*(scenes.tracked(mask, 256 + n, score=0.5) for n in range(3))))
    assert set(np.unique(read(tmp_path / "masks" / "000000.png"))) == {0, 258}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_every_mask(tmp_path: Path) -> None:
    made = scenes.moving()
    write(tmp_path, *made)
    coco = load(tmp_path)
    assert len(coco.imgs) == len(made)
    assert len(coco.anns) == sum(len(scene.instances) for scene in made)
    assert {each["id"]: each["name"] for each in coco.cats.values()} == {1: "disc", 2: "R&B <x>"}
    by_index = {image["frame_index"]: image for image in coco.imgs.values()}
    for scene in made:
        image = by_index[scene.index]
        assert image["pts"] == scene.pts
        assert image["seconds"] == pytest.approx(float(scene.seconds))
        assert (image["width"], image["height"]) == (scenes.WIDTH, scenes.HEIGHT)
        assert (tmp_path / image["mask_file_name"]).is_file()
        found = {each["track_id"]: each for each in coco.imgToAnns[image["id"]]}
        assert found.keys() == {tracked.track_id for tracked in scene.instances}
        for tracked in scene.instances:
            annotation = found[tracked.track_id]
            bitmap = to_bitmap(tracked.instance.mask)
            assert (coco.annToMask(annotation).astype(bool) == bitmap).all()
            assert annotation["area"] == bitmap.sum()
            assert annotation["score"] == tracked.instance.score
            assert annotation["category_id"] == tracked.instance.prompt + 1
            x, y, width, height = annotation["bbox"]
            rows, columns = np.nonzero(bitmap)
            assert (x, y) == (columns.min(), rows.min())
            assert (x + width, y + height) == (columns.max() + 1, rows.max() + 1)


def test_no_frame_is_still_an_index(tmp_path: Path) -> None:
    write(tmp_path)
    index = json.loads((tmp_path / "masks.json").read_text())
    assert index["images"] == index["annotations"] == []
    assert len(index["categories"]) == 2


def test_frames_of_several_streams_are_told_apart(tmp_path: Path) -> None:
    writer = Masks()
    streams = scenes.streams(scenes.stream("left"), scenes.stream("right"))
    writer.open(tmp_path, streams, scenes.prompts())
    for name in streams:
        writer.write(scenes.scene(stream=name), None)
    writer.close(complete=True)
    images = json.loads((tmp_path / "masks.json").read_text())["images"]
    found = [(image["stream"], image["mask_file_name"], image["file_name"]) for image in images]
    assert found == [
        ("left", "masks/left/000000.png", "frames/left/000000.jpg"),
        ("right", "masks/right/000000.png", "frames/right/000000.jpg"),
    ]


def test_what_was_broken_off_does_not_look_finished(tmp_path: Path) -> None:
    writer = Masks()
    writer.open(tmp_path, scenes.streams(), scenes.prompts())
    writer.write(scenes.moving()[0], None)
    writer.close(complete=False)
    with pytest.raises(json.JSONDecodeError):
        json.loads((tmp_path / "masks.json").read_text())
