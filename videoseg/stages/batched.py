"""Asks a model the same prompts on every frame, several frames at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from videoseg.errors import ModelError
from videoseg.protocols import Segmenter
from videoseg.types import Detections, Frame, Prompt


@dataclass(frozen=True, slots=True)
class Batched:
    """A ``Stage``: every frame is asked, for itself.

    Attributes:
        segmenter: The model; prepared by the caller.
        prompts: What is asked; their cues are meant for every frame as they are.
        batch_size: Frames that are handed to the model at once, at least 1.
    """

    segmenter: Segmenter
    prompts: Sequence[Prompt]
    batch_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"a batch holds at least one frame, got {self.batch_size = }")

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Yield every frame, in order, with its answer.

        Raises:
            ModelError: The model did not answer every frame once, in order.
        """
        prompts = tuple(self.prompts)
        source = iter(frames)
        while batch := tuple(islice(source, self.batch_size)):
            answers = self.segmenter.segment(batch, (prompts,) * len(batch))
            asked = [(frame.stream, frame.index) for frame in batch]
            given = [(answer.stream, answer.index) for answer in answers]
            if asked != given:
                raise ModelError(
                    f"model {self.segmenter.card.name!r} was asked about the frames {asked} and "
                    f"answered {given}"
                )
            yield from zip(batch, answers, strict=True)
