"""Temporal instability: how far an outline jumps between frames beyond what the object moves.

The mask of one frame is carried into the next along the motion between them; what then differs
from that frame's own mask (exclusive or, pixels), over the length of the outline, is how far the
outline moved by itself on average, in pixels. The warped difference is that of temporal
consistency measures (Lai et al., "Learning Blind Video Temporal Consistency", ECCV 2018); taking
off what the truth scores in the same way (its own deformation, occlusions, errors of the motion)
follows dtSSD (Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015).
It says nothing about accuracy: read it beside J&F.

Optical flow alone is wrong by some pixels at the very places that matter, where an object moves
over its background, and drowns a flicker of one pixel. So where the truth is known, the flow is
corrected by it: each pixel of the true outline goes to the nearest pixel of the true outline of
the frame before, and pixels around it go along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.evaluate.metrics.boundary import thin_boundary
from videoseg.evaluate.metrics.inputs import MaskLike, as_mask
from videoseg.geometry import masks
from videoseg.motion.flow import Flow, carry_map, carry_mask
from videoseg.types import Bitmap, Mask


@dataclass(frozen=True, slots=True, eq=False)
class Instability:
    """Instability of one object over one sequence of n frames.

    Attributes:
        predicted: float64 (n - 1,), pixels, between each frame and the next.
        truth: float64 (n - 1,), the same of the true masks.
    """

    predicted: npt.NDArray[np.float64]
    truth: npt.NDArray[np.float64]

    @property
    def excess(self) -> float:
        """Mean instability beyond the truth's own, pixels; below 0 where it is steadier."""
        return float((self.predicted - self.truth).mean())


def temporal_instability(
    predicted: Sequence[MaskLike], truth: Sequence[MaskLike], flows: Sequence[Flow]
) -> Instability:
    """Instability of the predicted and the true masks of one object in one shot.

    The motion is the optical flow, corrected by the truth (see ``corrected_flow``).

    Args:
        predicted: The object's mask on each of n >= 2 consecutive frames.
        truth: Its true mask on each.
        flows: The n - 1 motions, ``flow_between(image[i], image[i + 1])``, best at full size.

    Raises:
        ValueError: The lengths do not fit, or sizes differ.
    """
    found, true = _sequence(predicted, flows), _sequence(truth, flows)
    values = []
    for i, flow in enumerate(flows):
        motion = corrected_flow(flow, true[i], true[i + 1])
        values.append([_jump(found[i], found[i + 1], motion), _jump(true[i], true[i + 1], motion)])
    measured = np.asarray(values, dtype=np.float64)
    return Instability(measured[:, 0], measured[:, 1])


def jumps(sequence: Sequence[MaskLike], flows: Sequence[Flow]) -> npt.NDArray[np.float64]:
    """How far an outline jumps between each frame and the next along the optical flow as it is.

    ``|warped(M[i]) ^ M[i + 1]|`` over the mean outline length of the two masks (of the one that
    is there, if the object appears or vanishes; 0 where neither is). Pixels that came into view
    over the frame's border do not count. For films without truth; it holds the flow's errors.

    Args:
        sequence: The object's mask on each of n >= 2 consecutive frames of one shot.
        flows: The n - 1 motions, ``flow_between(image[i], image[i + 1])``.

    Returns:
        float64 (n - 1,), pixels.

    Raises:
        ValueError: The lengths do not fit, or sizes differ.
    """
    found = _sequence(sequence, flows)
    steps = zip(found[:-1], found[1:], flows, strict=True)
    return np.asarray([_jump(*step) for step in steps], dtype=np.float64)


def corrected_flow(flow: Flow, previous: MaskLike, current: MaskLike) -> Flow:
    """Flow of full size that carries the outline of ``previous`` onto that of ``current``.

    Each outline pixel of the current frame follows the flow back, and on to the nearest outline
    pixel there; every other pixel gets the correction of the outline pixel nearest to it.

    Args:
        flow: Optical flow between the two frames.
        previous: The object on the previous frame.
        current: The object on the current frame.

    Returns:
        A new flow; ``flow`` itself where one frame has no outline.
    """
    before, now = (thin_boundary(_bitmap(as_mask(mask), flow)) for mask in (previous, current))
    if not before.any() or not now.any():
        return flow
    field = _full_size(flow)
    rows, columns = np.nonzero(now)
    was = np.rint(field[rows, columns] + np.stack([columns, rows], axis=1)).astype(np.int64)
    was = np.clip(was, 0, (flow.frame_width - 1, flow.frame_height - 1))
    landed = _nearest(before)[was[:, 1], was[:, 0]]
    correction = np.zeros_like(field)
    correction[rows, columns] = landed - np.stack([columns, rows], axis=1) - field[rows, columns]
    nearest = _nearest(now)
    field += correction[nearest[..., 1], nearest[..., 0]]
    return Flow(field, flow.frame_width, flow.frame_height)


def _sequence(values: Sequence[MaskLike], flows: Sequence[Flow]) -> list[Mask | None]:
    """The masks of a sequence, checked against the motions between them."""
    if len(values) < 2 or len(flows) != len(values) - 1:
        raise ValueError(f"{len(values)} masks and {len(flows)} motions between them do not fit")
    found = [as_mask(value) for value in values]
    size = (flows[0].frame_width, flows[0].frame_height)
    for mask in found:
        if mask is not None and (mask.frame_width, mask.frame_height) != size:
            raise ValueError(f"a mask does not lie in the flow's frame of {size}")
    return found


def _jump(previous: Mask | None, current: Mask | None, flow: Flow) -> float:
    present = [mask for mask in (previous, current) if mask is not None]
    if not present:
        return 0.0
    warped = None if previous is None else carry_mask(previous, flow)
    different = _bitmap(warped, flow) ^ _bitmap(current, flow)
    in_view = carry_map(np.ones(different.shape, dtype=np.float32), flow) > 0.5
    length = sum(_outline_length(mask) for mask in present) / len(present)
    return float(np.count_nonzero(different & in_view) / length)


def _full_size(flow: Flow) -> npt.NDArray[np.float32]:
    """The flow of every frame pixel, in frame pixels, float32 (H, W, 2)."""
    import cv2

    size = (flow.frame_width, flow.frame_height)
    field = cv2.resize(flow.backward, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(field * (flow.scale_x, flow.scale_y), dtype=np.float32)


def _nearest(marked: Bitmap) -> npt.NDArray[np.int32]:
    """Column and row of a marked pixel nearest to each pixel, int32 (H, W, 2)."""
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~marked).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(marked)
    coordinates = np.zeros((int(labels.max()) + 1, 2), dtype=np.int32)
    coordinates[labels[rows, columns]] = np.stack([columns, rows], axis=1)
    return np.asarray(coordinates[labels])


def _bitmap(mask: Mask | None, flow: Flow) -> Bitmap:
    if mask is None:
        return np.zeros((flow.frame_height, flow.frame_width), dtype=np.bool_)
    return masks.to_bitmap(mask)


def _outline_length(mask: Mask) -> int:
    """Pixels of the thin boundary, the frame's outside being outside the object."""
    return int(np.count_nonzero(thin_boundary(np.pad(mask.bitmap, 1))))
