"""Training samples: random crops of annotated photographs with what is known about each pixel.

A data folder holds ``NAME/images`` and ``NAME/annotations.json`` in COCO's form with run-length
masks. Each source names only some classes; where a source says nothing about a class the target
is unknown and takes no part in the loss.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training import classes
from videoseg.geometry.masks import decode_rle, to_bitmap

UNKNOWN = 255
FULL = 254
CELL = 8
LONG = 480
"""Longer side of a sample, pixels."""
SHORT = 352
"""Shorter side of a sample, pixels."""

INDEX = {name: index for index, name in enumerate(classes.NAMES)}
"""Class to its row of the targets."""
_Targets = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """One annotated folder and how to read its names.

    Attributes:
        folder: Name of the folder.
        tables: Class to the names that the folder uses for it.
        copies: Random crops taken of each photograph.
    """

    folder: str
    tables: tuple[Mapping[str, tuple[str, ...]], ...]
    copies: int


_OWN_NAMES = {name: (name,) for name in classes.THINGS}
SOURCES = (
    Source("coco_train", (_OWN_NAMES, classes.STUFF), 3),
    Source("coco_tiny", (_OWN_NAMES,), 2),
    Source("coco_more", (_OWN_NAMES,), 2),
    Source("clothing", (classes.CLOTHING,), 1),
    Source("car_parts", (classes.CAR_PARTS,), 1),
    Source("fruits_nuts", (classes.FRUIT,), 2),
)


@dataclass(frozen=True)
class Segment:
    """One annotated segment: the classes it shows, its pixels, and whether it is one thing."""

    names: tuple[str, ...]
    bitmap: npt.NDArray[np.bool_]
    thing: bool
    crowd: bool


@dataclass(frozen=True)
class Sample:
    """One crop.

    Attributes:
        key: Folder and file name of the photograph.
        image: uint8 (H, W, 3) RGB, sides multiples of 32.
        targets: uint8 (classes, H / 8, W / 8): covered share in 0..254, or 255 = unknown.
        offsets: float16 (2, H / 8, W / 8): x and y to the centre of the thing there, in pixels
            / 64, NaN where there is none.
    """

    key: str
    image: npt.NDArray[np.uint8]
    targets: _Targets
    offsets: npt.NDArray[np.float16]


def held_out(key: str) -> bool:
    """Whether a photograph is kept for calibration: one in eight, by its name alone."""
    return hashlib.sha256(key.encode()).digest()[0] < 32


def samples(data: Path, *, seed: int, only: str | None = None) -> Iterator[Sample]:
    """All crops of all sources below ``data``, always the same for a seed."""
    for source in SOURCES:
        if only is not None and source.folder != only:
            continue
        random = np.random.default_rng([seed, sum(source.folder.encode())])
        for name, image, segments in photographs(data / source.folder, source):
            for copy in range(source.copies):
                yield crop(f"{source.folder}/{name}", source, image, segments, copy, random)


def photographs(
    folder: Path, source: Source
) -> Iterator[tuple[str, npt.NDArray[np.uint8], list[Segment]]]:
    """File name, RGB image and segments of each photograph of a folder."""
    notes: dict[str, Any] = json.loads((folder / "annotations.json").read_text())
    theirs = {category["id"]: category["name"] for category in notes["categories"]}
    ours: dict[str, tuple[str, ...]] = {}
    for table in source.tables:
        for name, aliases in table.items():
            for alias in aliases:
                ours[alias] = (*ours.get(alias, ()), name)
    by_image: dict[int, list[dict[str, Any]]] = {}
    for note in notes["annotations"]:
        by_image.setdefault(note["image_id"], []).append(note)
    for entry in notes["images"]:
        image = cv2.imread(str(folder / "images" / entry["file_name"]), cv2.IMREAD_COLOR_RGB)
        segments = []
        for note in by_image.get(entry["id"], []):
            mask = decode_rle(
                note["segmentation"]["counts"], width=entry["width"], height=entry["height"]
            )
            if mask is None:
                continue
            name = theirs[note["category_id"]]
            thing = name in classes.THINGS and source.folder.startswith("coco")
            segments.append(
                Segment(ours.get(name, ()), to_bitmap(mask), thing, bool(note["iscrowd"]))
            )
        yield entry["file_name"], image, segments


def crop(
    key: str,
    source: Source,
    image: npt.NDArray[np.uint8],
    segments: list[Segment],
    copy: int,
    random: np.random.Generator,
) -> Sample:
    """One crop of a photograph, the largest that fits if ``copy`` is 0, else a random one."""
    height, width = image.shape[:2]
    size = (LONG, SHORT) if width >= height else (SHORT, LONG)
    zoom = 1.0 if copy == 0 else float(random.uniform(1.0, 1.9))
    scale = min(width / size[0], height / size[1]) / zoom
    across, down = max(int(size[0] * scale), 8), max(int(size[1] * scale), 8)
    left = int(random.integers(0, width - across + 1))
    top = int(random.integers(0, height - down + 1))
    flip = bool(random.integers(2))

    def cropped(values: npt.NDArray[Any], columns: int, rows: int) -> npt.NDArray[Any]:
        part = values[top : top + down, left : left + across]
        part = part[:, ::-1] if flip else part
        result: npt.NDArray[Any] = cv2.resize(
            np.ascontiguousarray(part), (columns, rows), interpolation=cv2.INTER_AREA
        )
        return result

    columns, rows = size[0] // CELL, size[1] // CELL
    parts = []
    for segment in segments:
        part = segment.bitmap[top : top + down, left : left + across]
        if part.any():
            share = cropped(segment.bitmap.astype(np.uint8) * FULL, columns, rows)
            parts.append((segment, share))
    picture = jitter(cropped(image, *size), random) if copy else cropped(image, *size)
    targets = _targets(source, parts, rows, columns)
    return Sample(key, picture, targets, _offsets(parts, rows, columns))


def jitter(image: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Another exposure and white balance, now and then without colours or out of focus."""
    values = image.astype(np.float32)
    if random.random() < 0.07:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    gain = random.uniform(0.75, 1.25) * random.uniform(0.93, 1.07, 3)
    values = (values - 127) * gain + 127 + random.uniform(-25, 25)
    if random.random() < 0.2:
        values = cv2.GaussianBlur(values, (0, 0), float(random.uniform(0.5, 2)))
    return np.clip(values, 0, 255).astype(np.uint8)


def _targets(
    source: Source, parts: list[tuple[Segment, npt.NDArray[np.uint8]]], rows: int, columns: int
) -> _Targets:
    targets = np.full((len(classes.NAMES), rows, columns), UNKNOWN, dtype=np.uint8)
    covered = np.zeros((rows, columns), dtype=np.uint16)
    crowd = np.zeros((rows, columns), dtype=np.bool_)
    sums: dict[str, npt.NDArray[np.uint16]] = {}
    for segment, share in parts:
        covered += share
        crowd |= segment.crowd & (share > 0)
        for name in segment.names:
            sums[name] = sums.get(name, np.zeros_like(covered)) + share

    def known(name: str, where: npt.NDArray[np.bool_] | None = None) -> None:
        share = np.minimum(sums.get(name, np.zeros_like(covered)), FULL).astype(np.uint8)
        row = targets[INDEX[name]]
        row[:] = share if where is None else np.where(where, share, row)

    for table in source.tables:
        for name in table:
            known(name)
    if source.folder != "fruits_nuts":
        targets[[INDEX[name] for name in classes.FRUIT]] = 0
    anything = np.minimum(covered, FULL).astype(np.uint8)
    empty = covered == 0
    if source.folder.startswith("coco"):
        _coco(source, parts, sums, known, targets)
    elif source.folder == "clothing":
        targets[INDEX["person"]] = np.maximum(anything, 0)
        targets[INDEX[classes.OBJECT]] = np.where(empty, UNKNOWN, anything)
        for name in classes.THINGS:
            if name != "person" and name not in classes.CARRIED_BY_PEOPLE:
                known(name, ~empty)
    elif source.folder == "car_parts":
        targets[INDEX["car"]] = np.where(empty, UNKNOWN, anything)
        targets[INDEX[classes.OBJECT]] = targets[INDEX["car"]]
    targets[:, crowd] = UNKNOWN
    return targets


def _coco(
    source: Source,
    parts: list[tuple[Segment, npt.NDArray[np.uint8]]],
    sums: dict[str, npt.NDArray[np.uint16]],
    known: Any,
    targets: _Targets,
) -> None:
    """What COCO's photographs say beyond their names."""
    nothing = np.zeros(targets.shape[1:], dtype=np.uint16)
    things = sum((share.astype(np.uint16) for s, share in parts if s.thing), nothing)
    targets[INDEX[classes.OBJECT]] = np.minimum(things, FULL)
    busy = things > 0
    if classes.STUFF not in source.tables:
        for name in classes.STUFF:
            if name != "table":
                known(name, busy)
    else:
        # The panoptic photographs leave some pixels without a name; nothing is known there.
        named = sum((share.astype(np.uint16) for _, share in parts), nothing) > FULL // 2
        for name in classes.STUFF:
            targets[INDEX[name]][~named] = UNKNOWN
    people = sums.get("person", nothing) > 0
    for name in classes.CLOTHING:
        if name not in classes.THINGS:
            known(name, ~people)
    vehicles = sum((sums.get(name, nothing) for name in ("car", "truck", "bus")), nothing) > 0
    for name in classes.CAR_PARTS:
        if name != "wheel":
            known(name, ~vehicles)


def _offsets(
    parts: list[tuple[Segment, npt.NDArray[np.uint8]]], rows: int, columns: int
) -> npt.NDArray[np.float16]:
    offsets = np.full((2, rows, columns), np.nan, dtype=np.float16)
    for segment, share in parts:
        own = share > FULL // 2
        if not segment.thing or segment.crowd or not own.any():
            continue
        y, x = np.nonzero(own)
        box_x, box_y = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
        offsets[0, y, x] = (box_x - x) * CELL / 64
        offsets[1, y, x] = (box_y - y) * CELL / 64
    return offsets
