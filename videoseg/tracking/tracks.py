"""One object over time: where it was, where it is expected, and what it looks like."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from videoseg.geometry import masks
from videoseg.kernels.masks import mask_kernel
from videoseg.motion.flow import Camera, Flow
from videoseg.tracking.appearance import Appearance
from videoseg.types import Box, Instance, Mask

Vector: TypeAlias = tuple[float, float]
"""x and y, pixels."""

APPEARANCE_EMA = 0.1
"""Weight of each new sighting in the moving average of an object's appearance."""
VELOCITY_EMA = 0.5
"""Weight of the last step in the moving average of an object's velocity."""
COAST = 1.5
"""Pixels of own motion a frame from which an object is also expected where that leads."""


@dataclass(slots=True, eq=False)
class Candidate:
    """A detection with what it is compared by.

    Attributes:
        instance: What the model found.
        appearance: What it looks like.
        box: Tight box of its pixels.
        area: Its pixels.
        pure: Whether it is one object, and not cut out of several.
    """

    instance: Instance
    appearance: Appearance
    box: Box = field(init=False)
    area: int = field(init=False)
    pure: bool = True

    def __post_init__(self) -> None:
        self.box = masks.bounding_box(self.instance.mask)
        self.area = masks.area(self.instance.mask)


@dataclass(slots=True, eq=False)
class Track:
    """One object over time, before and after it is trusted.

    Attributes:
        prompt: The prompt it answers.
        object_id: The identity that the model gave, or None.
        mask: As last seen.
        appearance: What it looks like.
        area: Its usual size, pixels.
        born: When it was first seen, seconds.
        seen: When it was last seen, seconds.
        number: Counts the tracks of a stream, flickers too, in the order of their first sighting.
        confirmed: Whether it is an object rather than a flicker.
        dropped: Whether it was found to be a flicker.
        sightings: Frames it was seen on.
        misses: Asked frames since its first sighting on which it was not seen.
        missed_since: Time of the first asked frame without it since it was last seen, or None.
        hidden: Whether the picture did not show it, either, when it was last missed.
        offset: How far it is expected to have moved since it was last seen.
        velocity: Of its box's centre before the camera's ground, pixels per second.
        continues: The track of the same object that ended before it began, or None.
        track_id: Given when it first appears in a Scene.
    """

    prompt: int
    object_id: int | None
    mask: Mask
    appearance: Appearance
    area: float
    born: Fraction
    seen: Fraction
    number: int = 0
    confirmed: bool = False
    dropped: bool = False
    sightings: int = 1
    misses: int = 0
    missed_since: Fraction | None = None
    hidden: bool = False
    offset: Vector = (0.0, 0.0)
    velocity: Vector = (0.0, 0.0)
    continues: Track | None = None
    track_id: int | None = None
    _moved: Mask | None = field(init=False, repr=False, default=None)
    _coasting: Mask | None = field(init=False, repr=False, default=None)
    _centre: Vector = field(init=False, repr=False, default=(0.0, 0.0))
    _carried: Vector = field(init=False, repr=False, default=(0.0, 0.0))

    @classmethod
    def begun(cls, found: Candidate, seconds: Fraction, number: int) -> Track:
        """A track of one sighting."""
        instance = found.instance
        made = cls(
            instance.prompt,
            instance.object_id,
            instance.mask,
            found.appearance,
            found.area,
            seconds,
            seconds,
            number,
        )
        made._moved = instance.mask
        made._centre = _centre(instance.mask)
        return made

    @property
    def predicted(self) -> Mask | None:
        """Its mask where the picture's motion takes it; None outside the frame."""
        return self._moved

    @property
    def coasting(self) -> Mask | None:
        """Its mask where its own motion takes it, if that is somewhere else; else None."""
        return self._coasting

    @property
    def centre(self) -> Vector:
        """Where its centre is expected."""
        return (self._centre[0] + self.offset[0], self._centre[1] + self.offset[1])

    @property
    def in_view(self) -> bool:
        """Whether it was seen when the model was last asked."""
        return self.missed_since is None

    def advance(self, flow: Flow | None, camera: Camera, seconds: float) -> None:
        """Move the expectation to the next frame, ``seconds`` later.

        An object in view goes with the flow; one that is hidden goes on before the camera's ground
        as it went before, because the flow there is that of whatever hides it.

        Args:
            flow: From the frame before, or None where there is none.
            camera: How the ground moved meanwhile.
            seconds: Between the two frames.
        """
        ground = camera.moves(self.centre)
        self._carried = (self._carried[0] + ground[0], self._carried[1] + ground[1])
        own = (self.velocity[0] * seconds, self.velocity[1] * seconds)
        coast = (ground[0] + own[0], ground[1] + own[1])
        step = None
        if flow is not None and not self.hidden and self._moved is not None:
            step = typical_motion(self._moved, flow)
        step = step or coast
        ahead = (self.offset[0] + coast[0], self.offset[1] + coast[1])
        self.offset = (self.offset[0] + step[0], self.offset[1] + step[1])
        self._moved = shifted(self.mask, round(self.offset[0]), round(self.offset[1]))
        self._coasting = None
        if math.dist(ahead, self.offset) >= COAST:
            self._coasting = shifted(self.mask, round(ahead[0]), round(ahead[1]))

    def see(self, found: Candidate, seconds: Fraction) -> None:
        """Take a sighting."""
        mask = found.instance.mask
        centre = _centre(mask)
        elapsed = float(seconds - self.seen)
        if elapsed > 0:
            moved = [c - b - g for c, b, g in zip(centre, self._centre, self._carried, strict=True)]
            now = (moved[0] / elapsed, moved[1] / elapsed)
            old = self.velocity if self.sightings > 1 else now
            share = VELOCITY_EMA if found.pure else VELOCITY_EMA / 4
            self.velocity = (
                old[0] + share * (now[0] - old[0]),
                old[1] + share * (now[1] - old[1]),
            )
        if found.pure:
            share = max(APPEARANCE_EMA, 1 / (self.sightings + 1))
            self.appearance = self.appearance.blended(found.appearance, share)
            self.area += share * (found.area - self.area)
        self.mask = self._moved = mask
        self._coasting = None
        self._centre = centre
        self._carried = self.offset = (0.0, 0.0)
        self.seen = seconds
        self.sightings += 1
        self.missed_since = None
        self.hidden = False

    def miss(self, seconds: Fraction, *, hidden: bool) -> None:
        """Take note that the model missed it when asked, and so does the picture, if hidden."""
        self.misses += 1
        self.hidden = hidden
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


def typical_motion(mask: Mask, flow: Flow) -> Vector | None:
    """Median motion from the previous frame to this one inside a mask of the previous frame.

    The flow says where a pixel of *this* frame came from, so it has to be read where the object is
    now; two rounds find that place for motion up to about the object's size.

    Returns:
        x and y in frame pixels, or None where the mask has left the frame.
    """
    height, width = flow.backward.shape[:2]
    step_x, step_y = max(1, round(flow.scale_x)), max(1, round(flow.scale_y))
    kernel = mask_kernel()
    if kernel is not None:
        told, found = kernel.typical_motion(masks.crop_of(mask), flow.backward, (step_x, step_y))
        if told >= 0:
            return found if told else None
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


_SAMPLES = 200
"""Flow vectors that are looked at for one object."""


def _centre(mask: Mask) -> Vector:
    x1, y1, x2, y2 = masks.bounding_box(mask)
    return (x1 + x2) / 2, (y1 + y2) / 2
