"""What drives a model over frames, and what follows objects in its answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo
from videoseg.types.snapshot import Snapshot


@runtime_checkable
class Stage(Protocol):
    """Drives a model over frames; owns order and batching. The pipeline knows only this."""

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield every frame, in order, with its answer; None = the model was not asked."""
        ...


@runtime_checkable
class Resumable(Stage, Protocol):
    """A Stage whose answers depend on frames before; so it can be put back to where it was."""

    def recall(self, frame: Frame, detections: Detections | None) -> None:
        """Take the next frame with the answer it was given in an earlier run."""
        ...

    def snapshot(self) -> Snapshot:
        """What is remembered beside the answers, after the frame that was yielded last."""
        ...

    def restore(self, state: Snapshot) -> None:
        """Remember what ``snapshot`` gave, after all frames up to then have been recalled."""
        ...


@runtime_checkable
class Tracker(Protocol):
    """Gives instances identities over time and masks that hold still.

    Its Scenes have masks and ids. Their shapes are empty: outlines are made of the masks afterwards
    (``outlines/vectorizer.py``). A vector that is better than that goes into ``Instance.outline``.
    """

    def start(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> None:
        """Forget everything and begin a run; track ids start at 1."""
        ...

    def update(self, frame: Frame, detections: Detections | None) -> Iterable[Scene]:
        """Take one frame's answer; give the Scenes that are now certain (0, 1 or several).

        Exactly one Scene leaves for each frame that came in, in order.
        """
        ...

    def finish(self) -> Iterable[Scene]:
        """Give the Scenes still held back for look-ahead."""
        ...


@runtime_checkable
class TwoPassTracker(Tracker, Protocol):
    """A Tracker that may see a whole run before it follows anything."""

    def study(
        self,
        streams: Mapping[str, StreamInfo],
        answers: Iterable[tuple[Frame, Detections | None]],
    ) -> None:
        """Learn from every frame and its answer, in the order of the run, which comes again."""
        ...


@runtime_checkable
class LooksAhead(Protocol):
    """A Tracker with a setting that says how far it looks ahead."""

    look_ahead: int
    """Frames for which a Scene is held back."""
