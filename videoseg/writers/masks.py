"""Masks as one PNG a frame, ``masks/000012.png``, and all of them in COCO form, ``masks.json``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Annotated, Any, Literal, TypeAlias

from typing_extensions import Doc

from videoseg.errors import OutputError
from videoseg.formats.coco import annotation_of, json_item, json_text, outer_rings, rle_of
from videoseg.formats.frame_pictures import FramePictures
from videoseg.formats.images.label_png import (
    LARGEST_NARROW,
    check_id,
    label_png,
    labels_of,
    widen_files,
)
from videoseg.system.output_files import (
    FrameNames,
    Naming,
    make_frame_folders,
    unnamed_file,
    writing,
)
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance

_FOLDER = "masks"
_INDEX = "masks.json"
_INFO = {"description": "Masks by videoseg", "version": "1", "contributor": "", "url": ""}

Form: TypeAlias = Literal["rle", "counts", "polygon"]


@dataclass
class Masks:
    """Writes label pictures, and COCO annotations that keep what overlaps.

    A PNG's pixel is the track id, 0 where there is nothing. It has the tracks' colours as its
    palette, or is plain grey. All pictures of a run are alike: where an id passes 255 they are
    16-bit grey, and those that were written before are changed to that at the end. Where objects
    overlap the higher score lies on top, at the same score the higher id.

    ``masks.json`` holds every whole mask: ``images`` with their time, ``annotations`` with their
    ``segmentation``, and one of the ``categories`` for each prompt, numbered from 1; an object that
    was given another name than its prompt's has that as ``label``. An image's
    ``file_name`` is the picture itself: the file that ``frames`` has written, relative
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
    frames_in: Path | None = field(init=False, repr=False, default=None)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _folders: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _folder: Path = field(init=False, repr=False, default=Path())
    _naming: FrameNames = field(init=False, repr=False, default=FrameNames("number"))
    _pictures: FramePictures | None = field(init=False, repr=False, default=None)
    _names: Sequence[str] = field(init=False, repr=False, default=())
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
        self._names = [prompt.label for prompt in prompts]
        categories = [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in enumerate(self._names, start=1)
        ]
        with writing(folder / _INDEX):
            self._index = (folder / _INDEX).open("w", encoding="ascii", newline="\n")
            # Annotations go straight to the file; images, one line a frame, wait beside it.
            self._images = TextIOWrapper(unnamed_file(folder), "ascii", newline="\n")
            self._index.write(
                f'{{"info":{json_text(_INFO)},\n"licenses":[],\n"categories":{json_text(categories)},\n'
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
                    index.write(json_item(image, number))
                index.write("]}\n")
        if complete and self._wide:
            for name in self._folders.values():
                widen_files(self._folder / name)

    def _png(self, scene: Scene, info: StreamInfo) -> bytes:
        highest = max((tracked.track_id for tracked in scene.instances), default=0)
        check_id(highest)
        self._wide = self._wide or highest > LARGEST_NARROW
        numbered = [(tracked, tracked.track_id) for tracked in scene.instances]
        labels = labels_of(numbered, info.width, info.height, wide=self._wide)
        return label_png(labels, palette=self.labels == "palette")

    def _annotate(self, scene: Scene, info: StreamInfo, name: str) -> None:
        if self._index is None or self._images is None:
            raise OutputError(f"{self._folder / _INDEX} is not open")
        self._image_count += 1
        if self._pictures is None:  # all writers are open by now
            self._pictures = FramePictures(self._folder, self._streams, self.frames_in)
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
        self._images.write(f"{json_text(image)}\n")
        for tracked in scene.instances:
            self._annotation_count += 1
            annotation = annotation_of(
                tracked,
                self._annotation_count,
                self._image_count,
                tracked.instance.prompt + 1,
                _segmentation(tracked, self.segmentation),
            )
            if tracked.label != self._names[tracked.instance.prompt]:
                annotation["label"] = tracked.label
            self._index.write(json_item(annotation, self._annotation_count))

    def _finished(self, images: IO[str]) -> Iterator[dict[str, Any]]:
        for line in images:
            image = json.loads(line)
            if self._pictures is not None:
                image["file_name"] = self._pictures.found(image["file_name"])
            yield image


def _segmentation(tracked: TrackedInstance, form: Form) -> Any:
    """A mask in one of COCO's forms."""
    return outer_rings(tracked) if form == "polygon" else rle_of(tracked.instance.mask, form)


PARTS = {"masks": Masks}
