"""Polygons for Labelme, ``labelme/000012.json``: a file for every frame."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.exporters._frames import LabelledFrame, labelled_frames
from videoseg.formats.coco import json_text
from videoseg.formats.label_classes import class_names
from videoseg.formats.outline_polygons import one_ring, pairs, polygons_of
from videoseg.protocols import RunReader
from videoseg.system.output_files import Naming, make_frame_folders, writing
from videoseg.types import StreamInfo, TrackedInstance

_FOLDER = "labelme"
_VERSION = "5.5.0"
"""Of Labelme, whose form this is."""


@dataclass
class Labelme:
    """Writes the polygons of each frame as Labelme opens them.

    Parts of an object are shapes with its track id as their ``group_id``; holes are joined to
    their part by pairs of edges that lie on each other. ``imagePath`` is the picture that
    ``frames`` has written; else put the pictures beside the files, by the names of
    ``imagePath``. ``description`` is the track id and the score.
    """

    names: Naming = "number"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder."""
        del streams
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the files from one pass over the run's Scenes."""
        folders = make_frame_folders(folder, run.streams, _FOLDER)
        labels = class_names(run.labels)
        for each in labelled_frames(run, folder, self.names):
            place = folders[each.scene.stream]
            path = f"{folder}/{place}/{each.stem}.json"
            with writing(path), open(path, "w", encoding="ascii", newline="\n") as file:
                file.write(f"{json_text(_content(each, place, labels))}\n")


def _content(each: LabelledFrame, place: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """What a file says."""
    picture = os.path.basename(each.picture)
    if each.pictures.written:
        picture = os.path.relpath(each.picture, place).replace(os.sep, "/")
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": [
            shape
            for tracked in each.scene.instances
            for shape in _shapes(tracked, labels[tracked.label])
        ],
        "imagePath": picture,
        "imageData": None,
        "imageHeight": each.info.height,
        "imageWidth": each.info.width,
    }


def _shapes(tracked: TrackedInstance, label: str) -> list[dict[str, Any]]:
    """The parts of an object."""
    return [
        {
            "label": label,
            "points": pairs(one_ring([outer, *holes])),
            "group_id": tracked.track_id,
            "description": f"track {tracked.track_id}, score {tracked.instance.score:.3f}",
            "shape_type": "polygon",
            "flags": {},
            "mask": None,
        }
        for outer, holes in polygons_of(tracked)
    ]


PARTS = {"labelme": Labelme}
