"""Frames that wait for what is uncertain about them to settle."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from videoseg.motion import Flow, flow_between, inverse
from videoseg.tracking import fields, smooth
from videoseg.tracking.looks import Palette
from videoseg.tracking.tracks import Track
from videoseg.types import Detections, Frame, Instance, RgbImage, Scene

SMALL_SIDE = 320
"""Longest side of the images on which motion and cuts are looked for, pixels."""


@dataclass(slots=True, eq=False)
class Drawn:
    """A track as it is drawn on one Scene.

    Attributes:
        instance: With the mask that is drawn.
        past: What steadying goes on with, where it was steadied.
        misses: Asked frames in a row, up to this one, on which it was not seen, nor shown by the
            picture.
    """

    instance: Instance
    past: smooth.Past | None = None
    misses: int = 0


@dataclass(slots=True, eq=False)
class Held:
    """A frame whose Scene has not left yet.

    Attributes:
        scene: Its facts; shot and instances are still to come.
        small: The frame, small, to be compared with its neighbours.
        frame_width: Width of the whole frame, pixels.
        frame_height: Height of the whole frame, pixels.
        detections: What the model found, None where it was not asked.
        flow: Motion from the frame before, where there was something to follow.
        motion: The flow with how far it is to be believed, once it was asked for.
        back: The same from this frame to the one before.
        found: The seen tracks' masks, ready to be compared, once they were asked for.
        seen: The tracks that were seen on it.
        shown: Tracks that the model missed, but the picture shows where they are expected.
        filled: How tracks are drawn that were missed on it between two sightings.
    """

    scene: Scene
    small: RgbImage
    frame_width: int
    frame_height: int
    detections: Detections | None
    flow: Flow | None = None
    motion: fields.Motion | None = None
    back: fields.Motion | None = None
    found: dict[Track, smooth.Present] = field(default_factory=dict)
    seen: dict[Track, Instance] = field(default_factory=dict)
    shown: set[Track] = field(default_factory=set)
    filled: dict[Track, Drawn] = field(default_factory=dict)
    _palette: Palette | None = None

    @classmethod
    def of(cls, frame: Frame, detections: Detections | None) -> Held:
        """A frame as it comes in."""
        scene = Scene(frame.stream, frame.index, frame.pts, frame.time_base, frame.duration)
        return cls(scene, small_of(frame.image), frame.width, frame.height, detections)

    @property
    def seconds(self) -> Fraction:
        """Time of the frame."""
        return self.scene.seconds

    @property
    def asked(self) -> bool:
        """Whether the model was asked."""
        return self.detections is not None

    @property
    def palette(self) -> Palette:
        """What looks are taken from."""
        if self._palette is None:
            self._palette = Palette.of(self.small)
        return self._palette

    def forget_palette(self) -> None:
        """Let go what looks are taken from: it weighs more than the picture."""
        self._palette = None

    def present(self, track: Track) -> smooth.Present:
        """A seen track's mask, ready to be compared."""
        if track not in self.found:
            self.found[track] = smooth.Present.of(self.seen[track].mask)
        return self.found[track]

    def from_before(self, before: Held) -> fields.Motion | None:
        """How this frame came from the one before, worked out when it is first asked for."""
        if self.motion is None and self.flow is not None:
            self.motion = fields.motion_between(self.flow, before.small, self.small)
        return self.motion

    def to_before(self, before: Held) -> fields.Motion | None:
        """How the frame before, seen from there, came to be this one."""
        if self.back is None and self.flow is not None:
            self.back = fields.motion_between(inverse(self.flow), self.small, before.small)
        return self.back

    def misses(self, track: Track) -> bool:
        """Whether the model was asked, and neither it nor the picture shows the track."""
        return self.asked and track not in self.seen and track not in self.shown


def small_of(image: RgbImage) -> RgbImage:
    """A picture no longer than ``SMALL_SIDE``."""
    import cv2

    height, width = image.shape[:2]
    scale = SMALL_SIDE / max(height, width)
    if scale >= 1:
        return image
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    while width >= 4 * size[0] and height >= 4 * size[1]:
        # Averages of 2 x 2 pixels are by far the fastest.
        width, height = width // 2, height // 2
        even = image[: 2 * height, : 2 * width]
        halved = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
        image = np.asarray(halved, dtype=np.uint8)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def flow_of(before: Held, after: Held) -> Flow | None:
    """Motion between two frames; None where they cannot be compared."""
    if before.small.shape != after.small.shape:
        return None
    found = flow_between(before.small, after.small, long_side=SMALL_SIDE)
    return Flow(found.backward, after.frame_width, after.frame_height)
