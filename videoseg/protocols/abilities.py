"""What some models can do beside answering; a view of a model (``stages.view``) can do the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from videoseg.protocols.models import Grounder, Segmenter, VideoSegmenter
from videoseg.types import Detections, Frame, Prompt
from videoseg.types.usage import Destination, Usage


class Pending(Protocol):
    """A batch that a model has begun on."""

    @property
    def seconds(self) -> float:
        """Seconds that the model's device was at work on it; known after ``result``."""
        ...

    def result(self) -> Sequence[Detections]:
        """Wait for the answers, as ``Segmenter.segment`` gives them."""
        ...


@runtime_checkable
class AsyncSegmenter(Protocol):
    """A ``Segmenter`` whose work goes on by itself while the caller does something else."""

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> Pending:
        """Begin on what ``segment`` answers.

        Raises:
            OutOfMemoryError: Fewer frames at once may fit.
        """
        ...

    def batch_size(self) -> int:
        """Frames that fit into memory at once, judged by those asked so far; at least 1."""
        ...


@runtime_checkable
class Follows(Protocol):
    """A model that may bring a memory for following objects."""

    def video_segmenter(self) -> VideoSegmenter | None:
        """A new memory, for one stream; None if there is none after all."""
        ...


@runtime_checkable
class Keyframed(Protocol):
    """A model that may be too slow to be asked on every frame."""

    @property
    def keyframe_every(self) -> int:
        """Frames from one question to the next, at least 1; with 1 it is asked like any other."""
        ...


@runtime_checkable
class KeepsMissed(Protocol):
    """A ``Keyframed`` model that may miss on one frame what is there all the same."""

    @property
    def keyframe_patience(self) -> int:
        """Questions in a row that may miss an object which is followed before it is dropped."""
        ...


@runtime_checkable
class Explains(Protocol):
    """A model that takes liberties with what it is asked, and says so."""

    def explain(self, prompts: Sequence[Prompt]) -> Sequence[str]:
        """One line for each liberty; asked after ``prepare`` with the same prompts."""
        ...


@runtime_checkable
class Weighed(Protocol):
    """A model that knows the files of its weights."""

    def weight_files(self) -> Sequence[Path]:
        """The files that were loaded, once they are."""
        ...


@runtime_checkable
class Composite(Protocol):
    """A model made of other models, which its settings name."""

    def compose(self, part: Callable[[str], Segmenter]) -> None:
        """Take the way to models by name, with their settings; used when first needed."""
        ...


@runtime_checkable
class Sends(Protocol):
    """A model that can say where it, and what it is made of, sends frames."""

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Empty where they stay on this machine."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that counts what it uses."""

    @property
    def usage(self) -> Usage:
        """What has been used since it was prepared."""
        ...


@runtime_checkable
class NamesHost(Protocol):
    """A model that can name one machine that it sends frames to."""

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go: a host; None where they stay on this machine."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A model that other machines run: waiting for it costs no work here."""

    @property
    def concurrency(self) -> int:
        """Frames that may be asked about at once, at least 1; ``segment`` takes many threads."""
        ...

    def abandon(self) -> None:
        """End all calls that are under way, and refuse new ones until it is prepared again."""
        ...


@runtime_checkable
class RemoteSegmenter(Segmenter, Remote, Protocol):
    """A ``Segmenter`` that other machines run."""


def destinations_of(model: Segmenter | Grounder) -> tuple[Destination, ...]:
    """Where a model sends frames: as it says, or else as its card does."""
    if isinstance(model, Sends):
        return model.destinations
    host = model.sends_frames_to if isinstance(model, NamesHost) else None
    says = isinstance(model, Remote) and isinstance(model, NamesHost)
    if host is None and not says and model.card.sends_frames_away:
        host = f"the service of {model.card.name}"
    return () if host is None else (Destination(host),)
