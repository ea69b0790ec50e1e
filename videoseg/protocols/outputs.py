"""What is written: frame by frame, or from the whole run, as its log holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from videoseg.types import (
    Detections,
    EdgeWindow,
    Frame,
    Prompt,
    RotoLayer,
    RotoShape,
    Scene,
    StreamInfo,
)


@runtime_checkable
class Writer(Protocol):
    """Writes each Scene as it comes into files below one folder.

    A writer writes final names into the folder it is given. That folder is a staging folder: the
    run publishes its contents when, and only when, the run is complete (``runlog/staging.py``).
    ``produces`` names what it will make, so that existing files are found before the work.
    """

    needs_image: bool

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """Names of the files and folders it makes, relative to the output folder."""
        ...

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        """Begin.

        Raises:
            OutputError: The folder cannot be written.
        """
        ...

    def write(self, scene: Scene, frame: Frame | None) -> None:
        """Write one Scene; ``frame`` is given where ``needs_image`` is True."""
        ...

    def close(self, *, complete: bool) -> None:
        """End; with ``complete=False`` without finishing. A second call does nothing."""
        ...


@runtime_checkable
class Viewer(Protocol):
    """A program that looks on: it is shown each Scene as soon as it is found."""

    def open(self, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]) -> str:
        """Begin, and say in a line where people find it.

        Raises:
            MissingDependencyError: A package is not installed.
            OutputError: There is no way to the program, or from it to here.
        """
        ...

    def show(self, scene: Scene, frame: Frame) -> None:
        """Show a Scene and its frame. Always called by one thread."""
        ...

    def close(self) -> None:
        """End. A second call does nothing."""
        ...


@runtime_checkable
class TakesMattes(Protocol):
    """A Writer to whom an object's soft edge matters: ``TrackedInstance.alpha``.

    Where ``needs_alpha`` is True and soft edges are not switched off, every instance of a Scene
    that it is given has one.
    """

    needs_alpha: bool


@runtime_checkable
class NamesFrames(Protocol):
    """A Writer that names the pictures of the frames.

    Before it is opened ``frames_in`` is set to the output folder that has them from an earlier
    time, or to None.
    """

    frames_in: Path | None


@runtime_checkable
class Matter(Protocol):
    """Finds how much of each pixel an object covers, near its edge, on one frame.

    Several threads may call it at once, each for another object.
    """

    def alpha(self, window: EdgeWindow) -> npt.NDArray[np.float32]:
        """The matte in a window, float32 (h, w), 0 to 1.

        Only values in the band count: where ``abs(window.distance) < window.softness``.

        Raises:
            MissingDependencyError: A package or weights are missing.
        """
        ...


class Log(Protocol):
    """Keeps what was drawn (``runlog.log.RunLog``)."""

    def append_scene(self, scene: Scene) -> None:
        """Keep what became of it."""
        ...

    def close(self) -> None:
        """Flush and close."""
        ...


class ReviewItem(Protocol):
    """One thing of a run to look at again (``runlog.findings``); as text it is a sentence."""

    @property
    def kind(self) -> str:
        """What became of it: ``ended``, ``shrank`` and so on."""
        ...

    @property
    def label(self) -> str:
        """Whose it is."""
        ...

    @property
    def track(self) -> int | None:
        """Id of the track; None for a prompt that was never found."""
        ...

    @property
    def stream(self) -> str | None:
        """Name of the stream, or None."""
        ...

    @property
    def frame(self) -> int | None:
        """First frame on which it is so, or None."""
        ...

    @property
    def until(self) -> int | None:
        """First frame on which it is as before again; None where it never is."""
        ...


@runtime_checkable
class RunReader(Protocol):
    """A finished run as its log holds it; every call reads afresh, memory stays bounded.

    Attributes:
        streams: The streams of the source by name.
        prompts: What was asked.
        review: What should be looked at again, the worst first.
        made_with: What made it (``runlog.plan.made_with``); empty where that is not known.
        frames_in: The output folder that has the pictures of the frames from an earlier time, for
            outputs that name or copy them; None where there is none.
    """

    streams: Mapping[str, StreamInfo]
    prompts: Sequence[Prompt]
    review: Sequence[ReviewItem]
    made_with: Mapping[str, str]
    frames_in: Path | None

    @property
    def labels(self) -> Sequence[str]:
        """Those of the prompts in their order, and then those that users gave to tracks."""
        ...

    def detections(self) -> Iterator[tuple[str, int, Detections | None]]:
        """Yield ``stream, index, detections`` in the order of the run."""
        ...

    def scenes(self) -> Iterator[Scene]:
        """Yield Scenes in the order of the run."""
        ...

    def tracks(self, tolerance: float = 1.0) -> Iterator[RotoShape]:
        """Yield tracks as keyed shapes that stay within a tolerance in pixels, as spans end."""
        ...

    def layers(self, tolerance: float = 1.0) -> Iterator[RotoLayer]:
        """Yield whole tracks as layers of keyed shapes, by stream and track id."""
        ...


@runtime_checkable
class HasHidden(Protocol):
    """A ``RunReader`` that leaves out tracks that the user has hidden, and knows them."""

    def with_hidden(self) -> RunReader:
        """The same run with them; their ``TrackedInstance.hidden`` is True."""
        ...


@runtime_checkable
class TakesHidden(Protocol):
    """An Exporter that, where ``takes_hidden`` is True, also writes hidden tracks and says so."""

    takes_hidden: bool


@runtime_checkable
class Exporter(Protocol):
    """Writes files that need the whole run at once, after its last frame."""

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """Names of the files and folders it makes, relative to the output folder."""
        ...

    def export(self, run: RunReader, folder: Path) -> None:
        """Write them below ``folder``, a staging folder like a Writer's."""
        ...


@runtime_checkable
class ExportsAlong(Protocol):
    """An Exporter to which Scenes are enough, each once: it works while they are made."""

    def export_scenes(
        self, streams: Mapping[str, StreamInfo], scenes: Iterable[Scene], folder: Path
    ) -> None:
        """As ``export``. Scenes come in the order of the run, without hidden tracks.

        A run that fails raises from ``scenes``; then nothing need be written.
        """
        ...
