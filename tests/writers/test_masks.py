"""Mask pictures and ``masks.json``, read by other programs."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scipy.ndimage import binary_fill_holes

from tests.support import scenes
from videoseg.errors import OutputError
from videoseg.formats.palette import colour_of
from videoseg.geometry.masks import to_bitmap
from videoseg.protocols import Writer
from videoseg.types import Scene, Shape
from videoseg.writers.frames import Frames
from videoseg.writers.masks import Masks


def write(folder: Path, *made: Scene, **settings: Any) -> None:
    writer = Masks(**settings)
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
@pytest.mark.parametrize("labels", ["palette", "grey"])
def test_one_high_id_makes_every_picture_16_bit_grey(
    tmp_path: Path, track_id: int, labels: str
) -> None:
    mask, late = scenes.rectangle(10, 20, 30, 40), scenes.rectangle(0, 0, 9, 9)
    ids = (1, 200, track_id, 7)
    made = [
        scenes.scene(scenes.tracked(mask, id_), scenes.tracked(late, 5, score=0.1), index=index)
        for index, id_ in enumerate(ids)
    ]
    write(tmp_path, *made, labels=labels)
    for index, id_ in enumerate(ids):
        expected = np.where(to_bitmap(mask), id_, to_bitmap(late) * 5)
        path = tmp_path / "masks" / f"{index:06d}.png"
        found = read(path)
        assert found.dtype == np.uint16
        assert (found == expected).all()
        with Image.open(path) as image:
            assert (np.asarray(image) == expected).all()


@pytest.mark.parametrize("labels", ["palette", "grey"])
def test_values_are_ids_as_the_readme_says(tmp_path: Path, labels: str) -> None:
    mask = scenes.rectangle(10, 20, 30, 40)
    write(tmp_path, scenes.scene(scenes.tracked(mask, 255)), labels=labels)
    path = tmp_path / "masks" / "000000.png"
    with Image.open(path) as image:
        assert image.mode == ("P" if labels == "palette" else "L")
        assert (np.asarray(image) == to_bitmap(mask) * 255).all()
    if labels == "grey":
        assert read(path).dtype == np.uint8
        assert (read(path) == to_bitmap(mask) * 255).all()


def test_a_run_that_is_broken_off_is_not_changed_any_more(tmp_path: Path) -> None:
    writer = Masks()
    writer.open(tmp_path, scenes.streams(), scenes.prompts())
    for index, id_ in enumerate((1, 300)):
        mask = scenes.rectangle(10, 20, 30, 40)
        writer.write(scenes.scene(scenes.tracked(mask, id_), index=index), None)
    writer.close(complete=False)
    assert read(tmp_path / "masks" / "000000.png").dtype == np.uint8


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


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("form", ["rle", "counts", "polygon"])
def test_every_form_of_a_mask_is_read_as_it(tmp_path: Path, form: str) -> None:
    made = scenes.moving()
    write(tmp_path, *made, segmentation=form)
    coco = load(tmp_path)
    assert coco.dataset["licenses"] == []
    assert coco.dataset["info"]["description"]
    by_index = {image["frame_index"]: image["id"] for image in coco.imgs.values()}
    for scene in made:
        found = {each["track_id"]: each for each in coco.imgToAnns[by_index[scene.index]]}
        for tracked in scene.instances:
            annotation = found[tracked.track_id]
            bitmap = to_bitmap(tracked.instance.mask)
            assert annotation["area"] == bitmap.sum()
            read_back = coco.annToMask(annotation).astype(bool)
            if form != "polygon":
                assert (read_back == bitmap).all()
                counts = annotation["segmentation"]["counts"]
                assert isinstance(counts, str if form == "rle" else list)
                continue
            assert {type(number) for ring in annotation["segmentation"] for number in ring} == {
                float
            }
            filled = binary_fill_holes(bitmap)  # no hole is left in a polygon
            assert (read_back & filled).sum() / (read_back | filled).sum() > 0.95


def test_what_is_too_small_for_an_outline_has_a_polygon_all_the_same(tmp_path: Path) -> None:
    tracked = replace(scenes.tracked(scenes.rectangle(4, 5, 6, 8)), shape=Shape(()))
    write(tmp_path, scenes.scene(tracked), segmentation="polygon")
    (annotation,) = json.loads((tmp_path / "masks.json").read_text())["annotations"]
    assert annotation["segmentation"] == [[4, 5, 6, 5, 6, 8, 4, 8]]


NAMED = ("left one.jpg", "right.png", "right.jpg")
FILE_NAMES: dict[str, tuple[dict[str, Any] | None, bool, list[str]]] = {
    "a video": (None, False, [f"frames/{n:06d}.jpg" for n in range(3)]),
    "a video and its frames": ({}, False, [f"frames/{n:06d}.jpg" for n in range(3)]),
    "a video and PNGs": ({"format": "png"}, False, [f"frames/{n:06d}.png" for n in range(3)]),
    "a sequence": (None, True, list(NAMED)),
    "a sequence and its frames": ({}, True, [f"frames/{n:06d}.jpg" for n in range(3)]),
    "a sequence and its frames, named": (
        {"names": "source", "format": "png"},
        True,
        ["frames/left_one.png", "frames/right.png", "frames/right-2.png"],
    ),
}


@pytest.mark.parametrize("masks_first", [True, False])
@pytest.mark.parametrize("name", FILE_NAMES)
def test_file_name_is_the_picture(tmp_path: Path, name: str, masks_first: bool) -> None:
    settings, named, expected = FILE_NAMES[name]
    writers: list[Writer] = [Masks(), *([] if settings is None else [Frames(**settings)])]
    for writer in writers if masks_first else writers[::-1]:
        writer.open(tmp_path, scenes.streams(), scenes.prompts())
    for scene, file in zip(scenes.moving(), NAMED, strict=False):
        scene = replace(scene, name=file if named else None)
        for writer in writers if masks_first else writers[::-1]:
            writer.write(scene, scenes.frame_of(scene) if writer.needs_image else None)
    for writer in writers if masks_first else writers[::-1]:
        writer.close(complete=True)
    images = json.loads((tmp_path / "masks.json").read_text())["images"]
    assert [image["file_name"] for image in images] == expected
    assert [image.get("source") for image in images] == (list(NAMED) if named else [None] * 3)
    assert [image["mask_file_name"] for image in images] == [f"masks/{n:06d}.png" for n in range(3)]
    if settings is None:
        return
    for image, scene in zip(images, scenes.moving(), strict=False):
        found = cv2.imread(str(tmp_path / image["file_name"]))
        assert found is not None
        difference = np.abs(found[..., ::-1].astype(int) - scenes.frame_of(scene).image)
        assert difference.max() <= (0 if image["file_name"].endswith("png") else 4)


def test_masks_are_named_like_their_pictures(tmp_path: Path) -> None:
    made = [replace(scene, name=name) for scene, name in zip(scenes.moving(), NAMED, strict=False)]
    write(tmp_path, *made, names="source")
    files = sorted(path.name for path in (tmp_path / "masks").iterdir())
    assert files == ["left_one.png", "right-2.png", "right.png"]
    images = json.loads((tmp_path / "masks.json").read_text())["images"]
    assert [image["mask_file_name"] for image in images] == [
        f"masks/{name}.png" for name in ("left_one", "right", "right-2")
    ]
