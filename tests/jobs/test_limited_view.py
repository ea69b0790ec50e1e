"""A run with ``--roi``, ``--max-size`` or ``--ignore-mask`` asks in the batches of one without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support.fakes import Colours
from tests.support.media import clip
from videoseg.config.run_config import load
from videoseg.jobs.job import Job
from videoseg.types import Detections, Frame, Prompt

FRAMES = 14
FIT = 4
"""Frames that the model says fit at once."""


@dataclass
class Noting(Colours):
    """Works on by itself; notes what begins and what is fetched, and the sizes that it sees."""

    events: list[str] = field(init=False, default_factory=list)
    sizes: set[tuple[int, int]] = field(init=False, default_factory=set)

    def batch_size(self) -> int:
        return FIT

    def submit(self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]) -> UnderWay:
        self.events.append(f"submit {[frame.index for frame in frames]}")
        self.sizes |= {(frame.width, frame.height) for frame in frames}
        return UnderWay(self, frames, self.segment(frames, prompts))


@dataclass
class UnderWay:
    """A batch that was begun."""

    model: Noting
    frames: Sequence[Frame]
    answers: Sequence[Detections]
    seconds: float = 0.0

    def result(self) -> Sequence[Detections]:
        self.model.events.append(f"result {[frame.index for frame in self.frames]}")
        return self.answers


def asked(out: Path, **settings: Any) -> Noting:
    """What a model is asked in a run."""
    model, film = Noting(), str(clip(frames=FRAMES, width=160, height=96))
    flags = {"write": ("masks",), **settings}
    with Job(film, Prompt("red", text="red"), load(flags=flags), model=model) as job:
        assert job.run(out).frames == FRAMES
    return model


@pytest.mark.parametrize(
    "names", [("roi",), ("max_size",), ("ignore_mask",), ("roi", "max_size", "ignore_mask")]
)
def test_batches_and_overlap_stay(tmp_path: Path, names: tuple[str, ...]) -> None:
    ignored = tmp_path / "ignored.png"
    cv2.imwrite(str(ignored), np.eye(96, 160, dtype=np.uint8))
    limits = {"roi": (0, 0, 120, 90), "max_size": 80, "ignore_mask": str(ignored)}
    plain = asked(tmp_path / "plain")
    limited = asked(tmp_path / "limited", **{name: limits[name] for name in names})
    assert limited.sizes != plain.sizes or names == ("ignore_mask",)
    first, second = [*range(FIT)], [*range(FIT, 2 * FIT)]
    # The second batch is under way before the first one's answers are fetched.
    assert plain.events[:3] == [f"submit {first}", f"submit {second}", f"result {first}"]
    assert limited.events == plain.events
    assert limited.calls == plain.calls
