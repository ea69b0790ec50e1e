"""Dense optical flow between neighbouring frames, and carrying masks and maps along it.

Flow is found with DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016)
on small grey images, or, where it is known what objects there are, by ``patch_flow``. It is kept at
that size and scaled up only where something is carried.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.geometry.sizes import size_within
from videoseg.types import Box, Mask, RgbImage

GreyImage: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (h, w)."""


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Backward motion: where each pixel of the current frame was in the previous one.

    Attributes:
        backward: float32 (h, w, 2), x and y, in pixels of this small image: a thing seen at
            small pixel ``p`` of the current frame was at ``p + backward[p]`` in the previous one.
        frame_width: Width of the frames, pixels.
        frame_height: Height of the frames, pixels.
    """

    backward: npt.NDArray[np.float32]
    frame_width: int
    frame_height: int

    def __post_init__(self) -> None:
        if self.backward.ndim != 3 or self.backward.shape[2] != 2:
            raise ValueError(f"a flow field is (h, w, 2), got {self.backward.shape = }")

    @property
    def scale_x(self) -> float:
        """Frame pixels per pixel of the field, across."""
        return float(self.frame_width / self.backward.shape[1])

    @property
    def scale_y(self) -> float:
        """Frame pixels per pixel of the field, down."""
        return float(self.frame_height / self.backward.shape[0])


def flow_between(previous: RgbImage, current: RgbImage, *, long_side: int = 320) -> Flow:
    """Optical flow from ``current`` back to ``previous``.

    Args:
        previous: uint8 (H, W, 3).
        current: uint8 (H, W, 3), of the same size.
        long_side: Longest side of the images that are compared, pixels; frames are never enlarged.

    Raises:
        ValueError: The images differ in size.
    """
    if previous.shape != current.shape:
        raise ValueError(f"frames differ in size: {previous.shape = } {current.shape = }")
    height, width = current.shape[:2]
    greys = (grey_of(image, long_side) for image in (previous, current))
    return flow_of_greys(*greys, frame_width=width, frame_height=height)


def grey_of(image: RgbImage, long_side: int) -> GreyImage:
    """A frame in grey levels, uint8 (h, w), no longer than ``long_side``; it is never enlarged."""
    import cv2

    height, width = image.shape[:2]
    size = size_within(width, height, long_side)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def flow_of_greys(
    previous: GreyImage,
    current: GreyImage,
    *,
    frame_width: int,
    frame_height: int,
    finest: int = 1,
) -> Flow:
    """Optical flow from ``current`` back to ``previous``, both of ``grey_of`` and of one size.

    It is estimated on images that are ``finest`` times halved, and scaled up.
    """
    import cv2

    height, width = current.shape
    # Finer than the fast preset and longer descents, but fewer patches and no variational
    # refinement: on DAVIS it carries masks no worse than the medium preset, in a third of its time.
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    dis.setFinestScale(finest)
    dis.setPatchStride(5)
    dis.setGradientDescentIterations(16)
    dis.setVariationalRefinementIterations(0)
    start = np.zeros((max(height, _SMALLEST_SIDE), max(width, _SMALLEST_SIDE), 2), np.float32)
    field = dis.calc(_large_enough(current), _large_enough(previous), start)
    backward = np.ascontiguousarray(field[:height, :width], dtype=np.float32)
    return Flow(backward, frame_width, frame_height)


def places_of(flow: Flow) -> npt.NDArray[np.float32]:
    """Each pixel's own place in the field, x and y, float32 (h, w, 2); not to be changed."""
    return _places(*flow.backward.shape[:2])


@functools.lru_cache(maxsize=4)
def _places(height: int, width: int) -> npt.NDArray[np.float32]:
    columns, rows = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    return np.ascontiguousarray(np.stack(np.meshgrid(columns, rows), axis=2))


@dataclass(frozen=True, slots=True)
class Camera:
    """How the ground moved between two frames: turned, scaled and shifted.

    Attributes:
        turn: Factor by which positions in the previous frame, as complex numbers x + iy, are turned
            and scaled; 1 for not at all.
        shift: What is added to them then, pixels.
    """

    turn: complex = 1
    shift: complex = 0

    def moves(self, place: tuple[float, float]) -> tuple[float, float]:
        """How far what was at a place of the previous frame has moved, x and y, pixels."""
        was = complex(*place)
        moved = self.turn * was + self.shift - was
        return moved.real, moved.imag


def camera_motion(flow: Flow, objects: Sequence[Mask] = ()) -> Camera:
    """How the ground moved, by the flow outside the objects of the current frame.

    A similarity is fitted by least squares whose weights are found anew in each round, so that what
    moves by itself has little say.
    """
    height, width = flow.backward.shape[:2]
    step = max(1, round((height * width / _GROUND_SAMPLES) ** 0.5))
    rows, columns = np.mgrid[step // 2 : height : step, step // 2 : width : step].reshape(2, -1)
    x, y = (columns + 0.5) * flow.scale_x, (rows + 0.5) * flow.scale_y
    free = np.ones(len(x), dtype=np.bool_)
    for mask in objects:
        left, top, right, bottom = mask.crop
        within = np.flatnonzero((x >= left) & (x < right) & (y >= top) & (y < bottom))
        inner = (y[within].astype(np.intp) - top, x[within].astype(np.intp) - left)
        free[within[mask.bitmap[inner]]] = False
    if np.count_nonzero(free) < _GROUND_LEAST:
        free[:] = True
    positions = (x + 1j * y)[free]
    vectors = flow.backward[rows[free], columns[free]]
    moves = vectors[:, 0] * flow.scale_x + 1j * vectors[:, 1] * flow.scale_y
    turn, shift = 0j, complex(_median(moves.real), _median(moves.imag))
    for _ in range(_GROUND_ROUNDS):
        error = np.abs(moves - turn * positions - shift)
        weight = np.exp(-np.square(error / max(0.5, 2 * _median(error))))
        total = weight.sum()
        middle, typical = (positions * weight).sum() / total, (moves * weight).sum() / total
        around = positions - middle
        spread = (weight * np.abs(around) ** 2).sum()
        turn = complex((weight * around.conj() * (moves - typical)).sum() / max(spread, 1e-9))
        shift = complex(typical - turn * middle)
    # The flow tells where things came from: was = (1 + turn) * now + shift.
    return Camera(1 / (1 + turn), -shift / (1 + turn))


def _median(values: npt.NDArray[np.float64]) -> float:
    """As numpy's own, which takes three times as long for so few."""
    middle = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, middle)[middle])
    low, high = np.partition(values, (middle - 1, middle))[middle - 1 : middle + 1].tolist()
    return float(low + high) / 2


def carry_mask(mask: Mask, flow: Flow) -> Mask | None:
    """A mask of the previous frame as it lies in the current one; None where it left the frame."""
    box = _landing_box(mask.crop, flow)
    if box is None:
        return None
    source = np.where(mask.bitmap, np.float32(1), np.float32(0))
    moved = carry_window(source, (mask.x, mask.y), flow, box, outside=0.0)
    bitmap = moved > 0.5
    if not bitmap.any():
        return None
    return Mask(box[0], box[1], flow.frame_width, flow.frame_height, bitmap)


def carry_map(
    values: npt.NDArray[np.float32], flow: Flow, *, outside: float = 0.0
) -> npt.NDArray[np.float32]:
    """A float32 (H, W) map over the previous frame as it lies in the current one.

    Args:
        values: float32 (H, W), of the frame's size.
        flow: The motion between the two frames.
        outside: The value of what comes from beyond the previous frame's border.
    """
    box = (0, 0, flow.frame_width, flow.frame_height)
    return carry_window(values, (0, 0), flow, box, outside=outside)


def carry_window(
    source: npt.NDArray[np.float32],
    origin: tuple[int, int],
    flow: Flow,
    box: Box,
    *,
    outside: float,
) -> npt.NDArray[np.float32]:
    """Values of a part of the previous frame for a part of the current one, float32.

    Args:
        source: float32 (h, w) or (h, w, C), a crop of the previous frame.
        origin: Left and top edge of the crop, pixels.
        flow: The motion between the two frames.
        box: The part of the current frame.
        outside: The value of what comes from beyond the crop.
    """
    import cv2

    x1, y1, x2, y2 = box
    scale_x, scale_y = flow.scale_x, flow.scale_y
    # Pixel centres of the frame in the field's coordinates.
    to_field = np.array(
        [
            [1 / scale_x, 0, (x1 + 0.5) / scale_x - 0.5],
            [0, 1 / scale_y, (y1 + 0.5) / scale_y - 0.5],
        ]
    )
    field = cv2.warpAffine(
        flow.backward,
        to_field,
        (x2 - x1, y2 - y1),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    was_x = field[..., 0] * scale_x + np.arange(x1 - origin[0], x2 - origin[0], dtype=np.float32)
    rows = np.arange(y1 - origin[1], y2 - origin[1], dtype=np.float32)
    was_y = field[..., 1] * scale_y + rows[:, None]
    moved = cv2.remap(
        source,
        was_x.astype(np.float32),
        was_y.astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=outside,
    )
    return np.asarray(moved, dtype=np.float32)


_GROUND_SAMPLES = 500
"""Places of the flow that are looked at for the camera's motion, about."""
_GROUND_LEAST = 40
"""Fewest such places outside all objects; with fewer, objects are looked at, too."""
_GROUND_ROUNDS = 4
"""Rounds of reweighted least squares for the camera's motion."""
_SMALLEST_SIDE = 32
"""DIS reads beyond its pyramid's end on images smaller than this; they are padded."""


def _large_enough(grey: GreyImage) -> GreyImage:
    import cv2

    height, width = grey.shape
    below, right = max(0, _SMALLEST_SIDE - height), max(0, _SMALLEST_SIDE - width)
    if below == right == 0:
        return grey
    padded = cv2.copyMakeBorder(grey, 0, below, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, dtype=np.uint8)


def _landing_box(box: Box, flow: Flow) -> Box | None:
    """Box of the current frame's pixels that may come from ``box`` of the previous one."""
    height, width = flow.backward.shape[:2]
    was_x = (np.arange(width, dtype=np.float32) + flow.backward[..., 0]) * flow.scale_x
    was_y = (np.arange(height, dtype=np.float32)[:, None] + flow.backward[..., 1]) * flow.scale_y
    # One field pixel of slack on every side: between its samples the field is interpolated.
    inside = (was_x > box[0] - 2 * flow.scale_x) & (was_x < box[2] + flow.scale_x)
    inside &= (was_y > box[1] - 2 * flow.scale_y) & (was_y < box[3] + flow.scale_y)
    landed = masks.from_bitmap(inside)
    if landed is None:
        return None
    x1, y1, x2, y2 = landed.crop
    return (
        max(0, int((x1 - 1) * flow.scale_x)),
        max(0, int((y1 - 1) * flow.scale_y)),
        min(flow.frame_width, int(np.ceil((x2 + 1) * flow.scale_x))),
        min(flow.frame_height, int(np.ceil((y2 + 1) * flow.scale_y))),
    )
