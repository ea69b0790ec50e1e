"""Composed training samples: what is pasted over a photograph is what their targets say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training import classes
from training.composed import Cutout, composed, pasted
from training.samples import CELL, FULL, INDEX, UNKNOWN, Sample, held_out
from videoseg.geometry.masks import encode_rle, from_bitmap

_WHITE = np.array([250, 250, 250], dtype=np.uint8)


def _grey_sample() -> Sample:
    image = np.full((352, 480, 3), 120, dtype=np.uint8)
    targets = np.zeros((len(classes.NAMES), 352 // CELL, 480 // CELL), dtype=np.uint8)
    targets[INDEX["wall"]] = FULL
    targets[INDEX["hat"]] = UNKNOWN
    offsets = np.full((2, 352 // CELL, 480 // CELL), np.nan, dtype=np.float16)
    return Sample("grey", image, targets, offsets)


def _white_cup(rows: int = 120, columns: int = 100) -> Cutout:
    everything = np.ones((rows, columns), dtype=np.bool_)
    image = np.broadcast_to(_WHITE, (rows, columns, 3)).copy()
    parts = {"cup": everything, classes.OBJECT: everything}
    return Cutout(image, everything, parts, ("wheel",), dressed=False)


def test_targets_are_where_the_thing_is_seen() -> None:
    for seed in range(12):
        sample = pasted(_grey_sample(), _white_cup(), np.random.default_rng(seed))
        changed = np.abs(sample.image.astype(int) - 120).max(axis=2) > 12
        size = (480 // CELL, 352 // CELL)
        seen = cv2.resize(changed.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        cup = sample.targets[INDEX["cup"]] / FULL
        assert 0.02 < cup.mean() < 0.65
        assert np.abs(seen - cup).mean() < 0.03
        np.testing.assert_array_equal(
            sample.targets[INDEX["cup"]], sample.targets[INDEX[classes.OBJECT]]
        )
        wall = sample.targets[INDEX["wall"]] / FULL
        assert np.abs(wall + cup - 1).max() < 0.02
        inside = cup > 0.95
        assert (sample.targets[INDEX["wheel"]][inside] == UNKNOWN).all()
        assert (sample.targets[INDEX["hat"]][inside] == 0).all()
        assert (sample.targets[INDEX["hat"]][cup == 0] == UNKNOWN).all()


def test_offsets_point_at_the_middle_of_what_is_seen() -> None:
    sample = pasted(_grey_sample(), _white_cup(), np.random.default_rng(3))
    y, x = np.nonzero(sample.targets[INDEX["cup"]] > FULL // 2)
    to_x = x + sample.offsets[0, y, x].astype(np.float64) * 64 / CELL
    assert np.abs(to_x - (x.min() + x.max()) / 2).max() < 0.1
    assert np.isnan(sample.offsets[:, sample.targets[INDEX["cup"]] == 0]).all()


def test_a_thing_that_fits_nowhere_changes_nothing() -> None:
    sliver = _white_cup(rows=400, columns=1)
    before = _grey_sample()
    after = pasted(before, sliver, np.random.default_rng(0))
    np.testing.assert_array_equal(after.image, before.image)


def test_composed_samples_repeat_for_a_seed_and_spare_what_is_held_out(tmp_path: Path) -> None:
    for folder, names in (
        ("coco_train", ("dog", "grass-merged")),
        ("coco_tiny", ("cup",)),
        ("coco_more", ("cat",)),
        ("clothing", ("skin", "coat")),
    ):
        _write(tmp_path / folder, names)
    once = list(composed(tmp_path, count=16, seed=1))
    again = list(composed(tmp_path, count=16, seed=1))
    assert len(once) == 16
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.targets, other.targets)
    assert not any(held_out(sample.key) for sample in once)
    assert any((s.targets[INDEX["skin"]] == FULL).any() for s in once)


def _write(folder: Path, names: tuple[str, ...]) -> None:
    """A folder of ten photographs in each of which the names are blocks of one colour."""
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(len(names))
    notes: list[dict[str, Any]] = []
    images = []
    for index in range(10):
        picture: npt.NDArray[np.uint8] = random.integers(0, 255, (300, 400, 3), dtype=np.uint8)
        file_name = f"{index}.png"
        for category, _ in enumerate(names):
            bitmap = np.zeros((300, 400), dtype=np.bool_)
            bitmap[60 + 100 * category : 160 + 100 * category, 80:280] = True
            picture[bitmap] = random.integers(0, 255, 3)
            mask = from_bitmap(bitmap)
            assert mask is not None
            rle = encode_rle(mask)
            notes.append(
                {
                    "image_id": index,
                    "category_id": category,
                    "iscrowd": 0,
                    "segmentation": {"counts": rle, "size": [300, 400]},
                }
            )
        cv2.imwrite(str(folder / "images" / file_name), picture)
        images.append({"id": index, "file_name": file_name, "width": 400, "height": 300})
    categories = [{"id": index, "name": name} for index, name in enumerate(names)]
    text = json.dumps({"images": images, "annotations": notes, "categories": categories})
    (folder / "annotations.json").write_text(text)
