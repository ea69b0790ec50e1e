"""Detections that are not one object each: neighbours that came as one, pieces, and doubles."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.tracking.association import Pair
from videoseg.tracking.tracks import Candidate, Track
from videoseg.types import Bitmap, Box, Mask

INSIDE = 0.6
"""Share of an expected object that a detection covers which holds it among others."""
BETTER = 0.1
"""How much better two together must fit (IoU) than one alone."""
PIECE = 0.7
"""Share of a detection inside an expected object that it is a piece of."""
DOUBLE = 0.5
"""IoU from which two detections of one prompt are the same object found twice."""
COVERED = 0.85
"""Share of a detection inside others from which it says nothing new."""


def merge_fragments(
    pairs: Sequence[Pair], left: Sequence[Candidate]
) -> tuple[list[Pair], list[Candidate]]:
    """Put detections that are pieces of an object beside the one that was found for it.

    Returns:
        The pairs, and the detections still left.
    """
    result = list(pairs)
    rest: list[Candidate] = []
    for piece in left:
        for n, (track, found) in enumerate(result):
            if track.confirmed and track.prompt == piece.instance.prompt:
                whole = _whole(track, found, piece)
                if whole is not None:
                    result[n] = (track, whole)
                    break
        else:
            rest.append(piece)
    return result, rest


def split_merged(pairs: Sequence[Pair], missed: Iterable[Track]) -> list[Pair]:
    """Part detections that hold an object which was not found by itself, by where it is expected.

    Args:
        pairs: What was found.
        missed: Confirmed tracks that were in view and are in no pair.
    """
    result = list(pairs)
    for track in missed:
        expected = track.predicted
        if expected is None:
            continue
        for n, (other, found) in enumerate(result):
            if other.prompt != track.prompt or not other.confirmed or other.predicted is None:
                continue
            parts = _parted(other.predicted, expected, found)
            if parts is not None:
                result[n] = (other, parts[0])
                result.append((track, parts[1]))
                break
    return result


def suppress_duplicates(pairs: Sequence[Pair], left: Sequence[Candidate]) -> list[Candidate]:
    """The detections that are neither one of the paired ones again nor covered by them."""
    kept: list[Candidate] = []
    known = [found for _, found in pairs]
    for one in sorted(left, key=lambda found: -found.instance.score):
        same = [f.instance.mask for f in known if f.instance.prompt == one.instance.prompt]
        mask = one.instance.mask
        if any(masks.iou(mask, other) > DOUBLE for other in same):
            continue
        if _covered(mask, same) > COVERED * one.area:
            continue
        kept.append(one)
        known.append(one)
    return kept


def _whole(track: Track, found: Candidate, piece: Candidate) -> Candidate | None:
    """A found mask with a piece, where the two fit the expected object better than one alone."""
    expected = track.predicted
    if expected is None:
        return None
    inner = masks.intersection(expected, piece.instance.mask)
    if inner < PIECE * piece.area:
        return None
    area = masks.area(expected)
    common = masks.intersection(expected, found.instance.mask)
    alone = common / (area + found.area - common)
    twice = masks.intersection(found.instance.mask, piece.instance.mask)
    both = min(area, common + inner)
    together = both / (area + found.area + piece.area - twice - both)
    if together < alone + BETTER / 2 or twice > piece.area / 2:
        return None
    mask = _union(found.instance.mask, piece.instance.mask)
    instance = dataclasses.replace(found.instance, mask=mask, outline=None)
    return Candidate(
        instance, found.appearance.blended(piece.appearance, piece.area / (piece.area + found.area))
    )


def _parted(first: Mask, second: Mask, found: Candidate) -> tuple[Candidate, Candidate] | None:
    """A detection as two, where it holds the second object as well as the first."""
    mask = found.instance.mask
    area = masks.area(second)
    inner = masks.intersection(second, mask)
    if inner < INSIDE * area:
        return None
    alone = masks.iou(first, mask)
    common = _covered(mask, [first, second])
    either = masks.area(first) + area - masks.intersection(first, second)
    together = common / (either + found.area - common)
    if together < alone + BETTER:
        return None
    to_second = _nearer(mask.crop, second, first)
    parts = [masks.from_bitmap(mask.bitmap & side) for side in (~to_second, to_second)]
    made = []
    for part in parts:
        if part is None:
            return None
        placed = Mask(
            mask.x + part.x, mask.y + part.y, mask.frame_width, mask.frame_height, part.bitmap
        )
        instance = dataclasses.replace(found.instance, mask=placed, outline=None, embedding=None)
        made.append(Candidate(instance, found.appearance, pure=False))
    return made[0], made[1]


def _nearer(box: Box, one: Mask, other: Mask) -> Bitmap:
    """Where in a box the first mask is nearer, or deeper, than the other; bool (h, w)."""
    return np.asarray(_depth(one, box) > _depth(other, box))


def _depth(mask: Mask, box: Box) -> npt.NDArray[np.float32]:
    """Signed distance to a mask's edge, positive inside, over a box."""
    import cv2

    x1, y1, x2, y2 = box
    # Room for a mask that lies outside the box to be measured to.
    left, top = min(x1, mask.crop[0]), min(y1, mask.crop[1])
    right, bottom = max(x2, mask.crop[2]), max(y2, mask.crop[3])
    inside = np.zeros((bottom - top + 2, right - left + 2), np.uint8)
    mx1, my1, mx2, my2 = mask.crop
    inside[my1 - top + 1 : my2 - top + 1, mx1 - left + 1 : mx2 - left + 1] = mask.bitmap
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    signed = np.asarray(depth - outside, dtype=np.float32)
    return signed[y1 - top + 1 : y2 - top + 1, x1 - left + 1 : x2 - left + 1]


def _covered(mask: Mask, others: Sequence[Mask]) -> int:
    """Pixels of a mask that lie in any of others."""
    covered = np.zeros_like(mask.bitmap)
    for other in others:
        common = masks.overlap(mask.crop, other.crop)
        if common is not None:
            x1, y1, x2, y2 = common
            inner = np.s_[y1 - mask.y : y2 - mask.y, x1 - mask.x : x2 - mask.x]
            covered[inner] |= masks.window(other, common)
    return int(np.count_nonzero(covered & mask.bitmap))


def _union(a: Mask, b: Mask) -> Mask:
    x1, y1 = min(a.crop[0], b.crop[0]), min(a.crop[1], b.crop[1])
    x2, y2 = max(a.crop[2], b.crop[2]), max(a.crop[3], b.crop[3])
    bitmap = np.zeros((y2 - y1, x2 - x1), np.bool_)
    for mask in (a, b):
        left, top, right, bottom = mask.crop
        bitmap[top - y1 : bottom - y1, left - x1 : right - x1] |= mask.bitmap
    return Mask(x1, y1, a.frame_width, a.frame_height, bitmap)
