"""Which detection is which track: mask overlap under predicted motion, assigned optimally.

Detections are matched in stages, the surest first, as in ByteTrack (Zhang et al., "ByteTrack:
Multi-Object Tracking by Associating Every Detection Box", ECCV 2022), with the overlap of masks in
place of boxes. What is left after that is compared by enlarged boxes (C-BIoU: Yang et al., "Hard to
Track Objects with Irregular Motions and Similar Appearances?", WACV 2023), for objects that move
further than their own size between two frames. Only detections of the same prompt are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry import masks
from videoseg.motion import Flow
from videoseg.types import Box, Instance, Mask

Pair: TypeAlias = "tuple[Track, Instance]"

MIN_IOU = 0.2
"""Least overlap of a predicted and a found mask that are the same object."""
BUFFER = 0.5
"""Each side of a box is moved out by this share of its size before boxes are compared."""
MIN_BUFFERED_IOU = 0.3
"""Least overlap of two enlarged boxes that are the same object."""
MAX_GROWTH = 2.0
"""An object's area changes by no more than this factor where only enlarged boxes overlap."""


@dataclass(slots=True, eq=False)
class Track:
    """One object over time, before and after it is trusted.

    Attributes:
        prompt: The prompt it answers.
        object_id: The identity that the model gave, or None.
        mask: As last seen.
        seen: When it was last seen, seconds.
        confirmed: Whether it is an object rather than a flicker.
        dropped: Whether it was found to be a flicker.
        sightings: Frames it was seen on.
        misses: Asked frames since its first sighting on which it was not seen.
        missed_since: Time of the first asked frame without it since it was last seen, or None.
        offset: How far it has moved since it was last seen, x and y, pixels.
        velocity: Of its box's centre, x and y, pixels per second.
        track_id: Given when it first appears in a Scene.
    """

    prompt: int
    object_id: int | None
    mask: Mask
    seen: Fraction
    confirmed: bool = False
    dropped: bool = False
    sightings: int = 1
    misses: int = 0
    missed_since: Fraction | None = None
    offset: tuple[float, float] = (0.0, 0.0)
    velocity: tuple[float, float] = (0.0, 0.0)
    track_id: int | None = None
    _moved: Mask | None = field(init=False, repr=False, default=None)
    _centre: tuple[float, float] = field(init=False, repr=False, default=(0.0, 0.0))

    def __post_init__(self) -> None:
        self._moved = self.mask
        self._centre = _centre(self.mask)

    @property
    def predicted(self) -> Mask | None:
        """Its mask where it is expected on the present frame; None outside the frame."""
        return self._moved

    def advance(self, flow: Flow | None, seconds: float) -> None:
        """Move the expectation to the next frame, ``seconds`` later.

        An object in view goes with the flow; one that is hidden goes on as it went before, because
        the flow there is that of whatever hides it.
        """
        step = None
        if flow is not None and self.missed_since is None and self._moved is not None:
            step = typical_motion(self._moved, flow)
        if step is None:
            step = (self.velocity[0] * seconds, self.velocity[1] * seconds)
        self.offset = (self.offset[0] + step[0], self.offset[1] + step[1])
        self._moved = shifted(self.mask, round(self.offset[0]), round(self.offset[1]))

    def see(self, mask: Mask, seconds: Fraction) -> None:
        """Take a sighting."""
        centre = _centre(mask)
        elapsed = float(seconds - self.seen)
        if elapsed > 0:
            now = ((centre[0] - self._centre[0]) / elapsed, (centre[1] - self._centre[1]) / elapsed)
            old = self.velocity if self.sightings > 1 else now
            self.velocity = ((old[0] + now[0]) / 2, (old[1] + now[1]) / 2)
        self.mask = self._moved = mask
        self._centre = centre
        self.seen = seconds
        self.sightings += 1
        self.missed_since = None
        self.offset = (0.0, 0.0)

    def miss(self, seconds: Fraction) -> None:
        """Take note that the model was asked and did not see it."""
        self.misses += 1
        if self.missed_since is None:
            self.missed_since = seconds


def shifted(mask: Mask, dx: int, dy: int) -> Mask | None:
    """A mask moved by whole pixels and cut at the frame's border; None where nothing is left."""
    if dx == 0 and dy == 0:
        return mask
    x1, y1, x2, y2 = mask.crop
    frame = (0, 0, mask.frame_width, mask.frame_height)
    inside = masks.overlap((x1 + dx, y1 + dy, x2 + dx, y2 + dy), frame)
    if inside is None:
        return None
    left, top, right, bottom = inside
    bitmap = masks.window(mask, (left - dx, top - dy, right - dx, bottom - dy))
    if not bitmap.any():
        return None
    return Mask(left, top, mask.frame_width, mask.frame_height, bitmap)


def typical_motion(mask: Mask, flow: Flow) -> tuple[float, float] | None:
    """Median motion from the previous frame to this one inside a mask of the previous frame.

    The flow says where a pixel of *this* frame came from, so it has to be read where the object is
    now; two rounds find that place for motion up to about the object's size.

    Returns:
        x and y in frame pixels, or None where the mask has left the frame.
    """
    height, width = flow.backward.shape[:2]
    step_x, step_y = max(1, round(flow.scale_x)), max(1, round(flow.scale_y))
    rows, columns = np.nonzero(mask.bitmap[::step_y, ::step_x])
    if not len(rows):
        rows, columns = (found[:1] for found in np.nonzero(mask.bitmap))
        step_x = step_y = 1
    stride = max(1, len(rows) // _SAMPLES)
    x = (mask.x + columns[::stride] * step_x) / flow.scale_x
    y = (mask.y + rows[::stride] * step_y) / flow.scale_y
    motion = np.zeros(2)
    for _ in range(2):
        column, row = (x + motion[0]).astype(np.intp), (y + motion[1]).astype(np.intp)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        if not inside.any():
            return None
        vectors = flow.backward[row[inside], column[inside]]
        middle = len(vectors) // 2
        motion = -np.partition(vectors, middle, axis=0)[middle]
    return float(motion[0] * flow.scale_x), float(motion[1] * flow.scale_y)


def associate(
    tracks: Sequence[Track], instances: Sequence[Instance], *, confident: float
) -> tuple[list[Pair], list[Instance]]:
    """Match detections to tracks that carry no identity of the model's own.

    Args:
        tracks: Confirmed and unconfirmed ones, moved to the present frame.
        instances: Those of the present frame.
        confident: Detections below this score may go on a track in view, and nothing else.

    Returns:
        The matched pairs, and the confident detections that belong to no track yet.
    """
    strong = [instance for instance in instances if instance.score >= confident]
    weak = [instance for instance in instances if instance.score < confident]
    trusted = [track for track in tracks if track.confirmed]
    in_view = [track for track in tracks if track.missed_since is None]
    pairs: list[Pair] = []
    pairs += _stage(trusted, strong, pairs, _mask_iou, MIN_IOU)
    pairs += _stage(tracks, strong, pairs, _mask_iou, MIN_IOU)
    pairs += _stage(in_view, weak, pairs, _mask_iou, MIN_IOU)
    pairs += _stage(tracks, strong, pairs, _buffered_iou, MIN_BUFFERED_IOU)
    matched = {id(instance) for _, instance in pairs}
    return pairs, [instance for instance in strong if id(instance) not in matched]


_SAMPLES = 200
"""Flow vectors that are looked at for one object."""


def _stage(
    tracks: Iterable[Track],
    instances: Iterable[Instance],
    taken: Sequence[Pair],
    likeness: Callable[[Track, Instance], float],
    least: float,
) -> list[Pair]:
    """Pairs of what is not yet taken, of the greatest summed likeness."""
    from scipy.optimize import linear_sum_assignment

    used = {id(member) for pair in taken for member in pair}
    rows = [track for track in tracks if id(track) not in used]
    columns = [instance for instance in instances if id(instance) not in used]
    if not rows or not columns:
        return []
    table: npt.NDArray[np.float64] = np.zeros((len(rows), len(columns)))
    for i, track in enumerate(rows):
        for j, instance in enumerate(columns):
            if track.prompt == instance.prompt:
                value = likeness(track, instance)
                table[i, j] = value if value >= least else 0.0
    found = zip(*linear_sum_assignment(table, maximize=True), strict=True)
    return [(rows[i], columns[j]) for i, j in found if table[i, j] > 0]


def _mask_iou(track: Track, instance: Instance) -> float:
    predicted = track.predicted
    return 0.0 if predicted is None else masks.iou(predicted, instance.mask)


def _buffered_iou(track: Track, instance: Instance) -> float:
    predicted = track.predicted
    if predicted is None:
        return 0.0
    a, b = _buffered(predicted.crop), _buffered(instance.mask.crop)
    both = masks.overlap(a, b)
    if both is None:
        return 0.0
    sizes = sorted((masks.area(predicted), masks.area(instance.mask)))
    if sizes[1] > MAX_GROWTH * sizes[0]:
        return 0.0
    common = _box_area(both)
    return common / (_box_area(a) + _box_area(b) - common)


def _buffered(box: Box) -> Box:
    wide, high = round(BUFFER * (box[2] - box[0])), round(BUFFER * (box[3] - box[1]))
    return (box[0] - wide, box[1] - high, box[2] + wide, box[3] + high)


def _box_area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _centre(mask: Mask) -> tuple[float, float]:
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return (x1 + x2) / 2, (y1 + y2) / 2
