"""Instances in COCO form, ``coco.json``: polygons, and run lengths where there are holes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from typing_extensions import Doc

from videoseg.exporters._frames import labelled_frames
from videoseg.exporters._json_lists import json_lists
from videoseg.formats.coco import annotation_of, outer_rings, rle_of
from videoseg.formats.label_classes import class_names, classes_of
from videoseg.protocols import RunReader
from videoseg.system.output_files import stream_names
from videoseg.types import StreamInfo, TrackedInstance

_NAME = "coco.json"
_LISTS = ("videos", "images", "annotations")


@dataclass
class Coco:
    """Writes annotations as programs for detection and segmentation read them.

    Categories are the labels, numbered from 1. An image's ``file_name`` is the picture that
    ``frames`` has written, relative to ``coco.json``; else the source's own file, else
    the one that ``frames`` would write. ``videos``, ``video_id``, ``frame_index`` (the frame's
    number in its video) and ``track_id`` are those of COCO's form for videos.
    """

    segmentation: Annotated[
        Literal["auto", "polygon", "rle", "counts"],
        Doc(
            "masks: polygons of what has no holes and compressed rle else (auto), or all alike; "
            "counts = run lengths as a list; polygons lose holes"
        ),
    ] = "auto"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file."""
        del streams
        return (_NAME,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the file from one pass over the run's Scenes."""
        classes = classes_of(run.labels)
        named = class_names(run.labels).values()
        categories = [{"id": number, "name": name} for number, name in enumerate(named, 1)]
        about = {"description": "Instances by videoseg"}
        head = {"info": about, "licenses": [], "categories": categories}
        numbers = {stream: n for n, stream in enumerate(run.streams, 1)}
        with json_lists(folder / _NAME, head, _LISTS) as (videos, images, annotations):
            for stream, name in stream_names(run.streams).items():
                info = run.streams[stream]
                size = {"width": info.width, "height": info.height}
                videos.append({"id": numbers[stream], "name": name, **size})
            for each in labelled_frames(run, folder):
                scene = each.scene
                number = images.count + 1
                images.append(
                    {
                        "id": number,
                        "file_name": each.picture,
                        "width": each.info.width,
                        "height": each.info.height,
                        "video_id": numbers[scene.stream],
                        "frame_index": scene.index,
                        "seconds": float(scene.seconds),
                    }
                )
                for tracked in scene.instances:
                    category = classes[tracked.label] + 1
                    found = self._segmentation(tracked)
                    annotations.append(
                        annotation_of(tracked, annotations.count + 1, number, category, found)
                    )

    def _segmentation(self, tracked: TrackedInstance) -> Any:
        whole = not any(part.holes for part in tracked.shape.parts)
        if self.segmentation == "polygon" or (self.segmentation == "auto" and whole):
            return outer_rings(tracked)
        form: Literal["rle", "counts"] = "counts" if self.segmentation == "counts" else "rle"
        return rle_of(tracked.instance.mask, form)


PARTS = {"coco": Coco}
