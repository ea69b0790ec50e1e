"""Masks as one PNG a frame, ``masks/000012.png``, and all of them in COCO form, ``masks.json``."""

from __future__ import annotations

import functools
import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError
from videoseg.geometry import masks
from videoseg.output_files import frame_folders, frame_name, writing
from videoseg.palette import colour_of
from videoseg.types import Frame, Prompt, Scene, StreamInfo, TrackedInstance

_FOLDER = "masks"
_INDEX = "masks.json"
_LARGEST_PALETTE_ID = 255
_LARGEST_ID = 65535


@dataclass
class Masks:
    """Writes label pictures, and COCO annotations that keep what overlaps.

    A PNG's pixel is the track id, 0 where there is nothing. It has the tracks' colours as its
    palette; a frame with an id above 255 becomes 16-bit grey instead. Where objects overlap the
    higher score lies on top, at the same score the higher id.

    ``masks.json`` holds every whole mask: ``images`` with their time, ``annotations`` with
    run-length ``segmentation``, and one of the ``categories`` for each prompt, numbered from 1.
    ``file_name`` is relative to it.
    """

    needs_image: bool = field(init=False, repr=False, default=False)
    _streams: Mapping[str, StreamInfo] = field(init=False, repr=False, default_factory=dict)
    _names: Mapping[str, str] = field(init=False, repr=False, default_factory=dict)
    _folder: Path = field(init=False, repr=False, default=Path())
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
        self._names = frame_folders(streams, _FOLDER)
        self._image_count = self._annotation_count = 0
        for name in self._names.values():
            with writing(folder / name):
                (folder / name).mkdir(parents=True, exist_ok=True)
        categories = [
            {"id": number, "name": prompt.label, "supercategory": ""}
            for number, prompt in enumerate(prompts, start=1)
        ]
        with writing(folder / _INDEX):
            self._index = (folder / _INDEX).open("w", encoding="ascii", newline="\n")
            # Annotations go straight to the file; images, one line a frame, wait beside it.
            self._images = tempfile.TemporaryFile("w+", encoding="ascii", newline="\n")  # noqa: SIM115
            self._index.write(f'{{"categories":{_json(categories)},\n"annotations":[')

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one picture and its annotations."""
        del frame
        info = self._streams[scene.stream]
        name = f"{self._names[scene.stream]}/{frame_name(scene, info, '.png')}"
        # Not a Path: it would keep the name of every file for good (Python 3.12).
        path = os.path.join(self._folder, name)
        with writing(path), open(path, "wb") as file:
            file.write(_png(scene, info))
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
                shutil.copyfileobj(images, index)
                index.write("]}\n")

    def _annotate(self, scene: Scene, info: StreamInfo, name: str) -> None:
        if self._index is None or self._images is None:
            raise OutputError(f"{self._folder / _INDEX} is not open")
        self._image_count += 1
        image = {
            "id": self._image_count,
            "file_name": name,
            "width": info.width,
            "height": info.height,
            "frame_index": scene.index,
            "pts": scene.pts,
            "seconds": float(scene.seconds),
        }
        if len(self._streams) > 1:
            image["stream"] = scene.stream
        self._images.write(_item(image, self._image_count))
        for tracked in scene.instances:
            self._annotation_count += 1
            annotation = _annotation(tracked, self._annotation_count, self._image_count)
            self._index.write(_item(annotation, self._annotation_count))


def _annotation(tracked: TrackedInstance, number: int, image: int) -> dict[str, Any]:
    mask = tracked.instance.mask
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return {
        "id": number,
        "image_id": image,
        "category_id": tracked.instance.prompt + 1,
        "track_id": tracked.track_id,
        "segmentation": {
            "size": [mask.frame_height, mask.frame_width],
            "counts": masks.encode_rle(mask),
        },
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": masks.area(mask),
        "iscrowd": 0,
        "score": round(tracked.instance.score, 6),
    }


def _item(value: dict[str, Any], number: int) -> str:
    return ("\n" if number == 1 else ",\n") + _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _png(scene: Scene, info: StreamInfo) -> bytes:
    """A label picture (PNG, third edition): palette, or 16-bit grey for ids above 255."""
    highest = max((tracked.track_id for tracked in scene.instances), default=0)
    if highest > _LARGEST_ID:
        raise OutputError(f"a PNG holds track ids up to {_LARGEST_ID}, got {highest}")
    wide = highest > _LARGEST_PALETTE_ID
    labels = np.zeros((info.height, info.width), dtype=">u2" if wide else np.uint8)
    for tracked in sorted(scene.instances, key=lambda each: (each.instance.score, each.track_id)):
        mask = tracked.instance.mask
        x1, y1, x2, y2 = mask.crop
        labels[y1:y2, x1:x2][mask.bitmap] = tracked.track_id
    depth, colour_type = (16, 0) if wide else (8, 3)
    header = struct.pack(">IIBBBBB", info.width, info.height, depth, colour_type, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", _deflate(labels)), (b"IEND", b"")]
    if not wide:
        chunks.insert(1, (b"PLTE", _palette()))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def _deflate(labels: npt.NDArray[Any]) -> bytes:
    """Compressed rows, each after its filter byte 0 (none)."""
    rows = np.zeros((labels.shape[0], 1 + labels.shape[1] * labels.itemsize), dtype=np.uint8)
    rows[:, 1:] = labels.view(np.uint8).reshape(labels.shape[0], -1)
    return zlib.compress(rows.data, level=1)


@functools.cache
def _palette() -> bytes:
    """Black for nothing, then the colour of every id up to 255."""
    return bytes(3) + b"".join(bytes(colour_of(id_)) for id_ in range(1, _LARGEST_PALETTE_ID + 1))


PARTS = {"masks": Masks}
