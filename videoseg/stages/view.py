"""Shows a model less than the whole frame: a region of it, smaller, without some pixels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from videoseg.errors import PromptError
from videoseg.geometry.bounds import Bounds
from videoseg.protocols import Segmenter, VideoSegmenter
from videoseg.snapshots import State
from videoseg.stages._lens import Lens
from videoseg.stages.carried import Follows
from videoseg.stages.in_flight import RemoteSegmenter
from videoseg.stages.keyframes import Keyframed
from videoseg.types import Detections, Frame, Instance, ModelCard, Prompt, StreamInfo


@dataclass(frozen=True, slots=True)
class View:
    """A ``Segmenter`` that asks another one about a part of each frame, and answers for the frame.

    Prompts and answers are in the coordinates of the whole frame. A prompt that marks only what is
    not shown is not asked.

    Attributes:
        model: The model; prepared and closed through this, or by the caller.
        bounds: Where objects may lie.
        max_size: Longest side of what the model sees, pixels; None = as it is.
    """

    model: Segmenter
    bounds: Bounds
    max_size: int | None = None

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.model.card

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Prepare the model."""
        self.model.prepare(prompts)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``."""
        lenses = [self.lens(frame) for frame in frames]
        asked = [_shown(lens, given) for lens, given in zip(lenses, prompts, strict=True)]
        looked_at = [n for n, shown in enumerate(asked) if shown]
        found = (
            self.model.segment(
                [lenses[n].frame(frames[n]) for n in looked_at],
                [tuple(asked[n].values()) for n in looked_at],
            )
            if looked_at
            else ()
        )
        answers = dict(zip(looked_at, found, strict=False))
        return [
            self._told(answers.get(n), frame, lenses[n], tuple(asked[n]), len(prompts[n]))
            for n, frame in enumerate(frames)
            if n in answers or not asked[n]
        ]

    def close(self) -> None:
        """Close the model."""
        self.model.close()

    def lens(self, frame: Frame) -> Lens:
        """How a frame is shown."""
        window = self.bounds.window(frame.width, frame.height)
        return Lens.on(frame, window, self.max_size)

    def seen(self, instance: Instance, lens: Lens) -> Instance | None:
        """What the model found, as it lies in the frame; None where that is nothing."""
        whole = lens.outward(instance.mask)
        mask = None if whole is None else self.bounds.clipped(whole)
        if mask is None:
            return None
        kept = instance.outline is not None and mask is whole
        outline = lens.outline(instance.outline) if kept and instance.outline else None
        return replace(instance, mask=mask, outline=outline)

    def _told(
        self,
        answer: Detections | None,
        frame: Frame,
        lens: Lens,
        index_of: tuple[int, ...],
        count: int,
    ) -> Detections:
        """An answer for the frame; ``index_of`` are the prompts that were asked, of ``count``."""
        if answer is None:
            return Detections(frame.stream, frame.index)
        found = (self.seen(one, lens) for one in answer.instances)
        instances = tuple(replace(one, prompt=index_of[one.prompt]) for one in found if one)
        presence: tuple[float | None, ...] = ()
        if answer.presence:
            known = dict(zip(index_of, answer.presence, strict=True))
            presence = tuple(known.get(index) for index in range(count))
        return replace(answer, instances=instances, presence=presence)


@dataclass(frozen=True, slots=True)
class FollowingView(View):
    """A ``View`` of a model that brings its own memory for following objects."""

    def follower(self) -> VideoSegmenter:
        """A new memory, for one stream."""
        assert isinstance(self.model, Follows)  # noqa: S101 (see ``view_of``)
        return _Follower(self, self.model.follower())


@dataclass(frozen=True, slots=True)
class RemoteView(View):
    """A ``View`` of a model that other machines run."""

    model: RemoteSegmenter

    @property
    def concurrency(self) -> int:
        """Frames that may be asked about at once."""
        return self.model.concurrency

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go."""
        return self.model.sends_frames_to

    def abandon(self) -> None:
        """End all calls that are under way."""
        self.model.abandon()


@dataclass(frozen=True, slots=True)
class KeyframedView(View):
    """A ``View`` of a model that is too slow to be asked on every frame."""

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next."""
        assert isinstance(self.model, Keyframed)  # noqa: S101 (see ``view_of``)
        return self.model.keyframe_every

    def memory(self) -> VideoSegmenter | None:
        """Something that follows objects through one stream, or None."""
        assert isinstance(self.model, Keyframed)  # noqa: S101 (see ``view_of``)
        memory = self.model.memory()
        return None if memory is None else _Follower(self, memory)


def view_of(model: Segmenter, bounds: Bounds, max_size: int | None) -> Segmenter:
    """A model that sees frames within bounds and of a size; itself where that is no limit."""
    if bounds.is_open and max_size is None:
        return model
    if isinstance(model, Keyframed):
        return KeyframedView(model, bounds, max_size)
    if isinstance(model, RemoteSegmenter):
        return RemoteView(model, bounds, max_size)
    kind = FollowingView if isinstance(model, Follows) else View
    return kind(model, bounds, max_size)


def check_marks(prompts: Sequence[Prompt], bounds: Bounds, streams: Iterable[StreamInfo]) -> None:
    """Refuse marks on an object where none may lie, before any work.

    Raises:
        PromptError: A point or box that marks an object lies outside the region, or a point on a
            pixel to ignore.
    """
    cues = [(prompt.label, cue) for prompt in prompts for cue in prompt.cues]
    for info in streams:
        window = bounds.window(info.width, info.height)
        region = "lies outside the region {},{},{},{} (roi)".format(*window)
        for label, cue in cues:
            for x, y, positive in cue.points:
                inside = window[0] <= x <= window[2] and window[1] <= y <= window[3]
                if positive and not inside:
                    raise PromptError(f"point {x:g},{y:g} of {label!r} {region}")
                if positive and bounds.ignores(x, y):
                    raise PromptError(
                        f"point {x:g},{y:g} of {label!r} lies on a pixel to ignore (ignore_mask)"
                    )
            for x1, y1, x2, y2, positive in cue.boxes:
                apart = x1 >= window[2] or y1 >= window[3] or x2 <= window[0] or y2 <= window[1]
                if positive and apart:
                    raise PromptError(f"box {x1:g},{y1:g},{x2:g},{y2:g} of {label!r} {region}")
            if cue.mask is not None and bounds.clipped(cue.mask) is None:
                raise PromptError(f"no pixel of the mask of {label!r} lies where objects may lie")


@dataclass(slots=True)
class _Follower:
    """A model's memory that sees frames through a ``View``."""

    view: View
    memory: VideoSegmenter
    _waiting: Sequence[Prompt] | None = field(default=None)

    def start(self, prompts: Sequence[Prompt]) -> None:
        self.memory.finish()
        self._waiting = prompts  # how they are shown depends on the frame's size

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        lens = self.view.lens(frame)
        self._begin(lens)
        given = {} if detections is None else {_name(one): one for one in detections.instances}
        shown = [
            replace(one, mask=mask, outline=None)
            for one in given.values()
            if (mask := lens.inward(one.mask)) is not None
        ]
        known = Detections(frame.stream, frame.index, tuple(shown))
        answer = self.memory.step(lens.frame(frame), known)
        found = (self.view.seen(one, lens) for one in answer.instances if _name(one) not in given)
        instances = (*given.values(), *(one for one in found if one is not None))
        return replace(answer, instances=instances)

    def reset(self) -> None:
        if self._waiting is None:
            self.memory.reset()

    def finish(self) -> None:
        self.memory.finish()

    def snapshot(self) -> State:
        return {} if self._waiting is not None else self.memory.snapshot()

    def restore(self, state: State, last: Frame) -> None:
        lens = self.view.lens(last)
        self._begin(lens)
        self.memory.restore(state, lens.frame(last))

    def _begin(self, lens: Lens) -> None:
        if self._waiting is not None:
            self.memory.start([lens.prompt(prompt) or prompt for prompt in self._waiting])
            self._waiting = None


def _shown(lens: Lens, prompts: Sequence[Prompt]) -> dict[int, Prompt]:
    """The prompts that can be asked, as they are asked, by index."""
    pairs = ((index, lens.prompt(prompt)) for index, prompt in enumerate(prompts))
    return {index: prompt for index, prompt in pairs if prompt is not None}


def _name(instance: Instance) -> tuple[int, int | None]:
    return instance.prompt, instance.object_id
