"""Boundary F, J, and J&F of a video object, with the definitions of the DAVIS benchmarks.

Sources: Perazzi et al., "A Benchmark Dataset and Evaluation Methodology for Video Object
Segmentation", CVPR 2016; Pont-Tuset et al., "The 2017 DAVIS Challenge", arXiv:1704.00675; and what
their published evaluation adds to the papers (tolerance, thin boundaries, decay over four bins).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.inputs import MaskLike, as_pair
from videoseg.evaluate.metrics.region import iou
from videoseg.geometry import masks
from videoseg.types import Bitmap, Box, Mask

DAVIS_TOLERANCE = 0.008
"""How far boundaries may lie apart and still match, as a share of the frame's diagonal."""

Protocol: TypeAlias = Literal["semi-supervised", "unsupervised"]
"""Which frames count: ``semi-supervised`` (DAVIS 2016 and 2017) leaves out the first, whose truth
the model was given, and also the last; ``unsupervised`` counts all."""


def tolerance_pixels(width: int, height: int, tolerance: float = DAVIS_TOLERANCE) -> int:
    """Radius within which boundaries match: ``ceil(tolerance * diagonal)`` pixels."""
    return math.ceil(tolerance * math.hypot(width, height))


def thin_boundary(bitmap: Bitmap) -> Bitmap:
    """One-pixel boundary: where a pixel differs from its right, lower or lower-right neighbour.

    That is, where the 2 x 2 window that starts at the pixel is not constant; beyond the lower and
    right border the image is continued by its last row and column, so an object cut off by the
    border has no boundary there. Half a pixel towards the origin from the true edge.
    """
    continued = np.pad(bitmap, ((0, 1), (0, 1)), mode="edge")
    here, right = continued[:-1, :-1], continued[:-1, 1:]
    below, across = continued[1:, :-1], continued[1:, 1:]
    return (here ^ right) | (here ^ below) | (here ^ across)


def boundary_f(
    predicted: MaskLike,
    truth: MaskLike,
    *,
    ignore: Bitmap | None = None,
    tolerance: float = DAVIS_TOLERANCE,
) -> float:
    """Boundary F of two masks of one frame: ``2 P R / (P + R)``, in [0, 1].

    P is the share of the predicted boundary that lies within the tolerance (a disc) of the true
    one, R the share of the true one that lies within it of the predicted one. A missing boundary
    has P = 1 (or R = 1), so two masks without boundary score 1, and one against a boundary 0.

    Args:
        predicted: The mask that is measured.
        truth: The mask it is measured against.
        ignore: bool (H, W), True where pixels are taken out of both masks first, or None.
        tolerance: Share of the frame's diagonal.

    Raises:
        ValueError: The frames differ in size, or a bitmap is not bool (H, W).
    """
    first, second = as_pair(predicted, truth, ignore=ignore)
    present = [mask for mask in (first, second) if mask is not None]
    if not present:
        return 1.0
    radius = tolerance_pixels(present[0].frame_width, present[0].frame_height, tolerance)
    # A pixel of margin holds the boundary, which lies up and left of the mask.
    box = _common_window(present, margin=1)
    predicted_boundary = thin_boundary(_inside(first, box))
    true_boundary = thin_boundary(_inside(second, box))
    precision = _share_within(predicted_boundary, true_boundary, radius)
    recall = _share_within(true_boundary, predicted_boundary, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass(frozen=True, slots=True)
class Statistics:
    """A measure over the frames of one object, as DAVIS sums it up.

    Attributes:
        mean: Mean over the frames that count.
        recall: Share of the frames on which it is above 0.5.
        decay: Mean over the first quarter of the frames less that over the last.
    """

    mean: float
    recall: float
    decay: float


@dataclass(frozen=True, slots=True, eq=False)
class ObjectScore:
    """J and F of one object of one sequence.

    Attributes:
        j_frames: float64 (n,), region similarity (IoU) on each frame that counts.
        f_frames: float64 (n,), boundary F on each frame that counts.
    """

    j_frames: npt.NDArray[np.float64]
    f_frames: npt.NDArray[np.float64]

    @property
    def j(self) -> Statistics:
        """Mean, recall and decay of J."""
        return statistics(self.j_frames)

    @property
    def f(self) -> Statistics:
        """Mean, recall and decay of F."""
        return statistics(self.f_frames)

    @property
    def j_and_f(self) -> float:
        """J&F: the mean of the two means."""
        return (self.j.mean + self.f.mean) / 2


def counted_frames(length: int, protocol: Protocol = "semi-supervised") -> range:
    """Positions of the frames that count in a sequence of this length (see ``Protocol``)."""
    return range(1, length - 1) if protocol == "semi-supervised" else range(length)


def score_object(
    predicted: Sequence[MaskLike],
    truth: Sequence[MaskLike],
    *,
    ignore: Sequence[Bitmap | None] | None = None,
    protocol: Protocol = "semi-supervised",
) -> ObjectScore:
    """J and F of one object over one sequence.

    The score of a data set is the mean over its objects (each ``object.j.mean`` counts alike), not
    over its frames or sequences.

    Args:
        predicted: The object's mask on each frame of the sequence, first and last included.
        truth: Its true mask on each frame.
        ignore: For each frame the pixels that do not count, or None.
        protocol: Which of the frames count.

    Raises:
        ValueError: The sequences differ in length or no frame counts.
    """
    if len(predicted) != len(truth) or (ignore is not None and len(ignore) != len(truth)):
        raise ValueError(f"{len(predicted)} predicted masks for {len(truth)} true ones")
    frames = counted_frames(len(truth), protocol)
    if not frames:
        raise ValueError(f"no frame counts ({protocol}) in a sequence of {len(truth)}")
    voids = [None] * len(truth) if ignore is None else ignore
    j_frames = [iou(predicted[i], truth[i], ignore=voids[i]) for i in frames]
    f_frames = [boundary_f(predicted[i], truth[i], ignore=voids[i]) for i in frames]
    return ObjectScore(np.asarray(j_frames), np.asarray(f_frames))


def statistics(values: npt.ArrayLike) -> Statistics:
    """Mean, recall and decay of a measure over frames.

    For the decay the frames are split at ``round(linspace(1, n, 5))`` (from 1, halves up) into
    four bins that share their end frames. The published program keeps these positions in eight
    bits; here they are whole numbers, so sequences of more than 256 frames are right too.

    Args:
        values: float (n >= 1,), one per frame.

    Raises:
        ValueError: There is no frame.
    """
    measured = np.asarray(values, dtype=np.float64)
    if measured.ndim != 1 or not len(measured):
        raise ValueError(f"statistics need at least one frame, got {measured.shape = }")
    edges = np.floor(np.linspace(1, len(measured), 5) + 0.5).astype(np.int64) - 1
    first = measured[edges[0] : edges[1] + 1].mean()
    last = measured[edges[3] : edges[4] + 1].mean()
    return Statistics(float(measured.mean()), float((measured > 0.5).mean()), float(first - last))


def _common_window(present: Sequence[Mask], *, margin: int) -> Box:
    """Box around the crops of all these masks, with a margin where the frame has room."""
    boxes = [mask.crop for mask in present]
    return (
        max(0, min(box[0] for box in boxes) - margin),
        max(0, min(box[1] for box in boxes) - margin),
        min(present[0].frame_width, max(box[2] for box in boxes) + margin),
        min(present[0].frame_height, max(box[3] for box in boxes) + margin),
    )


def _inside(mask: Mask | None, box: Box) -> Bitmap:
    """The part of a mask inside ``box`` as a bitmap of that size."""
    x1, y1, x2, y2 = box
    full = np.zeros((y2 - y1, x2 - x1), dtype=np.bool_)
    if mask is not None:
        left, top, right, bottom = mask.crop
        full[top - y1 : bottom - y1, left - x1 : right - x1] = masks.window(mask, mask.crop)
    return full


def _share_within(boundary: Bitmap, other: Bitmap, radius: int) -> float:
    """Share of ``boundary`` at most ``radius`` pixels from ``other``; 1 where there is none."""
    import cv2

    if not boundary.any():
        return 1.0
    if not other.any():
        return 0.0
    distance = cv2.distanceTransform((~other).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Squared distances are whole numbers; half of one is beyond all rounding.
    return float((distance[boundary] ** 2 < radius * radius + 0.5).mean())
