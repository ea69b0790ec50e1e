"""What a frame and the one before it show of motion, looked at ahead of the tracker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import Flags, FloatMap
from videoseg.geometry.sizes import size_within
from videoseg.motion.distance_fields import BAND
from videoseg.motion.evidence import Motion, motion_between, slope_of
from videoseg.motion.flow import Flow, GreyImage, flow_of_greys
from videoseg.motion.patch_flow import flow_about
from videoseg.motion.patches import SIDE
from videoseg.types import Mask, RgbImage

SMALL_SIDE = 320
"""Longest side of the images on which appearance and shot cuts are judged, pixels."""
_PAIRS_AT_ONCE = 2
"""Pairs of frames whose motion is estimated at the same time; the tracker waits with no more."""
MOTION_SIDE = 320
"""Longest side of the images on which motion is estimated, pixels.

It is estimated at this size to the pixel. On DAVIS, 240 leaves a twentieth more of an outline's
jumps, and 160 a tenth.
"""


@dataclass(slots=True, eq=False)
class FramePyramid:
    """A frame, made small.

    Attributes:
        small: uint8 (h, w, 3), no longer than ``SMALL_SIDE``.
        grey: uint8 (h, w), no longer than ``MOTION_SIDE``.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        objects: What is known to be on it; None = nothing is known.
    """

    small: RgbImage
    grey: GreyImage
    frame_width: int
    frame_height: int
    objects: Sequence[Mask] | None = None
    _slope: FloatMap | None = field(init=False, repr=False, default=None)
    _edges: Flags | None = field(init=False, repr=False, default=None)

    @classmethod
    def of(cls, image: RgbImage, objects: Sequence[Mask] | None = None) -> FramePyramid:
        """Both of a frame."""
        import cv2

        height, width = image.shape[:2]
        while max(image.shape) >= 2 * MOTION_SIDE and min(image.shape[:2]) > 1:
            # Averages of 2 x 2 pixels are by far the fastest.
            rows, columns = image.shape[0] // 2, image.shape[1] // 2
            even = image[: 2 * rows, : 2 * columns]
            halved = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
            image = np.asarray(halved, dtype=np.uint8)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        sizes = (size_within(width, height, side) for side in (SMALL_SIDE, MOTION_SIDE))
        small, fine = (
            np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
            for each, size in zip((image, grey), sizes, strict=True)
        )
        return cls(small, fine, width, height, objects)

    @property
    def edges(self) -> Flags | None:
        """Where ``grey`` shows edges of objects, or what is near to them; None = not known."""
        if self._edges is None and self.objects is not None:
            self._edges = around_edges(self.objects, self.grey.shape)
        return self._edges

    @property
    def slope(self) -> FloatMap:
        """How steep the grey picture is."""
        if self._slope is None:
            self._slope = slope_of(self.grey)
        return self._slope


@dataclass(frozen=True, slots=True, eq=False)
class FramePairMotion:
    """From one frame to the next.

    Attributes:
        flow: How the later frame came from the earlier one.
        to_later: The same motion with how far it can be trusted; None where nobody asked for that.
        to_earlier: The opposite motion, from the later frame to the earlier one; None likewise.
    """

    flow: Flow
    to_later: Motion | None = None
    to_earlier: Motion | None = None

    @classmethod
    def between(
        cls, before: FramePyramid, after: FramePyramid, *, with_trust: bool
    ) -> FramePairMotion | None:
        """What is seen between two frames; None where they cannot be compared.

        Args:
            before: The earlier frame.
            after: The later one.
            with_trust: Whether to estimate how far the motion can be trusted, too.
        """
        flow = flow_to(after, before)
        if flow is None:
            return None
        if not with_trust:
            return cls(flow)
        near, greys = near_edges(before, after), (before.grey, after.grey)
        to_later = motion_between(flow, *greys, after.slope, near)
        to_earlier = motion_between(flow, *greys[::-1], before.slope, near, inverted=True)
        return cls(flow, to_later, to_earlier)


@dataclass(slots=True)
class MotionPrefetcher:
    """Estimates the motion between frames in threads of its own, ahead of the tracker.

    Attributes:
        with_trust: Whether to estimate how far the motion can be trusted, too.
    """

    with_trust: bool
    _threads: ThreadPoolExecutor | None = field(init=False, repr=False, default=None)
    _last: FramePyramid | None = field(init=False, repr=False, default=None)

    def prefetch(
        self, pyramid: FramePyramid, *, needed: bool
    ) -> Future[FramePairMotion | None] | None:
        """Begin to estimate the motion to this frame; None for the first, and where not needed."""
        last, self._last = self._last, pyramid
        if last is None or not needed:
            return None
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_PAIRS_AT_ONCE, thread_name_prefix="motion")
        return self._threads.submit(
            FramePairMotion.between, last, pyramid, with_trust=self.with_trust
        )

    def close(self) -> None:
        """The stream ends."""
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
            self._threads = None


def flow_to(after: FramePyramid, before: FramePyramid) -> Flow | None:
    """Motion that leads back from one frame to another; None where they cannot be compared.

    Where it is known what objects there are, it is found closely about their edges alone: it is
    those that are smoothed and carried along.
    """
    if before.grey.shape != after.grey.shape:
        return None
    near = near_edges(before, after)
    frame = {"frame_width": after.frame_width, "frame_height": after.frame_height}
    if near is None or min(after.grey.shape) < SIDE:
        return flow_of_greys(before.grey, after.grey, finest=0, **frame)
    return Flow(flow_about(before.grey, after.grey, near), **frame)


def near_edges(one: FramePyramid, other: FramePyramid) -> Flags | None:
    """Where either of two frames shows edges of objects; None where that is not known of both."""
    if one.edges is None or other.edges is None:
        return None
    return one.edges | other.edges


def around_edges(objects: Iterable[Mask], shape: tuple[int, ...]) -> Flags:
    """Where a small image of (h, w) pixels shows edges of objects, or what is near to them."""
    import cv2

    height, width = shape
    near = np.zeros((height, width), np.uint8)
    for mask in objects:
        scale_x, scale_y = mask.frame_width / width, mask.frame_height / height
        reach = int(np.ceil(BAND / min(scale_x, scale_y))) + _EDGE_MARGIN
        x1, y1, x2, y2 = mask.crop
        box = (int(x1 / scale_x), int(y1 / scale_y), int(x2 / scale_x) + 1, int(y2 / scale_y) + 1)
        left, top, right, bottom = masks.padded(box, reach, width, height)
        size = (right - left, bottom - top)
        # Each pixel of the small image sees the middle of what it shows.
        to_crop = np.array(
            [
                [scale_x, 0, (left + 0.5) * scale_x - 0.5 - mask.x],
                [0, scale_y, (top + 0.5) * scale_y - 0.5 - mask.y],
            ]
        )
        how = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        inside = cv2.warpAffine(mask.bitmap.view(np.uint8), to_crop, size, None, how)
        if not inside.any():  # thinner than a pixel of the small image
            inside[inside.shape[0] // 2, inside.shape[1] // 2] = 1
        around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        edge = cv2.morphologyEx(inside, cv2.MORPH_GRADIENT, around)
        near[top:bottom, left:right] |= np.asarray(edge, dtype=np.uint8)
    return near.view(np.bool_)


_EDGE_MARGIN = 2
"""Pixels of a small image beyond what is compared with an edge, where motion is refined, too."""
