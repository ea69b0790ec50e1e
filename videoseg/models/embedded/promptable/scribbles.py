"""Scribbles on an object and beside it tell its colours; where those differ, a cut goes by them.

GrabCut (C. Rother et al., SIGGRAPH 2004; OpenCV's) starts from the network's mask. It is asked
only where the scribbles' own colours say on which side each of them lies, since colours that both
sides share lead it astray.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry.masks import padded, to_bitmap
from videoseg.models.embedded.promptable.prompt_maps import ObjectPrompts, PointPrompt
from videoseg.types import Box, Mask, RgbImage

_MIN_POINTS = 12
"""Fewer points than this on either side are clicks, not scribbles."""
_MAX_POINTS = 200
"""Of more points on one side, this many are looked at."""
_LONG_SIDE = 320
"""Longer side of the picture that is cut, pixels."""
_MARGIN = 2.0
"""Seen around the object on each side, in its longer sides."""
_MIN_SEPARATED = 0.7
"""Share of points that the colours of others must put on their own side."""
_MIN_DISTANCE = 0.1
"""Points closer than this, in sides, are not compared: they may be of one scribble."""
_COLOUR_STD = (10.0, 6.0, 6.0)
"""Standard deviation of colour similarity, in L, a and b."""


def cut_by_scribbles(
    image: RgbImage, prompts: ObjectPrompts, found: Mask
) -> npt.NDArray[np.bool_] | None:
    """The object by colour, bool (H, W); None where there are no scribbles or they do not tell.

    Args:
        image: uint8 (H, W, 3).
        prompts: What is known of the object.
        found: Its mask by the network.
    """
    scribbles = [_thinned(prompts.points, positive) for positive in (True, False)]
    if min(map(len, scribbles)) < _MIN_POINTS:
        return None
    points = [*scribbles[0], *scribbles[1]]
    box = _window(found, scribbles[0])
    small = _fitted(image, box)
    scale = small.shape[1] / (box[2] - box[0]), small.shape[0] / (box[3] - box[1])
    pixels = np.array([((x - box[0]) * scale[0], (y - box[1]) * scale[1]) for x, y, _ in points])
    positive = np.array([side for *_, side in points])
    seen = ((pixels >= 0) & (pixels < small.shape[1::-1])).all(axis=1)
    pixels, positive = pixels[seen].astype(np.int64), positive[seen]
    if not _colours_separate(small, pixels, positive):
        return None
    return _grab_cut(image, box, small, found, pixels, positive)


def _thinned(points: Sequence[PointPrompt], positive: bool) -> list[PointPrompt]:
    """The points of one side, evenly thinned out."""
    side = [point for point in points if point[2] == positive]
    return side[:: -(-len(side) // _MAX_POINTS)] if side else []


def _window(found: Mask, scribbles: Sequence[PointPrompt]) -> Box:
    """The part of the frame around a mask and the scribbles on it."""
    x1, y1, x2, y2 = found.crop
    x1, x2 = (
        min(x1, *(int(x) for x, *_ in scribbles)),
        max(x2, *(int(x) + 1 for x, *_ in scribbles)),
    )
    y1, y2 = (
        min(y1, *(int(y) for _, y, _ in scribbles)),
        max(y2, *(int(y) + 1 for _, y, _ in scribbles)),
    )
    margin = round(_MARGIN * max(x2 - x1, y2 - y1))
    return padded((x1, y1, x2, y2), margin, found.frame_width, found.frame_height)


def _fitted(image: RgbImage, box: Box) -> RgbImage:
    """A part of a frame, its longer side ``_LONG_SIDE`` pixels at most."""
    import cv2

    part = image[box[1] : box[3], box[0] : box[2]]
    shrink = min(1.0, _LONG_SIDE / max(part.shape[:2]))
    size = (max(round(part.shape[1] * shrink), 1), max(round(part.shape[0] * shrink), 1))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _colours_separate(
    small: RgbImage, pixels: npt.NDArray[np.int64], positive: npt.NDArray[np.bool_]
) -> bool:
    """Whether the colours of the other scribbles put most points on their own side."""
    import cv2

    if min(positive.sum(), (~positive).sum()) < _MIN_POINTS:
        return False
    lab = cv2.cvtColor(np.asarray(small, dtype=np.float32) / 255, cv2.COLOR_RGB2Lab)
    colours = lab[pixels[:, 1], pixels[:, 0]] / np.asarray(_COLOUR_STD, dtype=np.float32)
    affinity = np.exp(-np.square(colours[:, None] - colours).sum(axis=2) / 2)
    away = np.square(pixels[:, None] - pixels).sum(axis=2)
    affinity[away < (_MIN_DISTANCE * max(small.shape)) ** 2] = 0
    inner, outer = affinity[:, positive].sum(axis=1), affinity[:, ~positive].sum(axis=1)
    right = (inner / positive.sum() > outer / (~positive).sum()) == positive
    return bool((right[positive].mean() + right[~positive].mean()) / 2 >= _MIN_SEPARATED)


def _grab_cut(
    image: RgbImage,
    box: Box,
    small: RgbImage,
    found: Mask,
    pixels: npt.NDArray[np.int64],
    positive: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_] | None:
    import cv2

    size = (small.shape[1], small.shape[0])
    x1, y1, x2, y2 = box
    part = to_bitmap(found)[y1:y2, x1:x2].astype(np.uint8)
    guess = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    sides = np.where(guess > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    sides[pixels[:, 1], pixels[:, 0]] = np.where(positive, cv2.GC_FGD, cv2.GC_BGD)
    cv2.setRNGSeed(0)  # its colour models start from random ones
    outer, inner = np.zeros((1, 65)), np.zeros((1, 65))
    picture = np.ascontiguousarray(small[..., ::-1])
    cv2.grabCut(picture, sides, (0, 0, 0, 0), outer, inner, 1, cv2.GC_INIT_WITH_MASK)
    inside = ((sides == cv2.GC_FGD) | (sides == cv2.GC_PR_FGD)).astype(np.float32)
    full = cv2.resize(inside, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    bitmap = np.zeros(image.shape[:2], dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = full > 0.5
    return bitmap if bitmap.any() else None
