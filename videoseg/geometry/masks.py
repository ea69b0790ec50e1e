"""Cropped masks: conversion, overlap, and COCO run-length encoding.

Run lengths follow COCO: column-major, counting zeros first; the compressed string form is the one
of pycocotools (``maskApi.c``, ``rleToString``): 5 bits a character from ASCII 48, each count from
the third on as the difference to the one two places before it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from videoseg.kernels.masks import Crop, mask_kernel
from videoseg.types import Bitmap, Box, Mask
from videoseg.types.shapes import mask_of_bitmap
from videoseg.types.snapshot import Snapshot

Kind = TypeVar("Kind", bound=np.generic)

_MOST_CHARACTERS = 8
"""Characters of a compressed number, 5 bits each: more than any run length takes."""


def from_bitmap(bitmap: Bitmap) -> Mask | None:
    """Crop a full-frame bool (H, W) bitmap to a Mask; None where nothing is set."""
    return mask_of_bitmap(bitmap)


def to_bitmap(mask: Mask) -> Bitmap:
    """Full-frame bool (H, W) bitmap of a Mask."""
    return mask.to_array()


def to_arrays(mask: Mask) -> Snapshot:
    """A mask as plain arrays."""
    place = np.array([mask.x, mask.y, mask.frame_width, mask.frame_height])
    arrays: dict[str, npt.NDArray[Any]] = {"place": place, "bitmap": mask.bitmap}
    return arrays if mask.logits is None else {**arrays, "logits": mask.logits}


def from_arrays(arrays: Snapshot) -> Mask:
    """The mask that ``to_arrays`` was given."""
    x, y, width, height = (int(value) for value in arrays["place"])
    return Mask(x, y, width, height, arrays["bitmap"], arrays.get("logits"))


def bounding_box(mask: Mask) -> Box:
    """Tight box of the set pixels."""
    return mask.box


def area(mask: Mask) -> int:
    """Number of set pixels."""
    return mask.area


_LEVELS_PER_LOGIT = 16
"""Levels by which a logit of 1 is kept."""
_MOST_LEVELS = 127
"""Largest level, which int8 holds either way."""
_SIGNLESS = np.uint16(0x7FFF)
"""Bits of a float16 without its sign."""
_INFINITE = np.uint16(0x7C00)
"""Bits of infinity as a float16; what is above it is not a number."""


def logit_levels(logits: npt.NDArray[np.float16]) -> npt.NDArray[np.int8]:
    """Logits as whole sixteenths, at most 127 either way; the sign stays what it is.

    So coarse that they pack well, and fine enough that an edge moves by no visible part of a pixel.

    Raises:
        ValueError: One is not a number.
    """
    if logits.dtype == np.float16:  # compared as whole numbers: far quicker than to ask of each
        unknown = bool((logits.view(np.uint16) & _SIGNLESS).max(initial=0) > _INFINITE)
    else:
        unknown = bool(np.isnan(logits).any())
    if unknown:
        raise ValueError("logits that are not numbers")
    scaled = logits.astype(np.float32) * _LEVELS_PER_LOGIT
    rounded = np.where(scaled > 0, np.maximum(np.rint(scaled), 1), np.rint(scaled))
    return np.clip(rounded, -_MOST_LEVELS, _MOST_LEVELS).astype(np.int8)


def logits_of_levels(levels: npt.NDArray[np.int8]) -> npt.NDArray[np.float16]:
    """The logits that levels stand for, exactly."""
    return levels.astype(np.float16) / np.float16(_LEVELS_PER_LOGIT)


def rounded(mask: Mask) -> Mask:
    """The same pixels with the logits, if any, as a run log keeps them."""
    if mask.logits is None:
        return mask
    return dataclasses.replace(mask, logits=logits_of_levels(logit_levels(mask.logits)))


def overlap(a: Box, b: Box) -> Box | None:
    """Common part of two boxes, or None."""
    x1, y1, x2, y2 = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def padded(box: Box, margin: int, frame_width: int, frame_height: int) -> Box:
    """A box with a margin on every side, inside the frame."""
    x1, y1, x2, y2 = box
    return (
        max(0, x1 - margin),
        max(0, y1 - margin),
        min(frame_width, x2 + margin),
        min(frame_height, y2 + margin),
    )


def window(mask: Mask, box: Box) -> Bitmap:
    """The mask's bitmap inside ``box``, which must lie inside its crop; a view."""
    x1, y1, x2, y2 = box
    return mask.bitmap[y1 - mask.y : y2 - mask.y, x1 - mask.x : x2 - mask.x]


def placed(values: npt.NDArray[Kind], crop: Box, box: Box) -> npt.NDArray[Kind]:
    """The values of a crop in another window of the frame, 0 outside of the crop; a new array."""
    x1, y1, x2, y2 = box
    found = np.zeros((y2 - y1, x2 - x1), dtype=values.dtype)
    common = overlap(crop, box)
    if common is not None:
        left, top, right, bottom = common
        found[top - y1 : bottom - y1, left - x1 : right - x1] = values[
            top - crop[1] : bottom - crop[1], left - crop[0] : right - crop[0]
        ]
    return found


def crop_of(mask: Mask) -> Crop:
    """A mask for compiled code; it must stay alive."""
    return Crop.of(mask.bitmap, mask.x, mask.y, mask.frame_width, mask.frame_height)


def intersection(a: Mask, b: Mask) -> int:
    """Number of pixels set in both; looks only where the crops overlap."""
    common = overlap(a.crop, b.crop)
    if common is None:
        return 0
    kernel = mask_kernel()
    if kernel is not None:
        x1, y1, x2, y2 = common
        at = (y1 - a.y, x1 - a.x, y1 - b.y, x1 - b.x)
        return kernel.common(a.bitmap, b.bitmap, at, (y2 - y1, x2 - x1))
    return int(np.count_nonzero(window(a, common) & window(b, common)))


def union(given: Sequence[Mask]) -> Mask | None:
    """Pixels that are set in any of some masks of one frame; None without masks.

    A single one is given back as it is, with its logits.
    """
    if len(given) < 2:
        return given[0] if given else None
    return mask_of_bitmap(np.logical_or.reduce([mask.to_array() for mask in given]))


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union, in [0, 1]."""
    both = intersection(a, b)
    return both / (area(a) + area(b) - both) if both else 0.0


def encode_rle(mask: Mask) -> str:
    """COCO compressed counts of the full frame (``size`` is ``[frame_height, frame_width]``)."""
    kernel = mask_kernel()
    return _compress(run_lengths(mask)) if kernel is None else kernel.encoded(crop_of(mask))


def decode_rle(counts: str, *, width: int, height: int) -> Mask | None:
    """Mask from COCO compressed counts over a frame of this size; None where nothing is set.

    Raises:
        ValueError: The counts are not well formed or do not add up to the frame.
    """
    kernel = mask_kernel()
    found = None if kernel is None else kernel.decoded(counts, width, height)
    if found is not None:
        bitmap, (left, top, _, _) = found
        return Mask(left, top, width, height, bitmap)
    runs = _expand(counts)
    if (runs < 0).any() or int(runs.sum()) != width * height:
        raise ValueError(f"run lengths add up to {int(runs.sum())}, not {width} x {height}")
    edges = np.cumsum(runs)
    set_runs = runs[1::2] > 0
    if not set_runs.any():
        return None
    begins, ends = edges[:-1:2][set_runs], edges[1::2][set_runs]
    left, right = int(begins[0]) // height, int(ends[-1] - 1) // height + 1
    top, bottom = int((begins % height).min()), int(((ends - 1) % height).max()) + 1
    if (begins // height != (ends - 1) // height).any():
        top, bottom = 0, height  # a run that goes on in the next column touches both borders
    # Only the object's own columns are filled in.
    bounds = np.clip(np.concatenate([[0], edges]), left * height, right * height)
    inner: npt.NDArray[np.int64] = np.diff(bounds)
    values = np.zeros(len(inner), dtype=np.bool_)
    values[1::2] = True
    columns = np.repeat(values, inner).reshape(right - left, height)
    return Mask(left, top, width, height, np.ascontiguousarray(columns[:, top:bottom].T))


def run_lengths(mask: Mask) -> npt.NDArray[np.int64]:
    """Column-major run lengths of the full frame, zeros first, computed on the crop alone."""
    height, width = mask.bitmap.shape
    padded = np.zeros((height + 2, width), dtype=np.bool_)
    padded[1:-1] = mask.bitmap
    rows, columns = np.divmod(np.flatnonzero(padded[1:] != padded[:-1]), width)
    edges = np.sort((mask.x + columns) * mask.frame_height + mask.y + rows)
    # A run that reaches the frame's bottom goes on at the top of the next column.
    joined = np.flatnonzero(edges[1:-1:2] == edges[2::2])
    if len(joined):
        edges = np.delete(edges, np.concatenate([2 * joined + 1, 2 * joined + 2]))
    total = mask.frame_width * mask.frame_height
    runs = np.diff(np.concatenate([[0], edges, [total]]))
    return runs[:-1] if runs[-1] == 0 else runs


def _compress(runs: npt.NDArray[np.int64]) -> str:
    deltas = runs.copy()
    deltas[3:] -= runs[1:-2]
    # Characters of each number: as many groups of 5 bits as hold it with its sign bit.
    lengths = np.ones(len(deltas), np.int64)
    rest = np.where(deltas < 0, ~deltas, deltas) >> 4
    while rest.any():
        lengths += rest > 0
        rest >>= 5
    number = np.repeat(np.arange(len(deltas)), lengths)
    ends = np.cumsum(lengths)
    place = np.arange(len(number)) - np.repeat(ends - lengths, lengths)
    groups = (deltas[number] >> (5 * place)) & 0x1F
    groups[place < lengths[number] - 1] |= 0x20
    return (groups + 48).astype(np.uint8).tobytes().decode("ascii")


def _expand(counts: str) -> npt.NDArray[np.int64]:
    characters = np.frombuffer(counts.encode("ascii", errors="replace"), dtype=np.uint8)
    foreign = np.flatnonzero((characters < 48) | (characters >= 48 + 64))
    if len(foreign):
        character = chr(characters[foreign[0]])
        raise ValueError(f"{character!r} is no character of compressed run lengths")
    if not len(characters):
        return np.zeros(0, dtype=np.int64)
    bits = characters.astype(np.int64) - 48
    lasts = np.flatnonzero(bits & 0x20 == 0)
    if not len(lasts) or lasts[-1] != len(bits) - 1:
        raise ValueError("compressed run lengths end in the middle of a number")
    firsts = np.concatenate([[0], lasts[:-1] + 1])
    lengths = lasts - firsts + 1
    if lengths.max() > _MOST_CHARACTERS:
        raise ValueError("compressed run lengths hold a number that no frame is large enough for")
    place = np.arange(len(bits)) - np.repeat(firsts, lengths)
    runs = np.add.reduceat((bits & 0x1F) << (5 * place), firsts)
    runs -= ((bits[lasts] & 0x10) > 0) * (np.int64(1) << (5 * lengths))
    # From the third on each is the difference to the one two places before it.
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs
