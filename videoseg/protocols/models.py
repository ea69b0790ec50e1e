"""What models are: those that outline, those that find boxes, and memories of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from videoseg.types import Detections, Frame, Grounding, ModelCard, Prompt
from videoseg.types.snapshot import Snapshot


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
        ``Cue.frame`` is the stage's business. After the frame of a point or box a model that does
        not ``Follows`` is asked with a mask cue, whatever its card says. Without prompts a frame
        has no instances. Images are left as they are.

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
