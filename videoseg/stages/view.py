"""Shows a model less than the whole frame: a region of it, smaller, without some pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from videoseg.geometry.region import Bounds
from videoseg.protocols import (
    AsyncSegmenter,
    Composite,
    Explains,
    Follows,
    KeepsMissed,
    Keyframed,
    Metered,
    NamesHost,
    Pending,
    Remote,
    Segmenter,
    Sends,
    VideoSegmenter,
    Weighed,
)
from videoseg.stages.viewport import Viewport
from videoseg.types import Detections, Frame, Instance, ModelCard, Prompt
from videoseg.types.snapshot import Snapshot
from videoseg.types.usage import Destination, Usage


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

    @property
    def able(self) -> Any:
        """The model, with what it can do beside answering."""
        return self.model

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Prepare the model."""
        self.model.prepare(prompts)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``."""
        asked = _Asked.of(self, frames, prompts)
        return asked.answers(self.model.segment(*asked.shown) if asked.looked_at else ())

    def close(self) -> None:
        """Close the model."""
        self.model.close()

    def lens(self, frame: Frame) -> Viewport:
        """How a frame is shown."""
        window = self.bounds.window(frame.width, frame.height)
        return Viewport.on(frame, window, self.max_size)

    def seen(self, instance: Instance, lens: Viewport) -> Instance | None:
        """What the model found, as it lies in the frame; None where that is nothing."""
        whole = lens.outward(instance.mask)
        mask = None if whole is None else self.bounds.clipped(whole)
        if mask is None:
            return None
        kept = instance.outline is not None and mask is whole
        outline = lens.outline(instance.outline) if kept and instance.outline else None
        return replace(instance, mask=mask, outline=outline)

    def told(
        self,
        answer: Detections | None,
        frame: Frame,
        lens: Viewport,
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


class _Following(View):
    """A memory for following objects, brought by the model."""

    __slots__ = ()

    def video_segmenter(self) -> VideoSegmenter | None:
        """A new memory, for one stream, or None if there is none."""
        memory = self.able.video_segmenter()
        return None if memory is None else _Follower(self, memory)


class _Keyframed(View):
    """Too slow to be asked on every frame."""

    __slots__ = ()

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next."""
        return int(self.able.keyframe_every)


class _KeepingMissed(View):
    """May miss on one frame what is there all the same."""

    __slots__ = ()

    @property
    def keyframe_patience(self) -> int:
        """Questions in a row that may miss an object before it is dropped."""
        return int(self.able.keyframe_patience)


class _Submitting(View):
    """Works on by itself while the caller does something else."""

    __slots__ = ()

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> Pending:
        """Begin on what ``segment`` answers."""
        asked = _Asked.of(self, frames, prompts)
        return _Seen(asked, self.able.submit(*asked.shown) if asked.looked_at else None)

    def batch_size(self) -> int:
        """Frames that fit into memory at once."""
        return int(self.able.batch_size())


class _Remote(View):
    """Run by other machines."""

    __slots__ = ()

    @property
    def concurrency(self) -> int:
        """Frames that may be asked about at once."""
        return int(self.able.concurrency)

    def abandon(self) -> None:
        """End all calls that are under way."""
        self.able.abandon()


class _NamingHost(View):
    """Names a machine that frames go to."""

    __slots__ = ()

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go."""
        to: str | None = self.able.sends_frames_to
        return to


class _Metered(View):
    """Counts what it uses."""

    __slots__ = ()

    @property
    def usage(self) -> Usage:
        """What has been used since it was prepared."""
        used: Usage = self.able.usage
        return used


class _Sending(View):
    """Says where frames go."""

    __slots__ = ()

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Empty where they stay on this machine."""
        places: tuple[Destination, ...] = self.able.destinations
        return places


class _Explaining(View):
    """Says which liberties it takes."""

    __slots__ = ()

    def explain(self, prompts: Sequence[Prompt]) -> Sequence[str]:
        """One line for each liberty."""
        told: Sequence[str] = self.able.explain(prompts)
        return told


class _Weighed(View):
    """Knows the files of its weights."""

    __slots__ = ()

    def weight_files(self) -> Sequence[Path]:
        """The files that were loaded, once they are."""
        files: Sequence[Path] = self.able.weight_files()
        return files


class _Composed(View):
    """Made of other models."""

    __slots__ = ()

    def compose(self, part: Callable[[str], Segmenter]) -> None:
        """Take the way to models by name."""
        self.able.compose(part)


_ABILITIES: Mapping[type, type[View]] = {
    Follows: _Following,
    Keyframed: _Keyframed,
    KeepsMissed: _KeepingMissed,
    AsyncSegmenter: _Submitting,
    Remote: _Remote,
    NamesHost: _NamingHost,
    Metered: _Metered,
    Sends: _Sending,
    Explains: _Explaining,
    Weighed: _Weighed,
    Composite: _Composed,
}
"""What a model may be able to do beside answering, and how a view of it does the same."""


def view_of(model: Segmenter, bounds: Bounds, max_size: int | None) -> Segmenter:
    """A model that sees frames within bounds and of a size; itself where that is no limit.

    It can do what the model can do, and nothing else (``_ABILITIES``).
    """
    if bounds.is_open and max_size is None:
        return model
    able = tuple(how for what, how in _ABILITIES.items() if isinstance(model, what))
    return _view_class(able)(model, bounds, max_size)


@functools.cache
def _view_class(able: tuple[type[View], ...]) -> type[View]:
    return type("View", able, {"__slots__": ()}) if able else View


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What a model is asked about some frames through a view.

    Attributes:
        view: The view.
        frames: The frames.
        counts: How many prompts there are for each.
        lenses: How each is shown.
        prompts: Those of its prompts that can be asked, as they are asked, by index.
    """

    view: View
    frames: Sequence[Frame]
    counts: Sequence[int]
    lenses: Sequence[Viewport]
    prompts: Sequence[dict[int, Prompt]]

    @classmethod
    def of(cls, view: View, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> _Asked:
        """The questions ``prompts[i]`` about ``frames[i]``."""
        lenses = [view.lens(frame) for frame in frames]
        asked = [_shown(lens, given) for lens, given in zip(lenses, prompts, strict=True)]
        return cls(view, frames, [len(given) for given in prompts], lenses, asked)

    @property
    def looked_at(self) -> list[int]:
        """Places of the frames about which there is something to ask."""
        return [n for n, shown in enumerate(self.prompts) if shown]

    @property
    def shown(self) -> tuple[list[Frame], list[tuple[Prompt, ...]]]:
        """These frames and prompts, as the model sees them."""
        places = self.looked_at
        return (
            [self.lenses[n].frame(self.frames[n]) for n in places],
            [tuple(self.prompts[n].values()) for n in places],
        )

    def answers(self, found: Sequence[Detections]) -> list[Detections]:
        """The model's answers as those of the whole frames; one that is missing stays so."""
        known = dict(zip(self.looked_at, found, strict=False))
        return [
            self.view.told(known.get(n), frame, self.lenses[n], tuple(asked), self.counts[n])
            for n, (frame, asked) in enumerate(zip(self.frames, self.prompts, strict=True))
            if n in known or not asked
        ]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A batch that a model has begun on, seen through a view (``Pending``)."""

    asked: _Asked
    pending: Pending | None

    @property
    def seconds(self) -> float:
        return 0.0 if self.pending is None else self.pending.seconds

    def result(self) -> Sequence[Detections]:
        return self.asked.answers(() if self.pending is None else self.pending.result())


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

    def snapshot(self) -> Snapshot:
        return {} if self._waiting is not None else self.memory.snapshot()

    def restore(self, state: Snapshot, last: Frame) -> None:
        lens = self.view.lens(last)
        self._begin(lens)
        self.memory.restore(state, lens.frame(last))

    def _begin(self, lens: Viewport) -> None:
        if self._waiting is not None:
            self.memory.start([lens.prompt(prompt) or prompt for prompt in self._waiting])
            self._waiting = None


def _shown(lens: Viewport, prompts: Sequence[Prompt]) -> dict[int, Prompt]:
    """The prompts that can be asked, as they are asked, by index."""
    pairs = ((index, lens.prompt(prompt)) for index, prompt in enumerate(prompts))
    return {index: prompt for index, prompt in pairs if prompt is not None}


def _name(instance: Instance) -> tuple[int, int | None]:
    return instance.prompt, instance.object_id
