"""Training samples in which things lie over photographs that they were not taken in.

A thing that is always seen where it belongs teaches its surroundings rather than itself. Named
things and whole dressed people are therefore cut out of photographs and pasted over others
(Dwibedi, Misra and Hebert, "Cut, Paste and Learn", ICCV 2017): smaller or larger, turned a little,
cut off by the frame's border, with soft edges, and in colours that they were not seen in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training import classes
from training.samples import (
    CELL,
    FULL,
    INDEX,
    SOURCES,
    UNKNOWN,
    Sample,
    Segment,
    Source,
    crop,
    held_out,
    jitter,
    photographs,
)

_SMALLEST = 2500
"""Things of fewer pixels are not cut out."""
_MIN_COVER = 0.03
"""Least share of the frame that a pasted thing covers."""
_MAX_COVER = 0.6
"""Largest share of the frame that a pasted thing covers."""
_ENLARGED = 3.5
"""Things are magnified so much at most."""
_TRIES = 12
_DRESSED = 0.3
"""Share of the pasted things that are people from the fashion photographs."""
_SECOND = 0.25
"""Share of the samples that get a second thing."""
_NOT_CUT = frozenset({"dining table", "bed", "couch"})
"""Their masks hold what lies on them, too."""
_BARE = frozenset({"skin", "hair"})
_FloatMap = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Cutout:
    """One thing without its surroundings.

    Attributes:
        image: uint8 (h, w, 3), cropped to the thing.
        bitmap: bool (h, w), its pixels.
        parts: Class to the pixels that show it; all other classes are not there.
        unknown: Classes of which nothing is known.
        dressed: It is a whole person from a fashion photograph.
    """

    image: npt.NDArray[np.uint8]
    bitmap: npt.NDArray[np.bool_]
    parts: Mapping[str, npt.NDArray[np.bool_]]
    unknown: tuple[str, ...]
    dressed: bool


def composed(data: Path, *, count: int, seed: int) -> Iterator[Sample]:
    """``count`` samples from the photographs that are not held out, always the same for a seed."""
    random = np.random.default_rng([seed, count])
    scenes: list[tuple[str, Source, npt.NDArray[np.uint8], list[Segment]]] = []
    things: dict[str, list[Cutout]] = {}
    people: list[Cutout] = []
    for source in SOURCES:
        if not (source.folder.startswith("coco") or source.folder == "clothing"):
            continue
        for name, image, segments in photographs(data / source.folder, source):
            key = f"{source.folder}/{name}"
            if held_out(key):
                continue
            if source.folder == "clothing":
                people += _person(image, segments)
                continue
            scenes.append((key, source, image, segments))
            for segment in segments:
                if segment.thing and not segment.crowd and segment.names[0] not in _NOT_CUT:
                    things.setdefault(segment.names[0], []).extend(_thing(image, segment))
    names = [name for name in sorted(things) if things[name]]
    # Rare kinds more often than they are, common ones less.
    weights = np.sqrt([len(things[name]) for name in names])
    for _ in range(count):
        key, source, image, segments = scenes[int(random.integers(len(scenes)))]
        sample = crop(key, source, image, segments, 1, random)
        for _ in range(1 + int(random.random() < _SECOND)):
            if random.random() < _DRESSED:
                cutout = people[int(random.integers(len(people)))]
            else:
                name = names[int(random.choice(len(names), p=weights / weights.sum()))]
                cutout = things[name][int(random.integers(len(things[name])))]
            sample = pasted(sample, cutout, random)
        yield sample


def pasted(sample: Sample, cutout: Cutout, random: np.random.Generator) -> Sample:
    """The sample with the thing over it; as it was where no placement fits."""
    rows, columns = sample.image.shape[:2]
    half = cutout.dressed and random.random() < 0.6
    if half:
        cutout = _upper(cutout, float(random.uniform(0.25, 0.6)))
    for _ in range(_TRIES):
        matrix = _placement(cutout, rows, columns, half, random)
        cover = _moved(cutout.bitmap, matrix, rows, columns)
        if _MIN_COVER <= cover.mean() <= _MAX_COVER:
            break
    else:
        return sample
    picture = jitter(_recoloured(cutout, random), random)
    picture = _dilated(picture, cutout.bitmap)
    above = cv2.warpAffine(
        picture, matrix, (columns, rows), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    soft = cv2.GaussianBlur(cover, (0, 0), float(random.uniform(0.4, 1.6)))[..., None]
    image = sample.image * (1 - soft) + above * soft
    targets, share = _targets(sample.targets, cutout, matrix, cover)
    return Sample(
        sample.key,
        np.clip(image, 0, 255).astype(np.uint8),
        targets,
        _offsets(sample.offsets, share),
    )


def _thing(image: npt.NDArray[np.uint8], segment: Segment) -> list[Cutout]:
    if np.count_nonzero(segment.bitmap) < _SMALLEST:
        return []
    names = [name for name in segment.names if name in classes.THINGS]
    # The photographs never name wheels, and no parts of people and vehicles.
    unknown = ["wheel"]
    if "person" in names:
        unknown += [name for name in classes.CLOTHING if name not in classes.THINGS]
    if {"car", "truck", "bus"} & set(names):
        unknown += classes.CAR_PARTS
    parts = dict.fromkeys((*names, classes.OBJECT), segment.bitmap)
    return [_cropped(image, segment.bitmap, parts, tuple(unknown), dressed=False)]


def _person(image: npt.NDArray[np.uint8], segments: list[Segment]) -> list[Cutout]:
    if not segments:
        return []
    everything = np.logical_or.reduce([segment.bitmap for segment in segments])
    parts = {"person": everything, classes.OBJECT: everything}
    for segment in segments:
        for name in segment.names:
            parts[name] = parts.get(name, np.zeros_like(everything)) | segment.bitmap
    if np.count_nonzero(everything) < _SMALLEST or not _BARE & set(parts):
        return []
    unknown = tuple(n for n in classes.CARRIED_BY_PEOPLE if n not in classes.CLOTHING)
    return [_cropped(image, everything, parts, unknown, dressed=True)]


def _cropped(
    image: npt.NDArray[np.uint8],
    bitmap: npt.NDArray[np.bool_],
    parts: Mapping[str, npt.NDArray[np.bool_]],
    unknown: tuple[str, ...],
    *,
    dressed: bool,
) -> Cutout:
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    own = {name: part[box].copy() for name, part in parts.items()}
    return Cutout(image[box].copy(), bitmap[box].copy(), own, unknown, dressed)


def _upper(cutout: Cutout, share: float) -> Cutout:
    """The upper part of a person, as portraits show it."""
    rows = max(int(share * cutout.image.shape[0]), 24)
    top = {name: part[:rows] for name, part in cutout.parts.items()}
    return _cropped(
        cutout.image[:rows], cutout.bitmap[:rows], top, cutout.unknown, dressed=cutout.dressed
    )


def _placement(
    cutout: Cutout, rows: int, columns: int, half: bool, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Affine matrix from the cut-out to the frame; half figures stand on its lower border."""
    height, width = cutout.image.shape[:2]
    fitting = min(rows / height, columns / width)
    low, high = (0.5, 2.0) if half else (0.3, 1.3)
    scale = min(fitting * float(random.uniform(low, high)), _ENLARGED)
    turn = float(np.radians(random.uniform(-3, 3) if half else random.normal(0, 10)))
    flip = -1 if random.random() < 0.5 else 1
    across = float(random.uniform(0.1, 0.9)) * columns
    down = float(random.uniform(0.2, 0.8)) * rows
    if half:
        down = rows - scale * height * float(random.uniform(0.1, 0.48))
    cos, sin = scale * np.cos(turn), scale * np.sin(turn)
    matrix = np.array([[flip * cos, -sin, 0], [flip * sin, cos, 0]])
    matrix[:, 2] = np.array([across, down]) - matrix[:, :2] @ np.array([width / 2, height / 2])
    return matrix


def _moved(
    bitmap: npt.NDArray[np.bool_], matrix: npt.NDArray[np.float64], rows: int, columns: int
) -> _FloatMap:
    moved = cv2.warpAffine(bitmap.astype(np.float32), matrix, (columns, rows))
    return np.asarray(moved, dtype=np.float32)


def _recoloured(cutout: Cutout, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Other colours: a person's clothes in one hue, anything else slightly shifted."""
    hsv = cv2.cvtColor(cutout.image, cv2.COLOR_RGB2HSV).astype(np.float32)
    if not cutout.dressed:
        hsv[..., 0] += random.normal(0, 5)
        hsv[..., 1] *= random.uniform(0.6, 1.5)
    elif random.random() < 0.6:
        bare = [part for name, part in cutout.parts.items() if name in _BARE]
        clothes = cutout.bitmap & ~np.logical_or.reduce(bare)
        hsv[clothes, 0] = random.uniform(0, 180)
        hsv[clothes, 1] = np.maximum(hsv[clothes, 1], random.uniform(0, 220))
        hsv[clothes, 2] = hsv[clothes, 2] * 0.7 + random.uniform(0, 76)
    hsv[..., 0] %= 180
    hsv[..., 1:] = np.clip(hsv[..., 1:], 0, 255)
    return np.asarray(cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB), dtype=np.uint8)


def _dilated(image: npt.NDArray[np.uint8], bitmap: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The thing's colours carried a little beyond its border, so that soft edges show no other."""
    inside = bitmap.astype(np.float32)
    weight = cv2.blur(inside, (9, 9))[..., None]
    around = cv2.blur(image * inside[..., None], (9, 9)) / np.maximum(weight, 1e-3)
    return np.where(bitmap[..., None], image, np.clip(around, 0, 255)).astype(np.uint8)


def _targets(
    before: npt.NDArray[np.uint8],
    cutout: Cutout,
    matrix: npt.NDArray[np.float64],
    cover: _FloatMap,
) -> tuple[npt.NDArray[np.uint8], _FloatMap]:
    """Targets with the thing over them, and the share of each cell that it covers."""
    rows, columns = cover.shape
    size = (columns // CELL, rows // CELL)

    def cells(values: _FloatMap) -> _FloatMap:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), dtype=np.float32)

    share = cells(cover)
    after = np.zeros(before.shape, dtype=np.float32)
    for name, part in cutout.parts.items():
        own = cells(_moved(part, matrix, rows, columns))
        after[INDEX[name]] = own * FULL
    known = (before != UNKNOWN) | (share > 0.9)
    beneath = np.where(before == UNKNOWN, 0, before) * (1 - share)
    targets = np.where(known, np.clip(after + beneath, 0, FULL), UNKNOWN).astype(np.uint8)
    for name in cutout.unknown:
        targets[INDEX[name]][share > 0.05] = UNKNOWN
    return targets, share


def _offsets(before: npt.NDArray[np.float16], share: _FloatMap) -> npt.NDArray[np.float16]:
    own = share > 0.5
    after = before.copy()
    if own.any():
        y, x = np.nonzero(own)
        after[0, y, x] = ((x.min() + x.max()) / 2 - x) * CELL / 64
        after[1, y, x] = ((y.min() + y.max()) / 2 - y) * CELL / 64
    return after
