"""Frames that wait for what is uncertain about them to settle."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from fractions import Fraction

from videoseg.motion.flow import Flow
from videoseg.motion.frame_pairs import FramePairMotion, FramePyramid, flow_to
from videoseg.tracking.appearance import BinnedImage
from videoseg.tracking.smoothing.blend import SmootherState
from videoseg.tracking.smoothing.observation import Observation
from videoseg.tracking.tracks import Track
from videoseg.types import Detections, Frame, Instance, Scene


@dataclass(slots=True, eq=False)
class SmoothedInstance:
    """A track as it is drawn on one Scene.

    Attributes:
        instance: With the mask that is drawn.
        state: What smoothing goes on with, where it was smoothed.
        misses: Asked frames in a row, up to this one, on which it was not seen, nor shown by the
            picture.
    """

    instance: Instance
    state: SmootherState | None = None
    misses: int = 0


@dataclass(slots=True, eq=False)
class PendingFrame:
    """A frame whose Scene has not left yet.

    Attributes:
        scene: Its facts; shot and instances are still to come.
        pyramid: The frame at small sizes, to be compared with its neighbours.
        detections: What the model found, None where it was not asked.
        seconds: Time of the frame.
        motion: What moved from the frame before, where that is being looked at already.
        step: The same, where there was something to follow.
        observations: The seen tracks' masks, ready to be compared, once they were asked for.
        seen: The tracks that were seen on it.
        shown: Tracks that the model missed, but the picture shows where they are expected.
        filled: How tracks are drawn that were missed on it between two sightings.
    """

    scene: Scene
    pyramid: FramePyramid
    detections: Detections | None
    seconds: Fraction
    motion: Future[FramePairMotion | None] | None = None
    step: FramePairMotion | None = None
    observations: dict[Track, Observation] = field(default_factory=dict)
    seen: dict[Track, Instance] = field(default_factory=dict)
    shown: set[Track] = field(default_factory=set)
    filled: dict[Track, SmoothedInstance] = field(default_factory=dict)
    _binned: BinnedImage | None = None
    _ahead: Flow | None = None

    @classmethod
    def of(cls, frame: Frame, detections: Detections | None) -> PendingFrame:
        """A frame as it comes in."""
        at = (frame.stream, frame.index, frame.pts, frame.time_base, frame.duration)
        scene = Scene(*at, name=frame.name, recorded=frame.recorded)
        objects = None if detections is None else [each.mask for each in detections.instances]
        return cls(scene, FramePyramid.of(frame.image, objects), detections, scene.seconds)

    @property
    def asked(self) -> bool:
        """Whether the model was asked."""
        return self.detections is not None

    @property
    def binned(self) -> BinnedImage:
        """The frame that appearances are taken from."""
        if self._binned is None:
            self._binned = BinnedImage.of(self.pyramid.small)
        return self._binned

    def forget_binned(self) -> None:
        """Let go of ``binned``: it takes more memory than the picture."""
        self._binned = None

    def observation(self, track: Track) -> Observation:
        """A seen track's mask, ready to be compared."""
        if track not in self.observations:
            self.observations[track] = Observation.of(self.seen[track].mask)
        return self.observations[track]

    @property
    def flow(self) -> Flow | None:
        """Motion from the frame before, where there was something to follow."""
        return None if self.step is None else self.step.flow

    def follows(self, before: PendingFrame, *, with_trust: bool) -> None:
        """There is something to follow from the frame before to this one."""
        if self.motion is None:
            self.step = FramePairMotion.between(before.pyramid, self.pyramid, with_trust=with_trust)
        else:
            self.step = self.motion.result()

    def flow_ahead(self, after: PendingFrame) -> Flow | None:
        """Motion to this frame from the one after it, seen from this one."""
        if self._ahead is None:
            self._ahead = flow_to(self.pyramid, after.pyramid)
        return self._ahead

    def misses(self, track: Track) -> bool:
        """Whether the model was asked, and neither it nor the picture shows the track."""
        return self.asked and track not in self.seen and track not in self.shown
