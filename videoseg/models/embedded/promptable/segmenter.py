"""The promptable network: hints about one object in, its outline and how good it is out.

``training/outliner.py`` has the network and its sources. It sees a square around the object at one
size, so that small objects keep their resolution. Where a click says nothing of the size, the
whole frame and closer looks around the click compete. What was found is then shown to it once more
with the hints, which mends much of what it missed.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.models.embedded.features import session
from videoseg.models.embedded.promptable.crops import Square
from videoseg.models.embedded.promptable.prompt_maps import Hints
from videoseg.models.embedded.promptable.salience import Salience
from videoseg.models.embedded.promptable.scribbles import recut
from videoseg.models.embedded.promptable.stuff_mask import Outlined
from videoseg.types import Box, Mask, RgbImage

if TYPE_CHECKING:
    import onnxruntime

FloatMap = npt.NDArray[np.float32]

SIDE = 256
"""The crop's side as the network sees it, pixels."""
_FINE = 384
"""The same for the second look at what is at least as large: it knows the object by then."""
_CLOSER = (0.7, 0.5, 0.35, 0.25)
"""Sides of the looks around clicks that stand alone, in longer sides of the frame."""
_FOR_LARGE = 0.15
"""How much a larger outline is preferred: who clicks once means the whole rather than a part."""
_SAME = 0.85
"""IoU from which an outline is that of the one thing that stands out."""


class Outliner:
    """The network in ONNX Runtime on the CPU, loaded once."""

    def __init__(self, threads: int = 0) -> None:
        """Load the network.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them.
        """
        self._session: onnxruntime.InferenceSession = session("outliner.onnx", threads)
        self._salience = Salience(threads)

    def outline(self, image: RgbImage, hints: Hints, *, fine: bool = True) -> Outlined | None:
        """Outline the one object that the hints mean; None where they leave nothing.

        Args:
            image: uint8 (H, W, 3).
            hints: What is known of the object.
            fine: Look at large objects more closely the second time, and without evidence also at
                what stands out, for three times the work.

        Raises:
            ValueError: There is no hint at all.
        """
        if hints.window() is None:
            return None
        first = self._searched(image, hints) if hints.only_clicked else self._near(image, hints)
        if first is None:
            return None
        found = self._near(image, hints.given(first.mask), fine=fine) or first
        bitmap = recut(image, hints, found.mask)
        if bitmap is None:
            return found
        return _settled(bitmap, (0, 0, hints.width, hints.height), found.score, hints) or found

    def _near(self, image: RgbImage, hints: Hints, *, fine: bool = False) -> Outlined | None:
        """The answer to all hints, seen around the object."""
        square = hints.window()
        assert square is not None  # noqa: S101 - the caller has looked
        side = _FINE if fine and square.side >= _FINE else SIDE
        logits, quality = self._look(image, hints, [square], side)
        box = square.in_frame(hints.width, hints.height)
        if box is None:
            return None
        odds = square.back(logits[0, 0], box)
        if fine and hints.evidence is None:  # Evidence says itself how far the object goes.
            span = _span(odds, box, hints)
            if span is not None:
                odds = self._salience.joined(image, odds, box, span)
        return _settled(odds > 0, box, float(quality[0, 0]), hints)

    def _searched(self, image: RgbImage, hints: Hints) -> Outlined | None:
        """The answer to clicks alone that the others agree with most, over all looks."""
        squares = _looks(hints)
        logits, quality = self._look(image, hints, squares, SIDE)
        candidates = logits.shape[1] if len(hints.points) == 1 else 1
        found = [
            _finished(square, logits[look, each], float(quality[look, each]), hints)
            for look, square in enumerate(squares)
            for each in range(candidates)
        ]
        seen = [one for one in found if one is not None]
        whole = self._salience.whole(image, hints.clicks)
        meant = None if whole is None else _like(seen, whole)
        return meant or _agreed(seen)

    def _look(
        self, image: RgbImage, hints: Hints, squares: list[Square], side: int
    ) -> tuple[FloatMap, FloatMap]:
        """Log odds (n, candidates, side / 2, side / 2) and expected IoU (n, candidates)."""
        pictures = np.stack([square.of_image(image, side) for square in squares])
        maps = np.stack([hints.drawn(square, side) for square in squares])
        picture = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), dtype=np.float32)
        logits, quality = self._session.run(
            ["logits", "quality"], {"image": picture, "hints": maps}
        )
        return logits, 1 / (1 + np.exp(-quality))


def _looks(hints: Hints) -> list[Square]:
    """The whole frame, and closer squares that hold all clicks."""
    whole = Square.around((0.0, 0.0, float(hints.width), float(hints.height)), 1.0)
    xs, ys = [x for x, _ in hints.clicks], [y for _, y in hints.clicks]
    middle_x = min(max((min(xs) + max(xs)) / 2, 0.0), float(hints.width))
    middle_y = min(max((min(ys) + max(ys)) / 2, 0.0), float(hints.height))
    apart = max(max(xs) - min(xs), max(ys) - min(ys))
    looks = [whole]
    for share in _CLOSER:
        side = whole.side * share
        if side > 1.2 * apart and side >= SIDE / 4:
            looks.append(Square(middle_x - side / 2, middle_y - side / 2, side))
    return looks


def _span(odds: FloatMap, box: Box, hints: Hints) -> Box | None:
    """The box around an object in a part of the frame: the one that is given, or its outline's."""
    if hints.inside:
        corners = np.array([each[:4] for each in hints.inside])
        (x1, y1), (x2, y2) = np.floor(corners.min(axis=0)[:2]), np.ceil(corners.max(axis=0)[2:])
        return masks.overlap((int(x1), int(y1), int(x2), int(y2)), box)
    found = masks.from_bitmap(odds > 0)
    if found is None:
        return None
    left, top, right, bottom = found.crop
    return box[0] + left, box[1] + top, box[0] + right, box[1] + bottom


def _like(found: list[Outlined], whole: Mask) -> Outlined | None:
    """The outline of what stands out as a whole, if it was found: most clicks mean that."""
    overlaps = [(masks.iou(one.mask, whole), one) for one in found]
    best, outlined = max(overlaps, key=operator.itemgetter(0), default=(0.0, None))
    return outlined if best >= _SAME else None


def _agreed(found: list[Outlined]) -> Outlined | None:
    """The outline that overlaps most with all the others, as far as they are thought good."""
    if not found:
        return None
    worth = [
        sum(other.score * masks.iou(one.mask, other.mask) for other in found)
        * float(one.mask.bitmap.sum()) ** _FOR_LARGE
        for one in found
    ]
    return found[int(np.argmax(worth))]


def _finished(square: Square, logits: FloatMap, score: float, hints: Hints) -> Outlined | None:
    """The outline at the frame's own size, as the hints have it for certain."""
    box = square.in_frame(hints.width, hints.height)
    if box is None:
        return None
    return _settled(square.back(logits, box) > 0, box, score, hints)


def _settled(
    bitmap: npt.NDArray[np.bool_], box: Box, score: float, hints: Hints
) -> Outlined | None:
    """The outline in a part of the frame, as the hints have it for certain; scraps are dropped."""
    clicked = _settle(bitmap, box, hints)
    bitmap = _tidy(bitmap, clicked)
    rows, columns = np.flatnonzero(bitmap.any(axis=1)), np.flatnonzero(bitmap.any(axis=0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    found = np.ascontiguousarray(bitmap[top : rows[-1] + 1, left : columns[-1] + 1])
    return Outlined(Mask(box[0] + left, box[1] + top, hints.width, hints.height, found), score)


def _settle(bitmap: npt.NDArray[np.bool_], box: Box, hints: Hints) -> list[tuple[int, int]]:
    """Clear what lies in boxes that are not meant; rows and columns of the clicks on the object."""
    x1, y1, x2, y2 = box
    for left, top, right, bottom, positive in hints.boxes:
        if not positive:
            rows = slice(max(int(np.floor(top)) - y1, 0), max(int(np.ceil(bottom)) - y1, 0))
            bitmap[rows, max(int(np.floor(left)) - x1, 0) : max(int(np.ceil(right)) - x1, 0)] = 0
    clicked = []
    for x, y, positive in hints.points:
        if x1 <= x < x2 and y1 <= y < y2:
            row, column = int(y) - y1, int(x) - x1
            bitmap[row, column] = positive
            if positive:
                clicked.append((row, column))
    return clicked


def _tidy(bitmap: npt.NDArray[np.bool_], clicked: list[tuple[int, int]]) -> npt.NDArray[np.bool_]:
    """Drop islands that are small beside the largest piece and hold no click."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(bitmap.astype(np.uint8))
    if count < 3:
        return bitmap
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    keep = areas >= _ISLAND * areas.max()
    keep[[labels[row, column] for row, column in clicked]] = True
    keep[0] = False
    return np.asarray(keep[labels])


_ISLAND = 0.1
"""Pieces smaller than this part of the largest are noise."""
