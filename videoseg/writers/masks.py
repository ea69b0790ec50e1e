"""Masks as one PNG a frame, ``masks/000012.png``, and all of them in COCO form, ``masks.json``."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeAlias

import numpy as np
from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.formats.images.label_png import LARGEST_NARROW, check_id, label_png, widened
from videoseg.geometry import masks
from videoseg.geometry.rings import flatten
from videoseg.system.output_files import (
    FRAMES,
    FrameNames,
    Naming,
    frame_folders,
    frame_name,
    make_frame_folders,
    writing,
)
from videoseg.types import Frame, Mask, Prompt, Scene, Shape, StreamInfo, TrackedInstance

_FOLDER = "masks"
_INDEX = "masks.json"
_INFO = {"description": "Masks by videoseg", "version": "1", "contributor": "", "url": ""}
_DECIMALS = 2
"""Of a polygon's coordinates."""
_OFF = 0.1
"""Pixels that the lines of a polygon are off the curves of an outline, at most."""

Form: TypeAlias = Literal["rle", "counts", "polygon"]


@dataclass
class Masks:
    """Writes label pictures, and COCO annotations that keep what overlaps.

    A PNG's pixel is the track id, 0 where there is nothing. It has the tracks' colours as its
    palette, or is plain grey. All pictures of a run are alike: where an id passes 255 they are
    16-bit grey, and those that were written before are changed to that at the end. Where objects
    overlap the higher score lies on top, at the same score the higher id.

    ``masks.json`` holds every whole mask: ``images`` with their time, ``annotations`` with their
    ``segmentation``, and one of the ``categories`` for each prompt, numbered from 1. An image's
    ``file_name`` is the picture itself: the file that ``frames`` writes in the same run, relative
    to ``masks.json``; else the source's own, relative to its folder; else, for a video, the file
    that ``frames`` would write. ``mask_file_name`` is the PNG, ``source`` the source's own picture.

    Polygons follow the outline as it is drawn, and holes are lost in them. ``area`` and ``bbox``
    are the mask's in every form.
    """

    labels: Annotated[
        Literal["palette", "grey"],
        Doc("label pictures: colours of the tracks as a palette, or grey, whose values are ids"),
    ] = "palette"
    names: Naming = "number"
    segmentation: Annotated[
        Form, Doc("masks in masks.json: compressed rle, run lengths as a list (counts), or polygon")
    ] = "rle"
    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _folders: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _folder: Path = field(init=False, repr=False, default=Path())
    _naming: FrameNames = field(init=False, repr=False, default=FrameNames("number"))
    _pictures: _Pictures | None = field(init=False, repr=False, default=None)
    _wide: bool = field(init=False, repr=False, default=False)
    _index: IO[str] | None = field(init=False, repr=False, default=None)
    _images: IO[str] | None = field(init=False, repr=False, default=None)
    _image_count: int = field(init=False, repr=False, default=0)
    _annotation_count: int = field(init=False, repr=False, default=0)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """A folder and a file."""
        del streams
        return (_FOLDER, _INDEX)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Make the folders and begin ``masks.json``."""
        self._streams, self._folder = streams, folder
        self._folders = make_frame_folders(folder, streams, _FOLDER)
        self._naming, self._pictures = FrameNames(self.names), None
        self._image_count = self._annotation_count = 0
        self._wide = False
        categories = [
            {"id": number, "name": prompt.label, "supercategory": ""}
            for number, prompt in enumerate(prompts, start=1)
        ]
        with writing(folder / _INDEX):
            self._index = (folder / _INDEX).open("w", encoding="ascii", newline="\n")
            # Annotations go straight to the file; images, one line a frame, wait beside it.
            self._images = tempfile.TemporaryFile("w+", encoding="ascii", newline="\n")  # noqa: SIM115
            self._index.write(
                f'{{"info":{_json(_INFO)},\n"licenses":[],\n"categories":{_json(categories)},\n'
                '"annotations":['
            )

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one picture and its annotations."""
        del frame
        info = self._streams[scene.stream]
        name = f"{self._folders[scene.stream]}/{self._naming.of(scene, info, '.png')}"
        # Not a Path: it would keep the name of every file for good (Python 3.12).
        path = os.path.join(self._folder, name)
        with writing(path), open(path, "wb") as file:
            file.write(self._png(scene, info))
        with writing(self._folder / _INDEX):
            self._annotate(scene, info, name)

    def close(self, *, complete: bool) -> None:
        """Finish ``masks.json``, or leave it broken off."""
        index, images = self._index, self._images
        self._index = self._images = None
        if index is None or images is None:
            return
        with writing(self._folder / _INDEX), index, images:
            if complete:
                index.write('],\n"images":[')
                images.seek(0)
                for number, image in enumerate(self._finished(images), 1):
                    index.write(_item(image, number))
                index.write("]}\n")
        if complete and self._wide:
            self._widen()

    def _png(self, scene: Scene, info: StreamInfo) -> bytes:
        highest = max((tracked.track_id for tracked in scene.instances), default=0)
        check_id(highest)
        self._wide = self._wide or highest > LARGEST_NARROW
        labels = np.zeros((info.height, info.width), np.uint16 if self._wide else np.uint8)
        order = sorted(scene.instances, key=lambda each: (each.instance.score, each.track_id))
        for tracked in order:
            mask = tracked.instance.mask
            x1, y1, x2, y2 = mask.crop
            labels[y1:y2, x1:x2][mask.bitmap] = tracked.track_id
        return label_png(labels, palette=self.labels == "palette")

    def _widen(self) -> None:
        """Give the pictures that were written before an id passed 255 the depth of the others."""
        for name in self._folders.values():
            with os.scandir(self._folder / name) as files:
                for each in files:
                    with writing(each.path), open(each.path, "r+b") as file:
                        png = file.read()
                        made = widened(png)
                        if made is not png:
                            file.seek(0)
                            file.write(made)
                            file.truncate()

    def _annotate(self, scene: Scene, info: StreamInfo, name: str) -> None:
        if self._index is None or self._images is None:
            raise OutputError(f"{self._folder / _INDEX} is not open")
        self._image_count += 1
        if self._pictures is None:  # all writers are open by now
            self._pictures = _Pictures(self._folder, self._streams)
        image = {
            "id": self._image_count,
            "file_name": self._pictures.names_of(scene, info),
            "width": info.width,
            "height": info.height,
            "mask_file_name": name,
            "frame_index": scene.index,
            "pts": scene.pts,
            "seconds": float(scene.seconds),
        }
        if scene.name is not None:
            image["source"] = scene.name
        if len(self._streams) > 1:
            image["stream"] = scene.stream
        self._images.write(f"{_json(image)}\n")
        for tracked in scene.instances:
            self._annotation_count += 1
            annotation = _annotation(
                tracked, self._annotation_count, self._image_count, self.segmentation
            )
            self._index.write(_item(annotation, self._annotation_count))

    def _finished(self, images: IO[str]) -> Iterator[dict[str, Any]]:
        for line in images:
            image = json.loads(line)
            if self._pictures is not None:
                image["file_name"] = self._pictures.found(image["file_name"])
            yield image


class _Pictures:
    """Which file a frame's picture is: known when all is written, since settings may name it.

    Args:
        folder: The output folder, with all that the run writes.
        streams: The streams of the source.
    """

    def __init__(self, folder: Path, streams: Mapping[str, StreamInfo]) -> None:
        self._folder = folder
        self._exported = (folder / FRAMES).is_dir()
        self._folders = frame_folders(streams, FRAMES)
        self._naming = FrameNames("source")
        self._which: int | None = None

    def names_of(self, scene: Scene, info: StreamInfo) -> list[str]:
        """The file if frames are not written, and then those that ``frames`` may write."""
        top = self._folders[scene.stream]
        numbered = f"{top}/{frame_name(scene, info, '')}"
        names = [scene.name or f"{numbered}.jpg"]
        if self._exported:
            named = f"{top}/{self._naming.of(scene, info, '')}"
            names += [f"{stem}.{kind}" for stem in (numbered, named) for kind in ("jpg", "png")]
        return names

    def found(self, names: Sequence[str]) -> str:
        """The one that is there; all frames are named alike."""
        if self._which is None:
            there = (i for i, n in enumerate(names) if i and (self._folder / n).is_file())
            self._which = next(there, 0)
        return names[self._which]


def _annotation(tracked: TrackedInstance, number: int, image: int, form: Form) -> dict[str, Any]:
    mask = tracked.instance.mask
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": tracked.instance.prompt + 1,
        "track_id": tracked.track_id,
        "segmentation": _polygons(tracked.shape, mask) if form == "polygon" else _rle(mask, form),
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": masks.area(mask),
        "iscrowd": 0,
        "score": round(tracked.instance.score, 6),
    }


def _rle(mask: Mask, form: Form) -> dict[str, Any]:
    counts = masks.encode_rle(mask) if form == "rle" else masks.run_lengths(mask).tolist()
    return {"size": [mask.frame_height, mask.frame_width], "counts": counts}


def _polygons(shape: Shape, mask: Mask) -> list[list[float]]:
    """Outer rings as ``x, y, x, y``; the box of a mask that is too small for an outline."""
    rings = [flatten(part.outer, error=_OFF) for part in shape.parts]
    if not rings:
        x1, y1, x2, y2 = masks.bounding_box(mask)
        return [[x1, y1, x2, y1, x2, y2, x1, y2]]
    return [np.round(ring, _DECIMALS).ravel().tolist() for ring in rings]


def _item(value: dict[str, Any], number: int) -> str:
    return ("\n" if number == 1 else ",\n") + _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


PARTS = {"masks": Masks}
