"""Tracks as a table: a row for every object on every frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

from typing_extensions import Doc

from videoseg.formats.coco import box_of, rle_of, score_of
from videoseg.formats.outline_polygons import flat, polygons_of
from videoseg.geometry import masks
from videoseg.protocols import RunReader
from videoseg.types import TrackedInstance

RowShape: TypeAlias = Annotated[
    Literal["rle", "polygon", "none"],
    Doc("masks as compressed COCO run lengths, outlines as polygons with their holes, or neither"),
]


def rows(run: RunReader, shape: RowShape) -> Iterator[dict[str, Any]]:
    """The rows of a run in its order; the box is left, top, width, height in pixels."""
    for scene in run.scenes():
        recorded = scene.recorded
        for tracked in scene.instances:
            row = {
                "stream": scene.stream,
                "frame": scene.index,
                "pts": scene.pts,
                "seconds": float(scene.seconds),
                "stamp": recorded and recorded.stamp,
                "topic": recorded and recorded.topic,
                "frame_id": recorded and recorded.frame_id,
                "shot": scene.shot,
                "source": scene.name,
                "track_id": tracked.track_id,
                "label": tracked.label,
                "score": score_of(tracked),
                "state": tracked.state,
                "hidden": tracked.hidden,
                "box": box_of(tracked.instance.mask),
                "area": masks.area(tracked.instance.mask),
            }
            yield {**row, **_shape(tracked, shape)}


def _shape(tracked: TrackedInstance, shape: RowShape) -> dict[str, Any]:
    if shape == "rle":
        return {"rle": rle_of(tracked.instance.mask)}
    if shape == "polygon":
        parts = polygons_of(tracked)
        return {"polygon": [[flat(ring) for ring in (outer, *holes)] for outer, holes in parts]}
    return {}
