"""What a tracker and the vectorizer make of the answers, ready to be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, TypeAlias

import numpy as np

from videoseg.errors import missing_package
from videoseg.types.alpha import Alpha
from videoseg.types.detections import Instance
from videoseg.types.media import Recorded
from videoseg.types.shapes import Shape

TrackState: TypeAlias = Literal["matched", "interpolated", "held"]
"""Where an object on a Scene comes from: the model, the frames beside it, or the one before."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedInstance:
    """An instance with an identity and the outline that is drawn.

    Attributes:
        track_id: From 1, never reused in a run.
        instance: What the model found, with the mask that ``shape`` outlines: the model's own, or
            the smoothed one. The run log keeps the model's in its Detections.
        shape: The outline to draw, after smoothing; a tracker leaves it empty, the vectorizer makes
            it.
        label: The prompt's label.
        state: ``matched`` (seen), ``interpolated`` (between two sightings) or ``held`` (no
            evidence on this frame; not written unless asked).
        alpha: Its soft edge, where an output that is written asks for it; not kept in the log.
        hidden: Whether the user has hidden it: it is drawn nowhere; not kept in the log.
    """

    track_id: int
    instance: Instance
    shape: Shape
    label: str
    state: TrackState = "matched"
    alpha: Alpha | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        if self.track_id < 1:
            raise ValueError(f"track ids count from 1, got {self.track_id = }")


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """All tracked objects of one frame, ready to be written.

    Attributes:
        stream: Name of the frame's stream.
        index: The frame's index.
        pts: The frame's time in units of ``time_base``.
        time_base: Seconds per unit of ``pts``.
        duration: How long the frame is shown, in units of ``time_base``, or None.
        shot: Counts shots from 0; a cut starts the next.
        instances: In ascending ``track_id``.
        name: As in the ``Frame``.
        recorded: As in the ``Frame``.
    """

    stream: str
    index: int
    pts: int
    time_base: Fraction
    duration: int | None = None
    shot: int = 0
    instances: tuple[TrackedInstance, ...] = ()
    name: str | None = None
    recorded: Recorded | None = None

    @property
    def seconds(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base

    def without_hidden(self) -> Scene:
        """The same without what the user has hidden; itself where nothing is."""
        if not any(tracked.hidden for tracked in self.instances):
            return self
        return replace(self, instances=tuple(each for each in self.instances if not each.hidden))

    def to_supervision(self) -> Any:
        """The objects as ``supervision.Detections``, of the package supervision.

        Boxes are tight, masks bool (N, H, W) of the whole frame; ``tracker_id`` is the track,
        ``class_id`` the index of the prompt, ``data["class_name"]`` the label.

        Raises:
            MissingDependencyError: supervision is not installed.
        """
        try:
            from supervision import Detections as Supervised
        except ImportError as error:
            raise missing_package("to_supervision()", "supervision") from error
        found = [tracked.instance for tracked in self.instances]
        masks = [one.mask.to_array() for one in found]
        return Supervised(
            xyxy=np.array([one.mask.box for one in found], np.float32).reshape(-1, 4),
            mask=np.stack(masks) if masks else None,
            confidence=np.array([one.score for one in found], np.float32),
            class_id=np.array([one.prompt for one in found], np.int64),
            tracker_id=np.array([tracked.track_id for tracked in self.instances], np.int64),
            data={"class_name": np.array([tracked.label for tracked in self.instances], str)},
        )
