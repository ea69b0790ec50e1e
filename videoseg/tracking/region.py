"""Keeps masks where objects may lie, whatever a tracker made of them in between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from videoseg.geometry.region import Bounds
from videoseg.protocols import Tracker
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo, TrackedInstance


@dataclass(frozen=True, slots=True)
class Confined:
    """A ``Tracker`` around another one. Smoothing and interpolation move edges over the bounds.

    Attributes:
        tracker: The other one.
        bounds: Where objects may lie.
    """

    tracker: Tracker
    bounds: Bounds

    def start(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> None:
        """Begin a run."""
        self.tracker.start(streams, prompts)

    def update(self, frame: Frame, detections: Detections | None) -> Iterable[Scene]:
        """Give the Scenes that are now certain, with nothing out of bounds."""
        return self._confined(self.tracker.update(frame, detections))

    def finish(self) -> Iterable[Scene]:
        """Give the Scenes still held back."""
        return self._confined(self.tracker.finish())

    def _confined(self, scenes: Iterable[Scene]) -> Iterator[Scene]:
        for scene in scenes:
            kept = (self._kept(item) for item in scene.instances)
            yield replace(scene, instances=tuple(item for item in kept if item is not None))

    def _kept(self, item: TrackedInstance) -> TrackedInstance | None:
        mask = self.bounds.clipped(item.instance.mask)
        if mask is item.instance.mask:
            return item
        if mask is None:
            return None
        return replace(item, instance=replace(item.instance, mask=mask, outline=None))
