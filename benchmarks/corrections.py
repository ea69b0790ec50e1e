"""What a correction of a finished run costs: frames that are asked anew, and the time of an edit.

    python -m benchmarks.corrections [--frames 300] [--at 200] [--model NAME ...]

A sample clip is played to and fro for as many frames. An object is boxed on the first one; then a
box is added on frame AT, once to the finished run (``rerun --box``) and once to a run of its own.
Both must be the same, byte by byte. ``forgetful`` is the embedded model without its memory: it
follows a mask from frame to frame. Then an edit of that run is timed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np

from benchmarks.kill_resume import contents
from tests.support.commandline import parts
from tests.support.media import clip
from videoseg.config.run_config import load
from videoseg.jobs.edits import RunEdits
from videoseg.jobs.inputs import open_source
from videoseg.jobs.job import Job
from videoseg.jobs.rerun import Finished
from videoseg.models.embedded.model import Embedded
from videoseg.types import Cue, Detections, Frame, ModelCard, Prompt, RgbImage

MEDIA = Path(__file__).parents[1] / "sample_media"
SIZE = (320, 180)
FIRST, LATER = (30.0, 5.0, 280.0, 175.0), (40.0, 10.0, 270.0, 170.0)


@dataclass
class Forgetful:
    """The embedded model, without its memory."""

    card: ClassVar[ModelCard] = replace(Embedded.card, name="forgetful", weights=())
    inner: Embedded = field(init=False, repr=False, default_factory=Embedded)

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Get ready for these prompts."""
        self.inner.prepare(prompts)

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """Answer about each frame for itself."""
        return self.inner.segment(frames, prompts)

    def close(self) -> None:
        """Let go of the networks."""
        self.inner.close()


def film(count: int) -> Path:
    """A clip that goes to and fro, so that there is no cut."""
    source, _ = open_source(MEDIA / "cat.mp4", load())
    shown = [cv2.resize(each.image, SIZE, interpolation=cv2.INTER_AREA) for each in source.frames()]
    source.close()
    there = [*range(len(shown)), *range(len(shown) - 2, 0, -1)]

    def picture(index: int, width: int, height: int) -> RgbImage:
        del width, height
        return np.asarray(shown[there[index % len(there)]], np.uint8)

    return clip(name="to-and-fro.mp4", frames=count, width=SIZE[0], height=SIZE[1], picture=picture)


def corrected(model: str, path: Path, at: int, folder: Path) -> Path:
    """Correct a run, compare it with one that knew all, and tell what it took."""
    settings = load(flags={"model": model, "write": ("masks", "jsonl")})
    first, later = Cue(0, boxes=[FIRST]), Cue(at, boxes=[LATER])

    def run(out: Path, *cues: Cue) -> float:
        begun = time.process_time()
        with Job(str(path), Prompt("cat", cues=cues), settings) as job:
            job.run(out)
        return time.process_time() - begun

    out, whole, more = (folder / f"{model}-{name}" for name in ("out", "whole", "more"))
    run(out, first)
    full = run(whole, first, later)
    begun = time.process_time()
    finished = Finished(out)
    finished.add([Prompt("cat", cues=(later,))])
    with finished.job() as job:
        done = finished.rerun(job, more)
    spent = time.process_time() - begun
    same = contents(more) == contents(whole)
    print(
        f"{model}: {done.frames - done.known} of {done.frames} frames asked anew for a mark on "
        f"{at}; as a run with both: {same}; {spent:.1f} s of a core, a whole run {full:.1f} s"
    )
    return out


def edits(out: Path) -> None:
    """Time an edit."""
    begun = time.process_time()
    RunEdits(out).rename(1, "renamed")
    print(f"an edit: {time.process_time() - begun:.2f} s of one core")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--at", type=int, default=200)
    parser.add_argument("--model", nargs="+", default=["forgetful", "embedded"])
    given = parser.parse_args()
    path = film(given.frames)
    ours = {"models": {"forgetful": Forgetful}}
    with tempfile.TemporaryDirectory() as folder, parts(ours):
        for model in given.model:
            edits(corrected(model, path, given.at, Path(folder)))


if __name__ == "__main__":
    main()
