"""Carries what was marked by hand on one frame through the frames after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from videoseg.geometry import masks
from videoseg.motion.flow import carry_mask, flow_between
from videoseg.motion.shot_cuts import CutDetector
from videoseg.protocols import Follows, Segmenter, VideoSegmenter
from videoseg.stages.backwards import Backwards, Earlier
from videoseg.stages.checked_answers import sound
from videoseg.types import Cue, Detections, Frame, Instance, Mask, Prompt
from videoseg.types.snapshot import Snapshot, joined, parted

MARKED = 0
"""``object_id`` of the one object that a prompt's cues mean."""


@dataclass(slots=True)
class Propagated:
    """A ``Stage``: a prompt's cues hold on the frame they were made on, and are carried from there.

    A cue is asked on its frame, or on the first that comes after it; later cues correct the same
    object, which keeps its ``object_id``. A mask alone is itself the answer on its frame: the model
    is not asked. A cue whose frame is None holds on every frame as given. Text alone is asked on
    every frame. Between cues an object is followed by the model's own
    memory, where it has one (``Follows``); else its last mask, moved along the optical flow, is
    asked as a mask cue. A cut ends a carried mask; a memory may find the object again.

    With ``backwards`` an object is also followed from its first cue back to the first frame, before
    that frame is answered.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked; ``Instance.prompt`` indexes them.
        backwards: How to come to frames before a cue; None = they stay empty.
    """

    segmenter: Segmenter
    prompts: Sequence[Prompt]
    backwards: Backwards | None = None
    _streams: dict[str, _Stream] = field(init=False, repr=False, default_factory=dict)

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model did not answer the frame it was asked about.
        """
        with ExitStack() as ends:
            ends.callback(self._end)
            earlier: Earlier | None = None
            for frame in frames:
                if earlier is None and self.backwards is not None:
                    alone = partial(Propagated, self.segmenter)
                    earlier = self.backwards.before(frame, self.prompts, alone)
                    ends.enter_context(earlier)
                answer = self._stream(frame.stream).step(frame)
                yield frame, answer if earlier is None else earlier.added_to(answer)

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        self._stream(frame.stream).recall(frame, detections)

    def snapshot(self) -> Snapshot:
        """What the memories of the objects hold."""
        streams = enumerate(self._streams.values())
        return joined({str(place): stream.follower.snapshot() for place, stream in streams})

    def restore(self, state: Snapshot) -> None:
        """Give the memories back what they held after the frame that was recalled last."""
        parts = parted(state)
        for place, stream in enumerate(self._streams.values()):
            if stream.last is not None:
                stream.follower.restore(parts.get(str(place), {}), stream.last)

    def _end(self) -> None:
        for stream in self._streams.values():
            stream.follower.finish()
        self._streams.clear()

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            self._streams[name] = _Stream(self.segmenter, tuple(self.prompts), self._follower())
        return self._streams[name]

    def _follower(self) -> VideoSegmenter:
        model = self.segmenter
        follower = model.video_segmenter() if isinstance(model, Follows) else None
        follower = follower or _MaskCues(model)
        follower.start(self.prompts)
        return follower


@dataclass(slots=True)
class _Stream:
    """The state of one stream."""

    segmenter: Segmenter
    prompts: tuple[Prompt, ...]
    follower: VideoSegmenter
    last: Frame | None = None
    seen: dict[int, Mask] = field(default_factory=dict)
    cuts: CutDetector = field(default_factory=lambda: CutDetector(patience=0))

    def step(self, frame: Frame) -> Detections:
        """One frame's answer."""
        if any(self.cuts.push(frame.image)):
            self.follower.reset()
            self.seen.clear()
        drawn = {
            index: Instance(mask, 1.0, index, MARKED)
            for index, prompt in enumerate(self.prompts)
            if (mask := _drawn(prompt, frame)) is not None
        }
        asked = {
            index: due
            for index, prompt in enumerate(self.prompts)
            if index not in drawn and (due := self._due(index, prompt, frame)) is not None
        }
        answer = ask(self.segmenter, frame, asked, len(self.prompts))
        self.last = frame
        marked = (*drawn.values(), *self._marked(answer.instances, asked))
        followed = self.follower.step(frame, replace(answer, instances=marked))
        self.seen = {found.prompt: found.mask for found in followed.instances}
        others = tuple(found for found in answer.instances if not self.prompts[found.prompt].cues)
        return replace(answer, instances=others + followed.instances)

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Come to where the step with this frame and this answer led; the follower is put back."""
        self.cuts.push(frame.image)
        self.last = frame
        self.seen = {
            found.prompt: found.mask
            for found in (detections.instances if detections is not None else ())
            if self._has_begun(self.prompts[found.prompt], frame)
        }

    def _has_begun(self, prompt: Prompt, frame: Frame) -> bool:
        """Whether a cue of the prompt holds by now: what was found before came backwards."""
        return any(cue.frame is None or cue.frame <= frame.index for cue in prompt.cues)

    def _due(self, index: int, prompt: Prompt, frame: Frame) -> Prompt | None:
        """The prompt as it is asked on this frame, or None where it is not."""
        if not prompt.cues:
            return prompt
        before = -1 if self.last is None else self.last.index
        given = [
            cue for cue in prompt.cues if cue.frame is None or before < cue.frame <= frame.index
        ]
        if not given:
            return None
        carried = all(cue.frame is not None and cue.mask is None for cue in given)
        if index in self.seen and carried:
            # A correction says something beside what is already known.
            known = self._moved(self.seen[index], frame)
            given += [Cue(mask=known)] if known is not None else []
        return replace(prompt, cues=tuple(replace(cue, frame=None) for cue in given))

    def _moved(self, mask: Mask, frame: Frame) -> Mask | None:
        """A mask of the last frame as it lies in this one."""
        assert self.last is not None  # noqa: S101
        return carry_mask(mask, flow_between(self.last.image, frame.image))

    def _marked(self, found: Sequence[Instance], asked: dict[int, Prompt]) -> tuple[Instance, ...]:
        """The best instance of each prompt with cues: the object that they mean."""
        best: dict[int, Instance] = {}
        for instance in found:
            known = best.get(instance.prompt)
            if asked[instance.prompt].cues and (known is None or instance.score > known.score):
                best[instance.prompt] = replace(instance, object_id=MARKED)
        return tuple(best.values())


def _drawn(prompt: Prompt, frame: Frame) -> Mask | None:
    """The object as it was drawn on this very frame, where nothing but masks says how it lies."""
    here = [cue for cue in prompt.cues if cue.frame in (None, frame.index)]
    given = [cue.mask for cue in here if cue.mask is not None]
    whole = all(cue.frame is not None and not cue.points and not cue.boxes for cue in here)
    return masks.union(given) if whole else None


@dataclass(slots=True)
class _MaskCues:
    """Follows objects with any model that takes masks: the last mask, moved, is the next cue."""

    segmenter: Segmenter
    _prompts: Sequence[Prompt] = ()
    _last: Frame | None = None
    _masks: dict[int, Mask] = field(default_factory=dict)

    def start(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = prompts
        self.finish()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        given = detections.instances if detections is not None else ()
        known = {instance.prompt for instance in given}
        asked: dict[int, Prompt] = {}
        if self._last is not None and self._masks.keys() - known:
            flow = flow_between(self._last.image, frame.image)
            for index in self._masks.keys() - known:
                moved = carry_mask(self._masks[index], flow)
                if moved is not None:
                    cue = Cue(mask=moved)
                    asked[index] = replace(self._prompts[index], cues=(cue,), max_instances=1)
        found = ask(self.segmenter, frame, asked, len(self._prompts)).instances
        instances = given + tuple(replace(one, object_id=MARKED) for one in found)
        self._masks = {instance.prompt: instance.mask for instance in instances}
        self._last = frame
        return Detections(frame.stream, frame.index, instances)

    def reset(self) -> None:
        self._masks = {}

    def finish(self) -> None:
        self._masks = {}
        self._last = None

    def snapshot(self) -> Snapshot:
        found = self._masks.items()
        return joined({str(index): masks.to_arrays(mask) for index, mask in found})

    def restore(self, state: Snapshot, last: Frame) -> None:
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
