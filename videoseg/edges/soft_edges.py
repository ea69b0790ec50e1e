"""Soft edges: a band around a mask's edge, steady in time, grown, feathered and blurred at will."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le, Lt
from typing_extensions import Doc

from videoseg.edges.finish import expanded, feathered, motion_blurred
from videoseg.geometry import masks
from videoseg.geometry.alphas import hard_alpha
from videoseg.geometry.arrays import FloatMap
from videoseg.motion.flow import Flow, carry_window, flow_between
from videoseg.protocols import Matter
from videoseg.system.workers import Workers, usual_threads
from videoseg.types import (
    WHOLE,
    Alpha,
    Box,
    EdgeWindow,
    Frame,
    Mask,
    RgbImage,
    Scene,
    TrackedInstance,
)

HARD = "none"
"""In place of an engine's name: edges stay as hard as the masks."""
MARGIN = 2.0
"""Bands that a window reaches beyond a mask: its soft edge, and as much of what is behind it."""
EDGE_BLUR = 1.0
"""Standard deviation, pixels, by which distances are blurred, so that edges have no stairs."""
SAME_COLOUR = 12.0
"""Difference of a pixel to where it was, levels of 255, at which its earlier matte counts less."""
FEATHER_REACH = 4
"""Standard deviations after which OpenCV's blur ends."""
STILL = 0.5
"""Length of a blur along a motion, pixels, up to which there is none."""


@dataclass(slots=True)
class _Memory:
    """What is kept of a stream's last frame."""

    index: int
    image: RgbImage
    shot: int
    alphas: Mapping[int, Alpha]


@dataclass(frozen=True, slots=True)
class _Change:
    """From a stream's last frame to this one.

    Attributes:
        frames: How many frames of the source that is; the run may leave some out.
        flow: How the picture moves.
        colours: float32 (H, W, 3) of the last frame, levels of 255.
        alphas: Mattes of the last frame by track, not yet grown or blurred.
    """

    frames: int
    flow: Flow
    colours: npt.NDArray[np.float32]
    alphas: Mapping[int, Alpha]


@dataclass(frozen=True)
class EdgeSettings:
    """How mattes become soft: the table ``[edges]``."""

    engine: Annotated[
        str, Doc("what finds soft edges: guided, closed-form, another matting engine, or none")
    ] = "guided"
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

    @property
    def changes_masks(self) -> bool:
        """Whether mattes by these settings are other than the masks."""
        soft = self.engine != HARD and self.softness > 0
        return bool(soft or self.expand or self.feather or self.shutter)


@dataclass(slots=True)
class SoftEdges:
    """The step before the writers of mattes: objects get a matte each.

    An engine says what is true of one frame; steadiness over time and what an artist sets about
    edges is the same for all engines.

    Objects are independent of each other, and each is done in one thread.

    Attributes:
        settings: What is set.
        engine: What finds soft edges; None for hard ones.
        threads: How many at once; 0 = as many as there are cores.
    """

    settings: EdgeSettings
    engine: Matter | None
    threads: int = 0
    _streams: dict[str, _Memory] = field(init=False, repr=False, default_factory=dict)
    _workers: Workers | None = field(init=False, repr=False, default=None)

    def start(self) -> None:
        """Forget all frames: a run begins, and a job may have several, a trial among them."""
        self._streams.clear()

    def softened(self, scene: Scene, frame: Frame) -> Scene:
        """A Scene with a matte for each of its instances."""
        mattes = zip(scene.instances, self.mattes(scene, frame), strict=True)
        found = tuple(replace(tracked, alpha=alpha) for tracked, alpha in mattes)
        return replace(scene, instances=found)

    def mattes(self, scene: Scene, frame: Frame) -> Sequence[Alpha]:
        """A matte for each instance of a Scene, in its order."""
        change = self._change(scene, frame) if scene.instances else None
        found: dict[int, tuple[Alpha, Alpha]] = {}

        def make(place: int, tracked: TrackedInstance) -> None:
            found[place] = self._matte(tracked, frame.image, change)

        if self._workers is None:
            self._workers = Workers(self.threads or usual_threads(), "edges")
        for place, tracked in enumerate(scene.instances):
            self._workers.submit(partial(make, place, tracked))
        self._workers.wait()
        steady = {each.track_id: found[n][0] for n, each in enumerate(scene.instances)}
        self._streams[scene.stream] = _Memory(scene.index, frame.image, scene.shot, steady)
        return [found[place][1] for place in range(len(found))]

    def close(self) -> None:
        """End the threads. A second call does nothing."""
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.close()

    def _change(self, scene: Scene, frame: Frame) -> _Change | None:
        """What has changed since the last frame; None where that is not known or not needed."""
        before = self._streams.get(scene.stream)
        is_soft = self.engine is not None and self.settings.softness > 0
        wants_flow = self.settings.shutter > 0 or (is_soft and self.settings.steadiness > 0)
        if before is None or before.shot != scene.shot or not wants_flow:
            return None
        flow = flow_between(before.image, frame.image)
        passed = scene.index - before.index
        return _Change(passed, flow, before.image.astype(np.float32), before.alphas)

    def _matte(
        self, tracked: TrackedInstance, image: RgbImage, change: _Change | None
    ) -> tuple[Alpha, Alpha]:
        """The steady matte of an object, for the next frame, and the finished one."""
        mask = tracked.instance.mask
        alpha = self._soft(mask, image)
        past = change.alphas.get(tracked.track_id) if change is not None else None
        if change is not None and past is not None:
            alpha = self._smoothed(alpha, past, change, image)
        return alpha, self._finished(alpha, mask, change)

    def _soft(self, mask: Mask, image: RgbImage) -> Alpha:
        """A matte by this frame alone."""
        if self.engine is None or self.settings.softness == 0:
            return hard_alpha(mask)
        window = window_of(mask, image, self.settings.softness)
        inner = np.abs(window.distance) < self.settings.softness
        values = np.where(inner, self.engine.alpha(window), window.distance > 0)
        return _alpha(values, window.box, mask.frame_width, mask.frame_height)

    def _smoothed(self, alpha: Alpha, past: Alpha, change: _Change, image: RgbImage) -> Alpha:
        """A matte with that of the frame before, where the picture has not changed."""
        if self.settings.steadiness == 0 or alpha.values.size == 0:
            return alpha
        values = _floats(alpha.values)
        soft = (values > 0) & (values < 1)
        x1, y1, x2, y2 = box = alpha.crop
        source = _floats(past.values)
        carried = carry_window(source, (past.x, past.y), change.flow, box, outside=0.0)[soft]
        colours = carry_window(change.colours, (0, 0), change.flow, box, outside=0.0)[soft]
        changed = np.abs(image[y1:y2, x1:x2][soft] - colours).max(axis=1, initial=0)
        share = self.settings.steadiness * np.exp(-np.square(changed / SAME_COLOUR))
        # Far from what it was, it is another edge, not an unsteady one.
        share *= 1 - np.abs(values[soft] - carried)
        values[soft] += share * (carried - values[soft])
        return _alpha(values, box, alpha.frame_width, alpha.frame_height)

    def _finished(self, alpha: Alpha, mask: Mask, change: _Change | None) -> Alpha:
        """A matte as the artist wants it."""
        settings = self.settings
        motion = _motion_of(mask, change) if settings.shutter > 0 else (0.0, 0.0)
        blur = tuple(settings.shutter * each for each in motion)
        moves = math.hypot(*blur) > STILL
        if not settings.expand and not settings.feather and not moves:
            return alpha
        reach = max(0.0, settings.expand) + FEATHER_REACH * settings.feather + math.hypot(*blur)
        box = masks.padded(alpha.crop, math.ceil(reach) + 1, alpha.frame_width, alpha.frame_height)
        values = _floats(masks.placed(alpha.values, alpha.crop, box))
        if settings.expand:
            values = expanded(values, settings.expand)
        if moves:
            values = motion_blurred(values, *blur)
        if settings.feather:
            values = feathered(values, settings.feather)
        return _alpha(values, box, alpha.frame_width, alpha.frame_height)


def window_of(mask: Mask, image: RgbImage, softness: float) -> EdgeWindow:
    """The part of a frame that a mask's soft edge is found from, and a margin beside it."""
    margin = math.ceil(MARGIN * softness) + 2
    box = masks.padded(masks.bounding_box(mask), margin, mask.frame_width, mask.frame_height)
    x1, y1, x2, y2 = box
    pixels = image[y1:y2, x1:x2].astype(np.float32) / np.float32(255)
    inside = masks.placed(mask.bitmap, mask.crop, box)
    return EdgeWindow(box, pixels, signed_distance(inside), softness)


def signed_distance(inside: npt.NDArray[np.bool_]) -> FloatMap:
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


def _motion_of(mask: Mask, change: _Change | None) -> tuple[float, float]:
    """How far an object has moved within a frame's time, x and y, pixels."""
    if change is None:
        return 0.0, 0.0
    flow = change.flow
    x1, y1, x2, y2 = mask.crop
    rows = np.clip((np.arange(y1, y2) / flow.scale_y).astype(int), 0, flow.backward.shape[0] - 1)
    columns = np.clip((np.arange(x1, x2) / flow.scale_x).astype(int), 0, flow.backward.shape[1] - 1)
    moves = flow.backward[np.ix_(rows, columns)][mask.bitmap]
    x, y = np.median(moves, axis=0)
    return (
        float(-x * flow.scale_x / change.frames),
        float(-y * flow.scale_y / change.frames),
    )


def _floats(values: npt.NDArray[np.uint16]) -> FloatMap:
    """Values from 0 to 1."""
    return np.asarray(values, dtype=np.float32) / np.float32(WHOLE)
