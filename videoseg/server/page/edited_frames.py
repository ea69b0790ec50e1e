"""Corrections applied to what a page shows, without reading the log of the run anew.

Ids, labels and frames are enough for most of them. Where pixels are needed, as of two tracks that
are one now, those inside of the outlines are taken: what is written later comes from the masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from videoseg.formats.svg_path import format_path, parse_path
from videoseg.outlines.raster import rasterise
from videoseg.runlog.edit_operations import NOT_SHAPED
from videoseg.runlog.edits import Delete, Hide, Operation, Outline, Split, apply, with_shapes
from videoseg.server.page.tracked_frames import Bar
from videoseg.types import Instance, Mask, Part, Scene, Shape, TrackedInstance

Item: TypeAlias = Mapping[str, Any]
_PIXEL = "M0 0h1v1h-1z"


def edited_bars(
    bars: Mapping[int, Bar], operations: Sequence[Operation], stream: str
) -> dict[int, Bar]:
    """Bars after some operations, by id.

    Args:
        bars: As they were tracked.
        operations: What was corrected, in its order.
        stream: Of the frames.
    """
    drawn = {(each.track, each.at) for each in operations if isinstance(each, Outline)}
    light = _without_pixels(operations)
    edges = _edges(bars, operations)
    found: dict[int, Bar] = {}
    reading = {track: iter(bar.runs) for track, bar in bars.items()}
    now = {track: next(runs, None) for track, runs in reading.items()}
    for first, behind in pairwise(edges):
        items = []
        for track, run in now.items():
            while run is not None and run[1] < first:
                run = now[track] = next(reading[track], None)
            if run is not None and run[0] <= first:
                items.append({"track": track, "state": run[2], "score": 1.0})
        scene = apply(_scene(first, stream, items, bars, _one_pixel), light).without_hidden()
        for each in scene.instances:
            bar = found.setdefault(
                each.track_id, Bar(each.track_id, each.label, each.instance.prompt)
            )
            bar.label = each.label
            is_drawn = (each.track_id, first) in drawn
            bar.add(first, behind - 1, "corrected" if is_drawn else each.state)
    return found


def edited_items(
    index: int,
    items: Sequence[Item],
    operations: Sequence[Operation],
    bars: Mapping[int, Bar],
    stream: str,
    size: tuple[int, int],
    outline: Callable[[Instance], Shape],
) -> list[dict[str, Any]]:
    """Outlines of a frame after some operations.

    Args:
        index: The frame.
        items: Its outlines as they were tracked.
        operations: What was corrected, in its order.
        bars: The tracks as they were tracked.
        stream: Of the frame.
        size: Its width and height.
        outline: Makes an outline of a changed mask.
    """
    paths: dict[int, str] = {}

    def one_pixel(item: Item) -> tuple[Mask, Shape]:
        mask, shape = _one_pixel(item)
        paths[id(shape)] = item["path"]
        return mask, shape

    def pixels(item: Item) -> tuple[Mask, Shape]:
        shape = Shape(tuple(Part(ring) for ring in parse_path(item["path"])))
        paths[id(shape)] = item["path"]
        inside = rasterise(shape, *size)
        return inside or Mask(0, 0, *size, np.ones((1, 1), np.bool_)), shape

    scene = _scene(index, stream, items, bars, one_pixel)
    made = apply(scene, _without_pixels(operations))
    if any(each.shape is NOT_SHAPED for each in made.instances):
        whole = _scene(index, stream, items, bars, pixels)
        made = with_shapes(apply(whole, operations), outline)
    drawn = {each.track for each in operations if isinstance(each, Outline) and each.at == index}
    return [
        {
            "track": each.track_id,
            "state": "corrected" if each.track_id in drawn else each.state,
            "score": round(each.instance.score, 3),
            "path": paths.get(id(each.shape)) or format_path(each.shape),
        }
        for each in made.without_hidden().instances
    ]


def _without_pixels(operations: Sequence[Operation]) -> list[Operation]:
    """The same of frames of one pixel, which takes no time."""
    return [
        replace(each, size=(1, 1), path=_PIXEL, counts=None) if isinstance(each, Outline) else each
        for each in operations
    ]


def _edges(bars: Mapping[int, Bar], operations: Sequence[Operation]) -> list[int]:
    """Frames from each of which to the next all frames have the same tracks, corrected alike."""
    edges = {edge for bar in bars.values() for a, b, _ in bar.runs for edge in (a, b + 1)}
    for each in operations:
        if isinstance(each, Split | Outline):
            edges |= {each.at, each.at + 1} if isinstance(each, Outline) else {each.at}
        elif isinstance(each, Delete | Hide):
            edges |= {edge for edge in (each.start, each.stop) if edge is not None}
    return sorted(edges)


def _scene(
    index: int,
    stream: str,
    items: Sequence[Item],
    bars: Mapping[int, Bar],
    drawn: Callable[[Item], tuple[Mask, Shape]],
) -> Scene:
    made = []
    for item in items:
        mask, shape = drawn(item)
        bar = bars[item["track"]]
        instance = Instance(mask, item["score"], bar.prompt)
        made.append(TrackedInstance(item["track"], instance, shape, bar.label, state=item["state"]))
    return Scene(stream, index, 0, Fraction(1), instances=tuple(made))


def _one_pixel(_: Item) -> tuple[Mask, Shape]:
    return Mask(0, 0, 1, 1, np.ones((1, 1), np.bool_)), Shape(())
