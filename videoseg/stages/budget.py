"""Ends a run in good order where a limit of the user's allows no further call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from videoseg.errors import LimitReachedError
from videoseg.protocols import Stage
from videoseg.types import Detections, Frame


@dataclass(slots=True)
class Budget:
    """A ``Stage``: another one, up to the frame before the limit, as if the input ended there.

    Attributes:
        stage: The other one.
        reached: Why it ended before the input did; None if it did not.
    """

    stage: Stage
    reached: str | None = field(init=False, default=None)

    def run(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections | None]]:
        """Yield frames, in order, with their answers.

        Raises:
            LimitReachedError: Not one frame could be answered.
        """
        some = False
        try:
            for pair in self.stage.run(frames):
                yield pair
                some = True
        except LimitReachedError as error:
            if not some:
                raise
            self.reached = str(error)
