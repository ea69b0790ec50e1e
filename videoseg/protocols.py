"""The interfaces between parts, one to four methods each.

A part is a dataclass whose fields are its settings: annotate each with its bounds
(``annotated_types``) and one line of documentation (``typing_extensions.Doc``) that names unit and
range. State is kept in fields with ``init=False, repr=False``. Heavy packages (torch, av, cv2,
onnxruntime, scipy, shapely) are imported inside methods, never by importing a part's module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from videoseg.types import (
    Detections,
    Frame,
    Grounding,
    ModelCard,
    Prompt,
    RotoLayer,
    RotoShape,
    Scene,
    StreamInfo,
)
from videoseg.types.snapshot import Snapshot


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from. Opened by its constructor's caller through ``open``.

    Its class also says for which inputs it is meant where no source is named::

        @classmethod
        def accepts(cls, location: str) -> float: ...

    0 = not for this one; of several the highest wins. ``video`` says 0.1 to everything, ``images``
    0.4 to every folder and 0.5 to pictures by their ending. A source for folders or files of its
    own looks for what only those have (a file in the folder, first bytes) and says 1, which True
    is, too. It is asked before anything is open, must be quick, and does not raise. A source
    without it is used only where it is named.
    """

    def open(self, location: str) -> Mapping[str, StreamInfo]:
        """Open a file, folder or address and say what it holds, first stream first.

        Raises:
            SourceError: It does not exist, is not a medium of this kind, or is damaged.
        """
        ...

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """Yield frames ``start <= index < stop`` in order of presentation, pts rising.

        Raises:
            SourceError: The medium ends or breaks before it should.
        """
        ...

    def close(self) -> None:
        """Release the medium. A second call does nothing."""
        ...


@runtime_checkable
class Segmenter(Protocol):
    """A model that answers prompts on frames, each frame for itself."""

    @property
    def card(self) -> ModelCard:
        """What it is and takes; a model's class knows it too, without being made."""
        ...

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Load the model and refuse what it cannot do, before any frame is decoded.

        Raises:
            PromptError: It cannot take such a prompt (``UnknownPhraseError`` for a phrase).
            MissingDependencyError: Weights or a package are missing.
        """
        ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer ``prompts[i]`` on ``frames[i]``; ``Instance.prompt`` indexes ``prompts[i]``.

        Every cue of a prompt that is handed over is meant for the frame it is handed over with;
        ``Cue.frame`` is the stage's business.

        Raises:
            MemoryError: Fewer frames at once may fit.
        """
        ...

    def close(self) -> None:
        """Release the model. A second call does nothing."""
        ...


@runtime_checkable
class Grounder(Protocol):
    """A model that says where in a frame a phrase is, with boxes; a segmenter outlines them."""

    card: ClassVar[ModelCard]

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Load the model and refuse what it cannot do, before any frame is decoded.

        Raises:
            PromptError: It cannot take such a prompt.
            MissingDependencyError: Weights or a package are missing.
        """
        ...

    def ground(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[tuple[Grounding, ...]]:
        """Find what the text of ``prompts[i]`` means on ``frames[i]``, best first for each prompt.

        Raises:
            MemoryError: Fewer frames at once may fit.
        """
        ...

    def close(self) -> None:
        """Release the model. A second call does nothing."""
        ...


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
class VideoSegmenter(Protocol):
    """A model that remembers objects and follows them through one stream, frame after frame."""

    def start(self, prompts: Sequence[Prompt]) -> None:
        """Forget everything and begin a stream.

        Raises:
            MissingDependencyError: Weights or a package are missing.
        """
        ...

    def step(self, frame: Frame, detections: Detections | None) -> Detections:
        """Find the remembered objects on the next frame.

        Args:
            frame: The frame after the one of the last step.
            detections: Objects as they are known to lie on this very frame, by ``prompt`` and
                ``object_id``: new ones to follow from here on, or corrections of followed ones.

        Returns:
            The given objects as given, and each other one that was found, with the ``prompt`` and
            ``object_id`` it was given with. One that is out of sight is left out.
        """
        ...

    def reset(self) -> None:
        """A cut: the next frame does not follow the last. Looks are kept, places forgotten."""
        ...

    def finish(self) -> None:
        """The stream ends: release what was kept of it. A second call does nothing."""
        ...

    def snapshot(self) -> Snapshot:
        """What is remembered after the last step, but for that frame itself."""
        ...

    def restore(self, state: Snapshot, last: Frame) -> None:
        """Remember what ``snapshot`` gave after the step with frame ``last``."""
        ...


@runtime_checkable
class Composite(Protocol):
    """A model made of other models, which its settings name."""

    def compose(self, part: Callable[[str], Segmenter]) -> None:
        """Take the way to models by name, with their settings; used when first needed."""
        ...


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
class RunReader(Protocol):
    """A finished run as its log holds it; every call reads afresh, memory stays bounded."""

    streams: Mapping[str, StreamInfo]
    prompts: Sequence[Prompt]

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
class Exporter(Protocol):
    """Writes files that need the whole run at once, after its last frame."""

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """Names of the files and folders it makes, relative to the output folder."""
        ...

    def export(self, run: RunReader, folder: Path) -> None:
        """Write them below ``folder``, a staging folder like a Writer's."""
        ...
