"""What all engines of soft edges share: the band around an edge, its steadiness, and its finish."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le, Lt
from typing_extensions import Doc

from videoseg.geometry import masks
from videoseg.geometry.alphas import hard_alpha
from videoseg.matting._finish import expanded, feathered, motion_blurred
from videoseg.motion.flow import Flow, carry_window, flow_between
from videoseg.types import WHOLE, Alpha, Box, Frame, Mask, RgbImage, Scene, StreamInfo

Map: TypeAlias = npt.NDArray[np.float32]
"""float32 (h, w)."""

EDGE_BLUR = 1.0
"""Standard deviation, pixels, by which distances are blurred, so that edges have no stairs."""
SAME_COLOUR = 12.0
"""Difference of a pixel to where it was, levels of 255, at which its earlier matte counts less."""
FEATHER_REACH = 3
"""Standard deviations after which a blur has no effect that 16 bits show."""
STILL = 0.5
"""Motion, pixels a frame, below which nothing is blurred."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """A part of a frame around an object.

    Attributes:
        box: Where it lies in the frame.
        image: float32 (h, w, 3), RGB, 0 to 1.
        distance: float32 (h, w), pixels to the mask's edge, above 0 inside.
    """

    box: Box
    image: npt.NDArray[np.float32]
    distance: Map

    @property
    def coverage(self) -> Map:
        """float32 (h, w): how much of each pixel the mask covers, its edge without stairs."""
        return np.asarray(np.clip(self.distance + np.float32(0.5), 0, 1), dtype=np.float32)


@dataclass(slots=True)
class _Memory:
    """What is kept of a stream's last frame."""

    image: RgbImage
    shot: int
    alphas: dict[int, Alpha]


@dataclass
class Engine(abc.ABC):
    """Gives the objects of each frame soft edges (``protocols.Matter``).

    An engine says what is true of one frame, in ``alpha``; steadiness over time and what an artist
    sets about edges is the same for all.
    """

    softness: Annotated[
        float, Ge(0), Le(100), Doc("half width of the band in which an edge is soft, pixels from 0")
    ] = 3.0
    expand: Annotated[
        float, Ge(-50), Le(50), Doc("grow mattes by this, or shrink them if below 0, pixels")
    ] = 0.0
    feather: Annotated[
        float, Ge(0), Le(100), Doc("blur mattes by this standard deviation, pixels from 0")
    ] = 0.0
    shutter: Annotated[
        float,
        Ge(0),
        Le(1),
        Doc("share of a frame's time over which edges are blurred along their motion; 0 = not"),
    ] = 0.0
    steadiness: Annotated[
        float,
        Ge(0),
        Lt(1),
        Doc("how much the matte of the frame before counts where nothing changed, 0..1"),
    ] = 0.5
    _streams: dict[str, _Memory] = field(init=False, repr=False, default_factory=dict)

    @abc.abstractmethod
    def alpha(self, window: Window) -> Map:
        """How much of each pixel the object covers, float32 (h, w), 0 to 1.

        Only values in the band count: where ``abs(window.distance) < self.softness``.
        """

    def start(self, streams: Mapping[str, StreamInfo]) -> None:  # noqa: ARG002 - as the interface
        """Forget all frames."""
        self._streams.clear()

    def mattes(self, scene: Scene, frame: Frame) -> Sequence[Alpha]:
        """A matte for each instance of a Scene, in its order."""
        before = self._streams.get(scene.stream)
        if before is not None and before.shot != scene.shot:
            before = None
        wants_flow = self.shutter > 0 or (self.steadiness > 0 and self.softness > 0)
        flow = None
        if before is not None and wants_flow and scene.instances:
            flow = flow_between(before.image, frame.image)
        steadied: dict[int, Alpha] = {}
        finished: list[Alpha] = []
        for tracked in scene.instances:
            mask = tracked.instance.mask
            past = before.alphas.get(tracked.track_id) if before else None
            alpha = self._soft(mask, frame.image)
            if past is not None and before is not None and flow is not None:
                alpha = self._steadied(alpha, past, flow, before.image, frame.image)
            steadied[tracked.track_id] = alpha
            finished.append(self._finished(alpha, mask, flow))
        self._streams[scene.stream] = _Memory(frame.image, scene.shot, steadied)
        return finished

    def _soft(self, mask: Mask, image: RgbImage) -> Alpha:
        """A matte by this frame alone."""
        if self.softness == 0:
            return hard_alpha(mask)
        window = window_of(mask, image, math.ceil(self.softness) + 2)
        inner = np.abs(window.distance) < self.softness
        values = np.where(inner, self.alpha(window), window.distance > 0)
        return _alpha(values, window.box, mask.frame_width, mask.frame_height)

    def _steadied(
        self, alpha: Alpha, past: Alpha, flow: Flow, was: RgbImage, image: RgbImage
    ) -> Alpha:
        """A matte with that of the frame before, where the picture has not changed."""
        if self.steadiness == 0 or alpha.values.size == 0:
            return alpha
        values = _floats(alpha.values)
        soft = (values > 0) & (values < 1)
        x1, y1, x2, y2 = box = alpha.crop
        source = _floats(past.values)
        carried = carry_window(source, (past.x, past.y), flow, box, outside=0.0)[soft]
        colours = carry_window(was.astype(np.float32), (0, 0), flow, box, outside=0.0)[soft]
        changed = np.abs(image[y1:y2, x1:x2][soft] - colours).max(axis=1, initial=0)
        share = self.steadiness * np.exp(-np.square(changed / SAME_COLOUR))
        # Far from what it was, it is another edge, not an unsteady one.
        share *= 1 - np.abs(values[soft] - carried)
        values[soft] += share * (carried - values[soft])
        return _alpha(values, box, alpha.frame_width, alpha.frame_height)

    def _finished(self, alpha: Alpha, mask: Mask, flow: Flow | None) -> Alpha:
        """A matte as the artist wants it."""
        motion = _motion_of(mask, flow) if self.shutter > 0 else (0.0, 0.0)
        blur = tuple(self.shutter * each for each in motion)
        moves = math.hypot(*blur) > STILL
        if not self.expand and not self.feather and not moves:
            return alpha
        reach = max(0.0, self.expand) + FEATHER_REACH * self.feather + math.hypot(*blur)
        box = masks.padded(alpha.crop, math.ceil(reach) + 1, alpha.frame_width, alpha.frame_height)
        values = _floats(masks.placed(alpha.values, alpha.crop, box))
        if self.expand:
            values = expanded(values, self.expand)
        if moves:
            values = motion_blurred(values, *blur)
        if self.feather:
            values = feathered(values, self.feather)
        return _alpha(values, box, alpha.frame_width, alpha.frame_height)


def window_of(mask: Mask, image: RgbImage, margin: int) -> Window:
    """The part of a frame around a mask, with so many pixels beside its box."""
    box = masks.padded(masks.bounding_box(mask), margin, mask.frame_width, mask.frame_height)
    x1, y1, x2, y2 = box
    pixels = image[y1:y2, x1:x2].astype(np.float32) / np.float32(255)
    inside = masks.placed(mask.bitmap, mask.crop, box)
    return Window(box, pixels, signed_distance(inside))


def signed_distance(inside: npt.NDArray[np.bool_]) -> Map:
    """Pixels to the edge, above 0 inside, with corners of single pixels rounded; float32 (h, w).

    The edge of the window is none: what touches it goes on behind it.
    """
    import cv2

    found = inside.astype(np.uint8)
    if found.all() or not found.any():
        return np.where(inside, np.float32(np.inf), np.float32(-np.inf)).astype(np.float32)
    within = cv2.distanceTransform(found, cv2.DIST_L2, cv2.DIST_MASK_5)
    without = cv2.distanceTransform(1 - found, cv2.DIST_L2, cv2.DIST_MASK_5)
    half = np.float32(0.5)
    distance = np.where(inside, within - half, half - without).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(distance, (0, 0), EDGE_BLUR), dtype=np.float32)


def _alpha(values: npt.NDArray[np.floating], box: Box, width: int, height: int) -> Alpha:
    levels = np.rint(np.clip(values, 0, 1) * WHOLE).astype(np.uint16)
    return Alpha(box[0], box[1], width, height, levels)


def _motion_of(mask: Mask, flow: Flow | None) -> tuple[float, float]:
    """How far an object has moved since the frame before, x and y, pixels."""
    if flow is None:
        return 0.0, 0.0
    x1, y1, x2, y2 = mask.crop
    rows = np.clip((np.arange(y1, y2) / flow.scale_y).astype(int), 0, flow.backward.shape[0] - 1)
    columns = np.clip((np.arange(x1, x2) / flow.scale_x).astype(int), 0, flow.backward.shape[1] - 1)
    moves = flow.backward[np.ix_(rows, columns)][mask.bitmap]
    x, y = np.median(moves, axis=0)
    return float(-x * flow.scale_x), float(-y * flow.scale_y)


def _floats(values: npt.NDArray[np.uint16]) -> Map:
    """Values from 0 to 1."""
    return np.asarray(values, dtype=np.float32) / np.float32(WHOLE)
