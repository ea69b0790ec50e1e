"""Strokes on an object and beside it tell its colours; where those differ, a cut goes by them.

GrabCut (C. Rother et al., SIGGRAPH 2004; OpenCV's) starts from the network's outline. It is asked
only where the strokes' own colours say on which side each of them lies, since colours that both
sides share lead it astray.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from videoseg.geometry.masks import padded, to_bitmap
from videoseg.models.embedded.promptable.prompt_maps import Hints, PointHint
from videoseg.types import Box, Mask, RgbImage

_FEWEST, _MOST = 12, 200
"""Points on either side that make strokes of clicks; of more, so many are looked at."""
_SIDE = 320
"""Longer side of the picture that is cut, pixels."""
_ROOM = 2.0
"""Seen around the object on each side, in its longer sides."""
_TELLS = 0.7
"""Share of points that the colours of others must put on their own side."""
_APART = 0.1
"""Points of one stroke are alike in any case: those closer than this are not asked, in sides."""
_COLOUR = (10.0, 6.0, 6.0)
"""Softness of the likeness of colours, in L, a and b."""


def recut(image: RgbImage, hints: Hints, found: Mask) -> npt.NDArray[np.bool_] | None:
    """The object by colour, bool (H, W); None where there are no strokes or they do not tell.

    Args:
        image: uint8 (H, W, 3).
        hints: What is known of the object.
        found: Its outline by the network.
    """
    marks = [_some(hints.points, positive) for positive in (True, False)]
    if min(map(len, marks)) < _FEWEST:
        return None
    points = [*marks[0], *marks[1]]
    box = _window(found, marks[0])
    small = _fitted(image, box)
    scale = small.shape[1] / (box[2] - box[0]), small.shape[0] / (box[3] - box[1])
    places = np.array([((x - box[0]) * scale[0], (y - box[1]) * scale[1]) for x, y, _ in points])
    positive = np.array([side for *_, side in points])
    seen = ((places >= 0) & (places < small.shape[1::-1])).all(axis=1)
    places, positive = places[seen].astype(np.int64), positive[seen]
    if not _tells(small, places, positive):
        return None
    return _cut(image, box, small, found, places, positive)


def _some(points: Sequence[PointHint], positive: bool) -> list[PointHint]:
    """The points of one side, evenly thinned out."""
    side = [point for point in points if point[2] == positive]
    return side[:: -(-len(side) // _MOST)] if side else []


def _window(found: Mask, marks: Sequence[PointHint]) -> Box:
    """The part of the frame around an outline and the strokes on it."""
    x1, y1, x2, y2 = found.crop
    x1, x2 = min(x1, *(int(x) for x, *_ in marks)), max(x2, *(int(x) + 1 for x, *_ in marks))
    y1, y2 = min(y1, *(int(y) for _, y, _ in marks)), max(y2, *(int(y) + 1 for _, y, _ in marks))
    margin = round(_ROOM * max(x2 - x1, y2 - y1))
    return padded((x1, y1, x2, y2), margin, found.frame_width, found.frame_height)


def _fitted(image: RgbImage, box: Box) -> RgbImage:
    """A part of a frame, its longer side ``_SIDE`` pixels at most."""
    import cv2

    part = image[box[1] : box[3], box[0] : box[2]]
    shrink = min(1.0, _SIDE / max(part.shape[:2]))
    size = (max(round(part.shape[1] * shrink), 1), max(round(part.shape[0] * shrink), 1))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _tells(small: RgbImage, places: npt.NDArray[np.int64], positive: npt.NDArray[np.bool_]) -> bool:
    """Whether the colours of the other strokes put most points on their own side."""
    import cv2

    if min(positive.sum(), (~positive).sum()) < _FEWEST:
        return False
    lab = cv2.cvtColor(np.asarray(small, dtype=np.float32) / 255, cv2.COLOR_RGB2Lab)
    colours = lab[places[:, 1], places[:, 0]] / np.asarray(_COLOUR, dtype=np.float32)
    alike = np.exp(-np.square(colours[:, None] - colours).sum(axis=2) / 2)
    away = np.square(places[:, None] - places).sum(axis=2)
    alike[away < (_APART * max(small.shape)) ** 2] = 0
    inner, outer = alike[:, positive].sum(axis=1), alike[:, ~positive].sum(axis=1)
    right = (inner / positive.sum() > outer / (~positive).sum()) == positive
    return bool((right[positive].mean() + right[~positive].mean()) / 2 >= _TELLS)


def _cut(
    image: RgbImage,
    box: Box,
    small: RgbImage,
    found: Mask,
    places: npt.NDArray[np.int64],
    positive: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_] | None:
    import cv2

    size = (small.shape[1], small.shape[0])
    x1, y1, x2, y2 = box
    part = to_bitmap(found)[y1:y2, x1:x2].astype(np.uint8)
    guess = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    sides = np.where(guess > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    sides[places[:, 1], places[:, 0]] = np.where(positive, cv2.GC_FGD, cv2.GC_BGD)
    cv2.setRNGSeed(0)  # its colour models start from random ones
    outer, inner = np.zeros((1, 65)), np.zeros((1, 65))
    picture = np.ascontiguousarray(small[..., ::-1])
    cv2.grabCut(picture, sides, (0, 0, 0, 0), outer, inner, 1, cv2.GC_INIT_WITH_MASK)
    inside = ((sides == cv2.GC_FGD) | (sides == cv2.GC_PR_FGD)).astype(np.float32)
    full = cv2.resize(inside, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
    bitmap = np.zeros(image.shape[:2], dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = full > 0.5
    return bitmap if bitmap.any() else None
