"""Mask AP: by hand, and against pycocotools on random instances."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from videoseg.evaluate.metrics.average_precision import (
    ImageInstances,
    Ranking,
    average_precision,
    match,
)
from videoseg.geometry import masks
from videoseg.types import Bitmap, Mask

HEIGHT, WIDTH = 24, 30
Box = tuple[int, int, int, int]


def box_mask(box: Box) -> Mask:
    x, y, width, height = box
    bitmap: Bitmap = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    bitmap[y : y + height, x : x + width] = True
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask


def test_by_hand() -> None:
    # In falling score: right (IoU 1), wrong, right with IoU 12/16 = 0.75.
    truth = [box_mask((0, 0, 4, 4)), box_mask((10, 0, 4, 4))]
    predicted = [box_mask((0, 0, 4, 4)), box_mask((20, 10, 4, 4)), box_mask((10, 0, 3, 4))]
    image = ImageInstances(truth, [False, False], predicted, [0.9, 0.8, 0.7])
    result = average_precision({"thing": [image]})
    # Up to IoU 0.75 precision is 1 up to recall 0.5 (51 of 101 recalls) and 2/3 up to recall 1;
    # above, it is 1 up to recall 0.5 and 0 beyond.
    loose, strict = (51 + 50 * 2 / 3) / 101, 51 / 101
    assert result.table[0] == pytest.approx([loose] * 6 + [strict] * 4)
    assert (result.ap50, result.ap75) == pytest.approx((loose, loose))
    assert result.ap == pytest.approx((6 * loose + 4 * strict) / 10)


def test_crowds_are_neither_right_nor_wrong() -> None:
    crowd = ImageInstances(
        [box_mask((0, 0, 4, 4)), box_mask((10, 0, 16, 16))],
        [False, True],
        [box_mask((12, 2, 4, 4)), box_mask((18, 2, 4, 4)), box_mask((0, 0, 4, 4))],
        [0.9, 0.8, 0.7],
    )
    assert average_precision({"thing": [crowd]}).ap == 1


def test_a_category_without_instances_does_not_count() -> None:
    found = ImageInstances([box_mask((0, 0, 4, 4))], [False], [box_mask((0, 0, 4, 4))], [0.5])
    invented = ImageInstances([], [], [box_mask((0, 0, 4, 4))], [0.5])
    result = average_precision({"thing": [found], "other": [invented], "none": []})
    assert result.ap == 1
    assert np.isnan(result.by_category).tolist() == [False, True, True]
    assert math.isnan(average_precision({}).ap)
    # The same invention on another image of a category that has instances costs precision.
    first = ImageInstances([], [], [box_mask((0, 0, 4, 4))], [0.9])
    assert average_precision({"thing": [first, found]}).ap == 0.5


def random_images(seed: int) -> dict[str, list[ImageInstances]]:
    """Three categories on eight images; true and shaken boxes, crowds, equal scores, nonsense."""
    generator = np.random.default_rng(seed)

    def anywhere() -> Box:
        x, y, width, height = generator.integers([0, 0, 3, 3], [24, 18, 14, 14]).tolist()
        return x, y, min(width, WIDTH - x), min(height, HEIGHT - y)

    def shaken(box: Box) -> Box:
        dx, dy, dw, dh = generator.integers([-1, -1, -1, -1], [2, 2, 2, 2]).tolist()
        return max(0, box[0] + dx), max(0, box[1] + dy), box[2] + dw, box[3] + dh

    def image(most: int) -> ImageInstances:
        truth = [anywhere() for _ in range(generator.integers(0, most + 1))]
        crowd = [bool(generator.random() < 0.2) for _ in truth]
        found = [shaken(box) for box in truth for _ in range(generator.integers(0, 3))]
        found += [anywhere() for _ in range(generator.integers(0, 3))]
        scores = [float(generator.integers(1, 20)) / 20 for _ in found]
        return ImageInstances(
            [box_mask(box) for box in truth], crowd, [box_mask(box) for box in found], scores
        )

    return {name: [image(most) for _ in range(8)] for name, most in [("a", 3), ("b", 4), ("c", 0)]}


AREAS = [(0.0, 1e10), (0.0, 40.0), (40.0, 100.0), (100.0, 1e10)]
"""All, and three ranges in place of COCO's, which are for larger pictures."""


def official(categories: dict[str, list[ImageInstances]], area: int = 0) -> tuple[Any, list[float]]:
    """Precision (10, categories) in a range of areas, and the summary of pycocotools."""
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, images in enumerate(categories.values(), start=1):
        for image_id, image in enumerate(images, start=1):
            where = {"image_id": image_id, "category_id": number}
            for mask, crowd in zip(image.truth, image.crowd, strict=True):
                annotations.append(
                    where
                    | {"id": len(annotations) + 1, "iscrowd": int(crowd), "bbox": [0, 0, 1, 1]}
                    | {"area": masks.area(mask), "segmentation": encoded(mask)}
                )
            results += [
                where | {"score": score, "segmentation": encoded(mask)}
                for mask, score in zip(image.predicted, image.scores, strict=True)
            ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": i, "height": HEIGHT, "width": WIDTH} for i in range(1, 9)],
            "categories": [{"id": i, "name": n} for i, n in enumerate(categories, start=1)],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.params.areaRng = [list(each) for each in AREAS]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.eval["precision"][..., area, 2].mean(axis=1), evaluation.stats[:3].tolist()


def encoded(mask: Mask) -> Any:
    return coco_mask.encode(np.asfortranarray(masks.to_bitmap(mask).astype(np.uint8)))


@pytest.mark.parametrize("seed", range(6))
def test_pycocotools_agrees(seed: int) -> None:
    categories = random_images(seed)
    result = average_precision(categories)
    table, summary = official(categories)
    assert np.isnan(result.table).any(axis=1).tolist() == [False, False, True]
    assert result.table[:2] == pytest.approx(table.T[:2])
    assert (table.T[2] == -1).all()
    assert [result.ap, result.ap50, result.ap75] == pytest.approx(summary)
    assert 0 < result.ap < 1


@pytest.mark.parametrize("area", [1, 2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_pycocotools_agrees_on_sizes(seed: int, area: int) -> None:
    categories = random_images(seed)
    table, _ = official(categories, area)
    for column, images in enumerate(categories.values()):
        ranked = Ranking([match(image.overlaps(), AREAS[area]) for image in images])
        ours = ranked.precision()
        theirs = table[:, column]
        if (theirs == -1).all():
            assert np.isnan(ours).all()
        else:
            assert ours == pytest.approx(theirs)


def test_an_image_that_counts_twice_is_the_same_image_twice() -> None:
    images = random_images(1)["a"]
    matches = [match(image.overlaps()) for image in images]
    times = [2, 0, 1, 1, 3, 0, 1, 1]
    repeated = [one for one, count in zip(matches, times, strict=True) for _ in range(count)]
    assert Ranking(matches).precision(times) == pytest.approx(Ranking(repeated).precision())
    first = Ranking(matches, slice(0, 1)).precision(times)
    assert first == pytest.approx(Ranking(repeated).precision()[:1])


def test_what_matches_nothing_is_not_wrong_where_not_all_is_marked() -> None:
    image = ImageInstances(
        [box_mask((0, 0, 4, 4))],
        [False],
        [box_mask((10, 0, 4, 4)), box_mask((0, 0, 4, 4))],
        [0.9, 0.8],
    )
    marked = image.overlaps()
    assert Ranking([match(marked)]).precision()[0] == pytest.approx(0.5)
    partly = dataclasses.replace(marked, exhaustive=False)
    assert Ranking([match(partly)]).precision()[0] == 1


def test_of_equal_overlaps_the_later_instance_is_taken() -> None:
    # The first detection overlaps both by 7/9, the second is the first instance exactly. Had the
    # first detection taken that one, the second would be left with an IoU of 0.6.
    truth = [box_mask((0, 0, 8, 4)), box_mask((2, 0, 8, 4))]
    predicted = [box_mask((1, 0, 8, 4)), box_mask((0, 0, 8, 4))]
    categories = {"thing": [ImageInstances(truth, [False, False], predicted, [0.9, 0.8])]}
    table = average_precision(categories).table
    assert table[0] == pytest.approx([1] * 6 + [0.5 * 51 / 101] * 4)
    assert table[0] == pytest.approx(official(categories)[0][:, 0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="1 predicted masks with 0 scores"):
        ImageInstances([], [], [box_mask((0, 0, 4, 4))], [])
