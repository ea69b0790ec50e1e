"""A second opinion: what stands out in a part of a frame, whatever was asked.

U²-Net-P (X. Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object
Detection", Pattern Recognition 2020) as ``training/export_salience.py`` writes it. It knows whole
things and their edges better than the promptable network and nothing of prompts, so it counts
where both see the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.geometry.masks import from_bitmap
from videoseg.models.embedded.features import session
from videoseg.types import Box, Mask, RgbImage

_SALIENT = 0.5
"""Salience from which a pixel stands out."""
_CLEAR = 0.88
"""Mean salience from which a thing stands out clearly."""
_MARGIN = 0.25
"""Shown around an object on each side, in parts of its box."""
_MAX_SPILL = 0.05
"""Share of what stands out that may lie beyond the object's box."""
_SAME_OBJECT_IOU = 0.6
"""IoU of the two answers from which they mean the same object."""
_MIN_PROBABILITY = 1e-4
"""Probabilities keep this far from 0 and 1, so that their log odds stay finite."""
SALIENCE_SIDE = 320
"""Side of the network's input, pixels."""
_MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
"""Mean of the network's input channels: that of ImageNet, on which it was trained."""
_STD = np.array((0.229, 0.224, 0.225), dtype=np.float32)
"""Standard deviation of the same."""


@dataclass(frozen=True, slots=True, eq=False)
class SalientThing:
    """One thing that stands out on a frame.

    Attributes:
        mask: Its pixels.
        likely: Their mean probability, below 1.
        area_share: Its area as a share of the frame's.
    """

    mask: Mask
    likely: float
    area_share: float


class Salience:
    """The network in ONNX Runtime on the CPU, loaded when it is first asked."""

    def __init__(self, threads: int = 0) -> None:
        """Remember how many threads it may use; 0 = as many as are granted."""
        self._threads = threads
        self._session: Any = None
        self._last: tuple[RgbImage, npt.NDArray[np.int32], FloatMap] | None = None

    def salient_object(self, image: RgbImage, clicks: Sequence[tuple[float, float]]) -> Mask | None:
        """The one thing that stands out on a frame and holds all clicks, or None.

        Args:
            image: uint8 (H, W, 3).
            clicks: ``(x, y)`` on the object, at least one.
        """
        height, width = image.shape[:2]
        pieces = self.pieces(image)
        xs, ys = np.asarray(clicks, dtype=np.float64).T.astype(np.int64)
        hit = np.unique(pieces[ys.clip(0, height - 1), xs.clip(0, width - 1)])
        return from_bitmap(pieces == hit[0]) if len(hit) == 1 and hit[0] > 0 else None

    def pieces(self, image: RgbImage) -> npt.NDArray[np.int32]:
        """A number for each thing that stands out on a frame, int32 (H, W); 0 where none does.

        Asked again about the same frame, it does not look again.
        """
        return self._looked(image)[0]

    def things(self, image: RgbImage) -> list[SalientThing]:
        """What stands out clearly on a frame and does not fill it, uint8 (H, W, 3)."""
        pieces, probability = self._looked(image)
        found = []
        for number in range(1, int(pieces.max()) + 1):
            bitmap = pieces == number
            likely = float(probability[bitmap].mean())
            mask = from_bitmap(bitmap)
            edges = (bitmap[0], bitmap[-1], bitmap[:, 0], bitmap[:, -1])
            if mask is not None and likely >= _CLEAR and not all(edge.any() for edge in edges):
                share = float(bitmap.mean())
                found.append(SalientThing(mask, min(likely, 1 - _MIN_PROBABILITY), share))
        return found

    def _looked(self, image: RgbImage) -> tuple[npt.NDArray[np.int32], FloatMap]:
        """Numbers of the things on a frame (``pieces``), and how likely each pixel stands out."""
        import cv2

        if self._last is None or self._last[0] is not image:
            height, width = image.shape[:2]
            probability = self.probabilities(image, (0, 0, width, height))
            _, labels = cv2.connectedComponents((probability > _SALIENT).astype(np.uint8))
            self._last = image, np.asarray(labels, dtype=np.int32), probability
        return self._last[1:]

    def fused(self, image: RgbImage, odds: FloatMap, box: Box, span: Box) -> FloatMap:
        """The log odds of both networks as one, where they see the same object.

        Args:
            image: uint8 (H, W, 3).
            odds: Log odds of the promptable network, float32 (h, w) of the size of ``box``.
            box: The part of the frame that it answers for.
            span: The box around the object, within ``box``.

        Returns:
            Log odds of the mean probability within ``span``; ``odds`` itself if the two disagree,
            or if what stands out goes on beyond ``span``: then the object is a part of it.
        """
        height, width = image.shape[:2]
        left, right = _grown(span[0], span[2], width)
        top, bottom = _grown(span[1], span[3], height)
        probability = self.probabilities(image, (left, top, right, bottom))
        total = int((probability > _SALIENT).sum())
        probability = probability[span[1] - top : span[3] - top, span[0] - left : span[2] - left]
        salient = probability > _SALIENT
        if total - int(salient.sum()) > _MAX_SPILL * total:
            return odds
        part = np.s_[span[1] - box[1] : span[3] - box[1], span[0] - box[0] : span[2] - box[0]]
        own = odds[part] > 0
        if int((own & salient).sum()) < _SAME_OBJECT_IOU * max(int((own | salient).sum()), 1):
            return odds
        both = np.clip(
            (1 / (1 + np.exp(-odds[part])) + probability) / 2,
            _MIN_PROBABILITY,
            1 - _MIN_PROBABILITY,
        )
        together = odds.copy()
        together[part] = np.log(both / (1 - both))
        return together

    def probabilities(self, image: RgbImage, box: Box) -> FloatMap:
        """How likely each pixel of a part of a frame belongs to what stands out in it.

        Args:
            image: uint8 (H, W, 3).
            box: The part that is looked at, frame pixels.

        Returns:
            float32 (h, w) of the box's size, 0 to 1.

        Raises:
            MissingDependencyError: The weights are not where the package keeps them.
        """
        import cv2

        if self._session is None:
            self._session = session("salience.onnx", self._threads)
        x1, y1, x2, y2 = box
        (name,) = (each.name for each in self._session.get_inputs())
        (found,) = self._session.run(None, {name: as_input(image[y1:y2, x1:x2])})
        grown = cv2.resize(found[0, 0], (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
        return np.asarray(grown, dtype=np.float32)


def as_input(image: RgbImage) -> FloatMap:
    """A picture as the network takes it, float32 (1, 3, SALIENCE_SIDE, SALIENCE_SIDE)."""
    import cv2

    seen = cv2.resize(image, (SALIENCE_SIDE, SALIENCE_SIDE), interpolation=cv2.INTER_AREA)
    values = (seen / np.float32(max(int(seen.max()), 1)) - _MEAN) / _STD
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def _grown(start: int, end: int, most: int) -> tuple[int, int]:
    more = int(_MARGIN * (end - start))
    return max(start - more, 0), min(end + more, most)
