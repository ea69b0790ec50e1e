"""How fast everything but the model is, beside bare decoding and encoding of the same clip.

    python benchmarks/throughput.py CLIP_OR_FOLDER [--frames N] [--rounds N] [--preset NAME]
                                    [--tracker NAME]

Five ready masks a frame, of about 200 x 300 px at 720 lines and moving, go through the pipeline as
a model's answers would: decode, track, steady, outline, run log, per-frame SVG, animated SVG and
overlay video. The bare run decodes the clip and encodes the frames with the overlay's own encoder
settings, and nothing else. Both are timed in turn, in one process. The clock of the two threads is
kept stage by stage: stages of one thread add up, the two threads overlap. Exits with 1 where the
median ratio misses the bar.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np

from videoseg import pipeline, registry
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.log import RunLog
from videoseg.runlog.reader import read_run
from videoseg.sources.video import VideoSource
from videoseg.stages.batched import Batched
from videoseg.system.addresses import for_ffmpeg
from videoseg.system.threads import Stopwatch
from videoseg.types import Detections, Frame, Instance, Mask, ModelCard, Prompt, StreamInfo
from videoseg.writers.overlay import Overlay
from videoseg.writers.svg import Svg

BAR = 0.5
OBJECTS = 5
PROMPTS = (Prompt("thing", text="thing"),)
CLIPS = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Timing:
    """One run: seconds on the wall, seconds of CPU, and seconds by stage."""

    wall: float
    cpu: float
    stages: dict[str, float]


class ReadyMasks:
    """A model that has its answers ready."""

    card: ClassVar[ModelCard] = ModelCard(
        "ready", "answers made beforehand", frozenset({"text"}), True, "Apache-2.0", 0.0
    )

    def __init__(self, info: StreamInfo, count: int) -> None:
        unit = info.height / 720
        blobs = [_blob(np.random.default_rng(seed), unit) for seed in range(OBJECTS)]
        self._answers = [
            tuple(_placed(blob, number, index, info) for number, blob in enumerate(blobs))
            for index in range(count)
        ]

    def prepare(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to do."""

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        """The answers for these frames."""
        del prompts
        return [Detections(f.stream, f.index, self._answers[f.index]) for f in frames]

    def close(self) -> None:
        """Nothing to do."""


def main() -> None:
    """Measure and print."""
    arguments = parse()
    overlay = Overlay(preset=arguments.preset)
    timed = (arguments.frames, arguments.rounds, arguments.tracker, overlay)
    ratios = [report(clip, *timed) for clip in clips(arguments.clip)]
    sys.exit(0 if min(ratios) >= BAR else 1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="a video, or a folder of videos")
    parser.add_argument("--frames", type=int, default=150, help="frames of each clip")
    parser.add_argument("--rounds", type=int, default=5, help="times both are run")
    parser.add_argument("--tracker", default="iou", help="name of the tracker")
    parser.add_argument(
        "--preset", default=Overlay.preset, help="speed of the encoder, of both runs alike"
    )
    return parser.parse_args()


def clips(path: Path) -> list[Path]:
    """The videos that are meant."""
    found = [path] if path.is_file() else sorted(p for p in path.glob("*") if p.suffix in CLIPS)
    if not found:
        sys.exit(f"{path}: no video there")
    return found


def report(clip: Path, frames: int, rounds: int, tracker: str, overlay: Overlay) -> float:
    """Time one clip; print and return the median ratio."""
    info = next(iter(VideoSource().open(str(clip)).values()))
    model = ReadyMasks(info, frames)
    with tempfile.TemporaryDirectory() as folder:
        count = bare(clip, frames, Path(folder), overlay)[1]
        pairs = [
            (
                bare(clip, frames, Path(folder), overlay)[0],
                whole(clip, frames, model, tracker, overlay),
            )
            for _ in range(rounds)
        ]
    ratios = sorted(plain.wall / full.wall for plain, full in pairs)
    ratio = statistics.median(ratios)
    print(f"{clip.name}: {info.width} x {info.height}, {count} frames, {os.cpu_count()} cores")
    of_cpu = statistics.median(plain.cpu / full.cpu for plain, full in pairs)
    spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"  ratio {ratio:.2f}   of {rounds} rounds {spread}, {of_cpu:.2f} of CPU time")
    for name, runs in (
        ("bare decode and encode", [plain for plain, _ in pairs]),
        ("all but the model", [full for _, full in pairs]),
    ):
        wall, cpu = (
            1000 / count * statistics.median(values)
            for values in ([run.wall for run in runs], [run.cpu for run in runs])
        )
        print(f"  {name:24s} {wall:6.1f} ms a frame on the wall, {cpu:6.1f} ms of CPU")
    stages = [full.stages for _, full in pairs]
    for name in sorted(stages[0], key=lambda name: -stages[0][name]):
        each = 1000 / count * statistics.median(times[name] for times in stages)
        print(f"    {name:22s} {each:6.2f} ms a frame")
    return ratio


def bare(clip: Path, frames: int, folder: Path, settings: Overlay) -> tuple[Timing, int]:
    """Decode and encode with the overlay's settings; the timing and the number of frames."""
    options = {"crf": str(settings.crf), "preset": settings.preset, "x264-params": "mbtree=0"}
    count = 0
    wall, cpu = time.perf_counter(), time.process_time()
    with (
        av.open(for_ffmpeg(clip)) as source,
        av.open(for_ffmpeg(folder / "bare.mp4"), "w", options={"movflags": "faststart"}) as target,
    ):
        given = source.streams.video[0]
        given.thread_type = "AUTO"
        made = target.add_stream("libx264", rate=given.average_rate, options=options)
        made.width, made.height, made.pix_fmt = given.width, given.height, "yuv420p"
        for frame in itertools.islice(source.decode(given), frames):
            frame.pict_type = 0
            target.mux(made.encode(frame))
            count += 1
        target.mux(made.encode(None))
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, {}), count


def whole(
    clip: Path, frames: int, model: ReadyMasks, tracker_name: str, overlay: Overlay
) -> Timing:
    """Run everything but the model."""
    clock = Stopwatch()
    wall, cpu = time.perf_counter(), time.process_time()
    source = VideoSource()
    streams = source.open(str(clip))
    tracker = registry.find("tracking", tracker_name).make()
    writers: dict[str, Any] = {"svg": Svg(), "overlay": overlay}
    exporters = {"animated-svg": registry.find("exporters", "animated-svg").make()}
    tracker.start(streams, PROMPTS)
    stage = Batched(model, PROMPTS, 4)
    with tempfile.TemporaryDirectory() as folder:
        log = RunLog(Path(folder) / "run", streams, PROMPTS)
        steps = pipeline.follow(
            source.frames(stop=frames),
            stage,
            tracker,
            Vectorizer().vectorized,
            clock,
            log.append_answer,
        )
        with contextlib.closing(steps):
            pipeline.write(
                ((step.scene, step.frame) for step in steps),
                streams=streams,
                prompts=PROMPTS,
                writers=writers,
                log=log,
                folder=Path(folder),
                clock=clock,
            )
        pipeline.export(read_run(Path(folder) / "run"), exporters, Path(folder), clock)
        timing = Timing(time.perf_counter() - wall, time.process_time() - cpu, dict(clock.seconds))
    source.close()
    return timing


def _blob(rng: np.random.Generator, unit: float) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """A smooth, bumpy shape of about 200 x 300 units, bool (h, w)."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = np.ones(200)
    for waves in range(2, 8):
        radius += 0.08 * rng.standard_normal() * np.cos(waves * angle + rng.uniform(0, 2 * np.pi))
    points = np.stack([100 * radius * np.cos(angle), 150 * radius * np.sin(angle)], axis=1) * unit
    points -= points.min(axis=0) - 2
    width, height = np.ceil(points.max(axis=0)).astype(int) + 2
    canvas = np.zeros((height, width), np.uint8)
    cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return np.asarray(canvas, dtype=np.bool_)


def _placed(
    blob: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
    number: int,
    index: int,
    info: StreamInfo,
) -> Instance:
    """A blob on its way: objects side by side, each swaying by a few pixels a frame."""
    height, width = blob.shape
    room_x, room_y = max(0, info.width - width), max(0, info.height - height)
    way_x = (number + 0.5 + 0.3 * np.sin(index / 9 + number)) / OBJECTS
    way_y = 0.5 + 0.3 * np.sin(index / 13 + 2 * number)
    x, y = int(way_x * room_x), int(way_y * room_y)
    crop = blob[: info.height - y, : info.width - x]
    return Instance(Mask(x, y, info.width, info.height, crop), 0.9, 0)


if __name__ == "__main__":
    main()
