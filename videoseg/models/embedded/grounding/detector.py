"""Finds boxes of the 80 things of COCO in a frame: one of each thing, where maps see a heap.

NanoDet (RangiLyu, https://github.com/RangiLyu/nanodet), as ``training/export_detector.py`` writes
it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.detected_box import DetectedBox, overlaps, shared_area
from videoseg.models.embedded.features import session
from videoseg.types import RgbImage

NAMES = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    *("traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat"),
    *("dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack"),
    *("umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball"),
    *("kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket"),
    *("bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair"),
    *("couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse"),
    *("remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink"),
    *("refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier"),
    "toothbrush",
)
"""The classes, in the order of the network's scores."""
DETECTOR_SIDE = 416
"""Side of the network's input, pixels."""
_STRIDES = (8, 16, 32)
"""Sides of its cells, pixels; first all cells of the first."""
_BINS = 11
"""An edge's distance from a cell's middle is a mean of 0 to 10 strides."""
_MEAN = np.array((103.53, 116.28, 123.675), dtype=np.float32)
"""Mean of the network's input channels, blue, green, red."""
_STD = np.array((57.375, 57.12, 58.395), dtype=np.float32)
"""Standard deviation of the same."""
_LEAST = 0.05
"""Boxes of a lower score are never given."""
_SAME_OF_KIND = 0.45
"""Of boxes of one kind that overlap by a higher IoU, the one of the highest score is given."""
_SAME = 0.5
"""So it is of boxes of any kind."""
_WITHIN = 0.8
"""And where more than this share of the smaller one lies in the other."""
_AGREE = 0.75
"""Boxes of a frame and of its mirror image that overlap by a lower IoU mean different things: their
mean may be neither. On 199 training photographs the F1 of boxes is 0.525 at an IoU of 0.5 and 0.359
at 0.75 (0.532 and 0.363 with the mean of all, 0.518 and 0.350 without the mirror image)."""


class Detector:
    """The network in ONNX Runtime on the CPU, loaded when it is first asked."""

    def __init__(self, threads: int = 0) -> None:
        """Remember how many threads it may use; 0 = as many as are granted."""
        self._threads = threads
        self._session: Any = None
        self._last: tuple[RgbImage, DetectedBoxes] | None = None

    def detect(self, image: RgbImage) -> DetectedBoxes:
        """All that it sees on a frame, uint8 (H, W, 3).

        Asked again about the same frame, it does not look again.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them.
        """
        last = self._last
        if last is not None and last[0] is image:
            return last[1]
        found = DetectedBoxes(*self._run(image))
        self._last = image, found
        return found

    def detect_both_ways(self, image: RgbImage, first: DetectedBoxes) -> DetectedBoxes:
        """The mean of what it sees on a frame, ``first``, and on its mirror image, cell by cell.

        Where the two boxes of a cell differ much, that of the frame itself is taken.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them.
        """
        width = image.shape[1]
        boxes, scores = self._run(np.ascontiguousarray(image[:, ::-1]))
        cells = _mirrored_cells()
        mirrored = boxes[cells]
        mirrored[:, [0, 2]] = width - mirrored[:, [2, 0]]
        agree = overlaps(first.boxes, mirrored) >= _AGREE
        return DetectedBoxes(
            np.where(agree[:, None], (first.boxes + mirrored) / 2, first.boxes).astype(np.float32),
            np.asarray(np.sqrt(first.scores * scores[cells]), dtype=np.float32),
        )

    def _run(self, image: RgbImage) -> tuple[FloatMap, FloatMap]:
        """Boxes (n, 4) in frame pixels and scores (n, 80) of all cells."""
        if self._session is None:
            self._session = session("detector.onnx", self._threads)
        height, width = image.shape[:2]
        scores, edges = self._session.run(["scores", "edges"], {"image": _as_input(image)})
        boxes = (_boxes(edges[0]) - np.array(_margins(width, height))) / _scale(width, height)
        boxes = boxes.clip(0, np.array((width, height, width, height)))
        return boxes.astype(np.float32), scores[0]


@dataclass(frozen=True, slots=True, eq=False)
class DetectedBoxes:
    """What the network says of a frame, not yet chosen from.

    Attributes:
        boxes: float32 (n, 4), ``x1, y1, x2, y2`` in frame pixels.
        scores: float32 (n, 80).
    """

    boxes: FloatMap
    scores: FloatMap

    def things(self) -> list[DetectedBox]:
        """The things of any class, the surest first; what lies in another is a part of it."""
        return self._chosen(range(len(NAMES)), _same)

    def of(self, names: Sequence[int], *, nested: bool = True) -> list[DetectedBox]:
        """The things of any of these classes (places in ``NAMES``), the surest first.

        Without ``nested`` what lies in another is a part of it: who counts things counts it once.
        """
        return self._chosen(names, _same_of_kind if nested else _same)

    def _chosen(
        self, names: Sequence[int], same: Callable[[FloatMap, FloatMap], npt.NDArray[np.bool_]]
    ) -> list[DetectedBox]:
        """One box for each thing: those left that are not the same as a surer one."""
        scores = self.scores[:, list(names)].max(axis=1)
        (seen,) = np.nonzero(scores >= _LEAST)
        order = seen[np.argsort(-scores[seen], kind="stable")]
        boxes, kept = self.boxes[order], []
        left = np.ones(len(order), dtype=np.bool_)
        for place, index in enumerate(order.tolist()):
            if left[place]:
                x1, y1, x2, y2 = boxes[place].tolist()
                kept.append(DetectedBox((x1, y1, x2, y2), float(scores[index])))
                left &= ~same(boxes[place], boxes)
        return [each for each in kept if each.box[0] < each.box[2] and each.box[1] < each.box[3]]


def _scale(width: int, height: int) -> float:
    """Of the frame in the network's input."""
    return DETECTOR_SIDE / max(width, height)


def _size(width: int, height: int) -> tuple[int, int]:
    """Of the frame in the network's input, pixels."""
    scale = _scale(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _margins(width: int, height: int) -> tuple[int, int, int, int]:
    """What lies left of and above the frame in the network's input, for both ends of a box."""
    across, down = ((DETECTOR_SIDE - side) // 2 for side in _size(width, height))
    return across, down, across, down


def _as_input(image: RgbImage) -> FloatMap:
    """The frame as the network takes it, in the middle of float32 (1, 3, 416, 416)."""
    import cv2

    height, width = image.shape[:2]
    size = _size(width, height)
    how = cv2.INTER_AREA if size[0] < width else cv2.INTER_LINEAR
    seen = cv2.resize(image, size, interpolation=how)[..., ::-1]
    across, down = _margins(width, height)[:2]
    whole = np.zeros((3, DETECTOR_SIDE, DETECTOR_SIDE), dtype=np.float32)
    whole[:] = (-_MEAN / _STD)[:, None, None]
    normal = ((seen - _MEAN) / _STD).transpose(2, 0, 1)
    whole[:, down : down + size[1], across : across + size[0]] = normal
    return whole[None]


def _boxes(edges: FloatMap) -> npt.NDArray[np.float32]:
    """Boxes (n, 4) in the network's pixels, from the log odds (n, 44) of their edges."""
    bins = edges.reshape(-1, 4, _BINS)
    shares = np.exp(bins - bins.max(axis=2, keepdims=True))
    away = (shares * np.arange(_BINS, dtype=np.float32)).sum(axis=2) / shares.sum(axis=2)
    middles, strides = _cells()
    boxes = np.concatenate([middles - away[:, :2] * strides, middles + away[:, 2:] * strides], 1)
    return np.asarray(boxes, dtype=np.float32)


def _cells() -> tuple[FloatMap, FloatMap]:
    """Middles (n, 2) of all cells as x and y, and their sides (n, 1), in the network's pixels."""
    middles, strides = [], []
    for stride in _STRIDES:
        at = (np.arange(DETECTOR_SIDE // stride, dtype=np.float32) + 0.5) * stride
        y, x = np.meshgrid(at, at, indexing="ij")
        middles.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride, dtype=np.float32))
    return np.concatenate(middles), np.concatenate(strides)


def _mirrored_cells() -> npt.NDArray[np.int64]:
    """For each cell the place of the one that lies there in the mirror image."""
    places, start = [], 0
    for stride in _STRIDES:
        side = DETECTOR_SIDE // stride
        grid = start + np.arange(side * side).reshape(side, side)
        places.append(grid[:, ::-1].ravel())
        start += side * side
    return np.concatenate(places)


def _same_of_kind(box: FloatMap, others: FloatMap) -> npt.NDArray[np.bool_]:
    """Which of others (n, 4), all of one kind, show the same thing as a box (4,)."""
    return np.asarray(overlaps(box, others) > _SAME_OF_KIND)


def _same(box: FloatMap, others: FloatMap) -> npt.NDArray[np.bool_]:
    """Which of others (n, 4) show the same thing as a box (4,)."""
    shared, area, areas = shared_area(box, others)
    overlapping = shared > _SAME * (area + areas - shared)
    return np.asarray(overlapping | (shared > _WITHIN * np.minimum(area, areas)))
