"""The default tracker: mask overlap under motion, with births and gaps settled by looking ahead."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from videoseg.tracking.lookahead import LookaheadTracker, TrackMerges
from videoseg.tracking.settings import Settings
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo


@dataclass
class IouTracker(Settings):
    """Follows objects by the overlap of their masks, each stream for itself.

    A frame's Scene leaves as soon as nothing about it is open: an object seen for the first time is
    held back until it has been seen again (a flicker never appears and uses no id), and one that is
    missed until it is seen again or gone. Where nothing is open, Scenes leave at once. Scenes of
    one stream are in order; those of several streams come as each is ready.
    """

    _timelines: dict[str, LookaheadTracker] = field(init=False, repr=False, default_factory=dict)

    def start(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> None:
        """Forget everything and begin a run; track ids start at 1."""
        labels = tuple(prompt.label for prompt in prompts)
        ids = itertools.count(1)
        self._timelines = {
            stream: LookaheadTracker(self, labels, ids, self._plan(stream)) for stream in streams
        }

    def update(self, frame: Frame, detections: Detections | None) -> Iterable[Scene]:
        """Take one frame's answer; give the Scenes of its stream that are now certain."""
        return self._timelines[frame.stream].push(frame, detections)

    def _plan(self, stream: str) -> TrackMerges | None:  # noqa: ARG002 - for those that know one
        """What is known of a stream's tracks beforehand."""
        return None

    def finish(self) -> Iterable[Scene]:
        """Give the Scenes still held back, stream by stream."""
        return [scene for timeline in self._timelines.values() for scene in timeline.finish()]


PARTS = {"iou": IouTracker}
