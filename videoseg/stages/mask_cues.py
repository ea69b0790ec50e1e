"""Follows objects with a model that has no memory: the last mask, moved, is the next question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from videoseg.geometry import masks
from videoseg.motion.flow import carry_mask, flow_between
from videoseg.protocols import Segmenter
from videoseg.stages.checked_answers import sound
from videoseg.types import Cue, Detections, Frame, Mask, Prompt
from videoseg.types.snapshot import Snapshot, joined, parted

MARKED = 0
"""``object_id`` of the one object that a prompt's cues mean."""


@dataclass(slots=True)
class MaskCues:
    """A ``VideoSegmenter`` around any model that takes masks.

    Attributes:
        segmenter: The model; prepared by the caller.
    """

    segmenter: Segmenter
    _prompts: Sequence[Prompt] = ()
    _last: Frame | None = None
    _masks: dict[int, Mask] = field(default_factory=dict)

    def start(self, prompts: Sequence[Prompt]) -> None:
        """Forget everything and begin a stream."""
        self._prompts = prompts
        self.finish()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        """Take the given objects as they are, and find the others on this frame."""
        given = detections.instances if detections is not None else ()
        known = {instance.prompt for instance in given}
        asked: dict[int, Prompt] = {}
        if self._last is not None and self._masks.keys() - known:
            flow = flow_between(self._last.image, frame.image)
            for index in sorted(self._masks.keys() - known):
                moved = carry_mask(self._masks[index], flow)
                if moved is not None:
                    cue = Cue(mask=moved)
                    asked[index] = replace(self._prompts[index], cues=(cue,), max_instances=1)
        found = ask(self.segmenter, frame, asked, len(self._prompts)).instances
        instances = given + tuple(replace(one, object_id=MARKED) for one in found)
        self._masks = {instance.prompt: instance.mask for instance in instances}
        self._last = frame
        return Detections(frame.stream, frame.index, instances)

    def adopt(self, prompt: int, mask: Mask, last: Frame) -> None:
        """Follow an object from its mask on the last frame."""
        self._masks[prompt] = mask
        self._last = last

    def drop(self, prompt: int) -> None:
        """Follow an object no more."""
        self._masks.pop(prompt, None)

    def reset(self) -> None:
        """A cut: where the objects were says nothing any more."""
        self._masks = {}

    def finish(self) -> None:
        """Forget everything."""
        self._masks = {}
        self._last = None

    def snapshot(self) -> Snapshot:
        """The masks of the last frame."""
        found = self._masks.items()
        return joined({str(index): masks.to_arrays(mask) for index, mask in found})

    def restore(self, state: Snapshot, last: Frame) -> None:
        """Remember what ``snapshot`` gave after the step with frame ``last``."""
        parts = parted(state).items()
        self._masks = {int(name): masks.from_arrays(part) for name, part in parts}
        self._last = last


def ask(segmenter: Segmenter, frame: Frame, asked: dict[int, Prompt], count: int) -> Detections:
    """Ask some of the run's ``count`` prompts on one frame; the answer indexes all of them.

    Raises:
        ModelError: The model did not answer that frame.
    """
    if not asked:
        return Detections(frame.stream, frame.index)
    given = ((frame,), (tuple(asked.values()),))
    (answer,) = sound(segmenter, *given, segmenter.segment(*given))
    index_of = tuple(asked)
    instances = tuple(replace(one, prompt=index_of[one.prompt]) for one in answer.instances)
    presence: tuple[float | None, ...] = ()
    if answer.presence:
        known = dict(zip(index_of, answer.presence, strict=True))
        presence = tuple(known.get(index) for index in range(count))
    return Detections(frame.stream, frame.index, instances, presence)
