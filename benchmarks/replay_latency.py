"""How long an outline takes, and how many frames are dropped, when a clip is played at 30 Hz.

    python -m benchmarks.replay_latency [--clip FILE --text TEXT] [--seconds S] [--queue N]

The clip goes through ``videoseg replay``'s loop at 30 frames a second, whatever its own rate: first
with a model that sleeps 30 ms and then knows where a disc is (so that decoding, tracking, smoothing
and outlines are what is measured beside it), then with the embedded model on a clip and a phrase.
Latency runs from the moment a frame is due until its Scene is there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np

from tests.support.places import ROOT
from videoseg.config.run_config import RunConfig
from videoseg.evaluate.metrics.latency import latency
from videoseg.geometry import masks
from videoseg.jobs.job import Job
from videoseg.jobs.pacing import Drop
from videoseg.jobs.replay import Pace, Played, replay_config
from videoseg.protocols import Segmenter
from videoseg.types import Bitmap, Detections, Frame, Instance, ModelCard, Prompt

HERTZ = 30
WIDTH, HEIGHT, RADIUS = 640, 480, 60
SLEEP = 0.030
"""Seconds that the sleeping model takes for a frame."""


def disc(index: int) -> Bitmap:
    """Where the disc is on a frame: bool (HEIGHT, WIDTH)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x = WIDTH / 2 + 200 * np.sin(index / 25)
    found: Bitmap = (columns - x) ** 2 + (rows - HEIGHT / 2) ** 2 <= RADIUS**2
    return found


class Sleeping:
    """Sleeps for every frame, then says where the disc is."""

    card: ClassVar[ModelCard] = ModelCard(
        "sleeping", "", frozenset({"text"}), True, "Apache-2.0", 0
    )

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to do."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """The disc of each frame."""
        del prompts
        return [self._answer(frame) for frame in frames]

    def close(self) -> None:
        """Nothing to do."""

    def _answer(self, frame: Frame) -> Detections:
        time.sleep(SLEEP)
        mask = masks.from_bitmap(disc(frame.index))
        assert mask is not None
        return Detections(frame.stream, frame.index, (Instance(mask, 0.9, 0),))


def made(path: Path, frames: int) -> Path:
    """A clip of the disc in front of noise."""
    noise = np.random.default_rng(0).integers(40, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=HERTZ, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            image = noise.copy()
            image[disc(index)] = (220, 40, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


def played(path: Path, text: str, drop: Drop, queue: int, model: Segmenter | None) -> Played:
    """The clip at 30 frames a second."""
    config = replay_config(RunConfig(), str(path))
    with Job(str(path), text, config, model=model) as job:
        (info,) = job.streams.values()
        rate = HERTZ / float(info.frame_rate or Fraction(HERTZ))
        return job.play(Pace(rate, drop, queue))


def said(name: str, drop: Drop, end: Played) -> str:
    """One line for a replay."""
    times = latency(end.latencies)
    p50, p95, p99, most = (1000 * x for x in (times.p50, times.p95, times.p99, times.maximum))
    frames = end.tally.frames + end.dropped
    return (
        f"{name}, drop {drop}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, longest "
        f"{most:.1f} ms; {end.dropped} of {frames} frames dropped"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", type=Path, default=ROOT / "sample_media" / "cat.mp4")
    parser.add_argument("--text", default="the cat")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--queue", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = made(Path(folder, "disc.mp4"), HERTZ * options.seconds)
        for drop in ("oldest", "newest"):
            end = played(path, "disc", drop, options.queue, Sleeping())
            print(said("sleeping 30 ms", drop, end), flush=True)
    end = played(options.clip, options.text, "oldest", options.queue, None)
    print(said(f"embedded, {options.clip.name}", "oldest", end), flush=True)


if __name__ == "__main__":
    main()
