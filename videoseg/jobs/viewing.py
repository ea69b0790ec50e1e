"""Hands every Scene to programs that look on, behind the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from videoseg.pipeline import STEPS_BEHIND, Step
from videoseg.protocols import Viewer
from videoseg.system.threads import WriteBehind


@contextmanager
def shown_by(viewers: Sequence[Viewer]) -> Iterator[Callable[[Step], None]]:
    """Within, what is called with a step shows it, on a thread that all viewers share."""
    if not viewers:
        yield lambda _: None
        return

    def show(step: Step) -> None:
        for viewer in viewers:
            viewer.show(step.scene, step.frame)

    with WriteBehind(show, STEPS_BEHIND) as behind:
        yield behind.put
