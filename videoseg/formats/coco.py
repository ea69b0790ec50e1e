"""Masks in COCO form (cocodataset.org, "Data format"): run lengths, polygons, annotations."""

from __future__ import annotations

import json
from typing import Any, Literal, TypeAlias

from videoseg.formats.outline_polygons import flat, polygons_of
from videoseg.geometry import masks
from videoseg.types import Mask, TrackedInstance

RleForm: TypeAlias = Literal["rle", "counts"]
"""Run lengths as pycocotools packs them into a string, or as a list of numbers."""


def rle_of(mask: Mask, form: RleForm = "rle") -> dict[str, Any]:
    """Run lengths of a whole frame, column by column, zeros first."""
    counts = masks.encode_rle(mask) if form == "rle" else masks.run_lengths(mask).tolist()
    return {"size": [mask.frame_height, mask.frame_width], "counts": counts}


def outer_rings(tracked: TrackedInstance) -> list[list[float]]:
    """Outer rings of an outline as ``x, y, x, y``; holes are lost."""
    return [flat(outer) for outer, _ in polygons_of(tracked)]


def box_of(mask: Mask) -> list[int]:
    """The tight box: left, top, width, height."""
    x1, y1, x2, y2 = mask.box
    return [x1, y1, x2 - x1, y2 - y1]


def annotation_of(
    tracked: TrackedInstance, number: int, image: int, category: int, segmentation: Any
) -> dict[str, Any]:
    """One of the ``annotations``.

    Args:
        tracked: The object.
        number: Id of the annotation.
        image: Id of its image.
        category: Id of its category.
        segmentation: Its mask in any of COCO's forms.
    """
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "track_id": tracked.track_id,
        "segmentation": segmentation,
        "bbox": box_of(tracked.instance.mask),
        "area": masks.area(tracked.instance.mask),
        "iscrowd": 0,
        "score": score_of(tracked),
    }


def score_of(tracked: TrackedInstance) -> float:
    """The score in as many digits as say anything."""
    return round(tracked.instance.score, 6)


def json_text(value: Any) -> str:
    """JSON in one line, ASCII alone, without blanks."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def json_item(value: Any, number: int) -> str:
    """A value as the ``number``-th of a JSON list, from 1, on a line of its own."""
    return ("\n" if number == 1 else ",\n") + json_text(value)
