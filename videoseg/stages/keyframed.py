"""Asks a slow model on keyframes alone, and follows in between what it has found there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from videoseg.geometry import masks
from videoseg.motion.flow import carry_mask, flow_between
from videoseg.motion.shot_cuts import CutDetector
from videoseg.protocols import Follows, Segmenter, VideoSegmenter
from videoseg.stages.checked_answers import sound
from videoseg.types import Detections, Frame, Instance, Prompt
from videoseg.types.snapshot import Snapshot, joined, parted

_SAME = 0.3
"""From this IoU on, an object found on a keyframe is the one that was followed to it."""


@dataclass(slots=True)
class Keyframes:
    """A ``Stage``: the first frame of every shot is asked, and each so many frames after it.

    In between objects are followed by the model's own memory, where it has one (``Follows``), or
    else their masks are moved along the optical flow. On a keyframe the model's answer counts:
    what it finds where something was followed to keeps that one's ``object_id``, and what it does
    not find is gone, unless ``patience`` allows it to be missed. What is missed stays where it was
    followed to.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked.
        every: Frames from one question to the next, at least 1.
        patience: Questions in a row that may miss an object before it is gone.
    """

    segmenter: Segmenter
    prompts: Sequence[Prompt]
    every: int
    patience: int = 0
    _streams: dict[str, _Stream] = field(init=False, repr=False, default_factory=dict)

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model failed.
            LimitReachedError: A limit of the user's allows no further call.
        """
        try:
            for frame in frames:
                yield frame, self._stream(frame.stream).step(frame)
        finally:
            for stream in self._streams.values():
                stream.memory.finish()
            self._streams.clear()

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        self._stream(frame.stream).recall(frame, detections)

    def snapshot(self) -> Snapshot:
        """What the memories of the objects hold."""
        states: dict[str, Snapshot] = {}
        for place, stream in enumerate(self._streams.values()):
            states[str(place)] = stream.memory.snapshot()
            if stream.misses:
                rows = [
                    (prompt, -1 if name is None else name, count)
                    for (prompt, name), count in stream.misses.items()
                ]
                states[f"{place} missed"] = {"rows": np.array(rows)}
        return joined(states)

    def restore(self, state: Snapshot) -> None:
        """Give the memories back what they held after the frame that was recalled last."""
        parts = parted(state)
        for place, stream in enumerate(self._streams.values()):
            if stream.last is not None:
                stream.memory.restore(parts.get(str(place), {}), stream.last)
                rows = parts.get(f"{place} missed", {}).get("rows", np.empty((0, 3), np.int64))
                stream.misses = {
                    (int(prompt), None if name < 0 else int(name)): int(count)
                    for prompt, name, count in rows
                }

    def _stream(self, name: str) -> _Stream:
        if name not in self._streams:
            model = self.segmenter
            memory = model.video_segmenter() if isinstance(model, Follows) else None
            memory = memory or _Moved()
            memory.start(self.prompts)
            prompts = tuple(self.prompts)
            self._streams[name] = _Stream(model, prompts, memory, self.every, self.patience)
        return self._streams[name]


@dataclass(slots=True)
class _Stream:
    """The state of one stream."""

    segmenter: Segmenter
    prompts: tuple[Prompt, ...]
    memory: VideoSegmenter
    every: int
    patience: int
    asked: int | None = None
    next_id: int = 0
    last: Frame | None = None
    misses: dict[tuple[int, int | None], int] = field(default_factory=dict)
    cuts: CutDetector = field(default_factory=lambda: CutDetector(patience=0))

    def step(self, frame: Frame) -> Detections:
        """One frame's answer."""
        cut = any(self.cuts.push(frame.image))
        if cut:
            self.memory.reset()
        if not self._is_key(frame, cut=cut):
            return self.memory.step(frame, None)
        first = cut or self.asked is None
        followed = () if first else self.memory.step(frame, None).instances
        given = ((frame,), (self.prompts,))
        (answer,) = sound(self.segmenter, *given, self.segmenter.segment(*given))
        found = self._named(answer.instances, followed)
        named = replace(answer, instances=(*found, *self._missed(found, followed)))
        # A memory keeps what it is not told about; here the answer counts alone.
        self.memory.finish()
        self.memory.start(self.prompts)
        self.asked = frame.index
        return self.memory.step(frame, named)

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Come to where the step with this frame and this answer led; the memory is put back."""
        if self._is_key(frame, cut=any(self.cuts.push(frame.image))):
            self.asked = frame.index
        self.last = frame
        for one in detections.instances if detections is not None else ():
            self.next_id = max(self.next_id, (one.object_id or 0) + 1)

    def _is_key(self, frame: Frame, *, cut: bool) -> bool:
        return cut or self.asked is None or frame.index >= self.asked + self.every

    def _named(
        self, found: Sequence[Instance], followed: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """What was found, with the identities of what was followed to where it is."""
        pairs = [
            (masks.iou(new.mask, old.mask), n, m)
            for n, new in enumerate(found)
            for m, old in enumerate(followed)
            if new.prompt == old.prompt
        ]
        names: dict[int, int | None] = {}
        taken: set[int] = set()
        for overlap, n, m in sorted(pairs, reverse=True):
            if overlap >= _SAME and n not in names and m not in taken:
                names[n] = followed[m].object_id
                taken.add(m)
        return tuple(
            replace(one, object_id=names[n] if n in names else self._new_id())
            for n, one in enumerate(found)
        )

    def _missed(
        self, found: Sequence[Instance], followed: Sequence[Instance]
    ) -> tuple[Instance, ...]:
        """What was followed, is not found, and may be there all the same."""
        names = {(one.prompt, one.object_id) for one in found}
        kept: list[Instance] = []
        misses: dict[tuple[int, int | None], int] = {}
        for one in followed:
            key = (one.prompt, one.object_id)
            count = self.misses.get(key, 0) + 1
            covered = any(
                new.prompt == one.prompt and masks.iou(new.mask, one.mask) >= _SAME for new in found
            )
            if key not in names and count <= self.patience and not covered:
                kept.append(one)
                misses[key] = count
        self.misses = misses
        return tuple(kept)

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id - 1


@dataclass(slots=True)
class _Moved:
    """Follows objects by moving their masks along the optical flow."""

    _last: Frame | None = None
    _objects: tuple[Instance, ...] = ()

    def start(self, prompts: Sequence[Prompt]) -> None:  # noqa: ARG002 - the protocol's
        self.finish()

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        given = detections.instances if detections is not None else ()
        known = {(one.prompt, one.object_id) for one in given}
        rest = [one for one in self._objects if (one.prompt, one.object_id) not in known]
        moved: list[Instance] = []
        if rest and self._last is not None:
            flow = flow_between(self._last.image, frame.image)
            for one in rest:
                mask = carry_mask(one.mask, flow)
                if mask is not None:
                    moved.append(replace(one, mask=mask, outline=None))
        self._objects, self._last = (*given, *moved), frame
        return Detections(frame.stream, frame.index, self._objects)

    def reset(self) -> None:
        self._objects = ()

    def finish(self) -> None:
        self._last, self._objects = None, ()

    def snapshot(self) -> Snapshot:
        return joined(
            {
                f"{place}:{one.prompt}:{one.object_id}": {
                    **masks.to_arrays(replace(one.mask, logits=None)),
                    "score": np.array(one.score),
                }
                for place, one in enumerate(self._objects)
            }
        )

    def restore(self, state: Snapshot, last: Frame) -> None:
        self._last = last
        self._objects = tuple(
            Instance(masks.from_arrays(part), float(part["score"]), int(prompt), int(object_id))
            for name, part in parted(state).items()
            for _, prompt, object_id in [name.split(":")]
        )
