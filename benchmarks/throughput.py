"""How fast everything but the model is, beside bare decoding and encoding of the same clip.

    python -m benchmarks.throughput CLIP_OR_FOLDER [--objects 1 5 10 30] [--lines 720 1080]
                                    [--kind defaults curves rotoscope] [--frames N] [--rounds N]
                                    [--preset NAME] [--tracker NAME]

Ready masks, of about 200 x 300 px at 720 lines and moving, go through the pipeline as a model's
answers would: decode, track, steady, outline, run log, per-frame SVG, animated SVG and overlay
video. The bare run decodes the clip and encodes the frames with the overlay's own encoder
settings, and nothing else. Both are timed in turn, in one process. The clock is kept stage by
stage, and the CPU thread by thread: stages of one thread add up, threads overlap. Exits with 1
where a median ratio misses the bar.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import av
import cv2
import numpy as np

from benchmarks.thread_cpu import ThreadCpu
from videoseg import pipeline, registry
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.runlog.log import RunLog
from videoseg.sources.video import VideoSource
from videoseg.stages.batched import Batched
from videoseg.system.addresses import for_ffmpeg
from videoseg.system.threads import Stopwatch
from videoseg.types import Detections, Frame, Instance, Mask, ModelCard, Prompt, StreamInfo
from videoseg.writers.overlay import Overlay
from videoseg.writers.svg import Svg

BAR = 0.45
PROMPTS = (Prompt("thing", text="thing"),)
CLIPS = (".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class Kind:
    """What a run makes: how outlines are drawn, and how closely they are keyed."""

    smoothing: float | None = None
    outlines: Vectorizer = field(default_factory=Vectorizer)
    animated: dict[str, float] = field(default_factory=dict)


KINDS = {
    "defaults": Kind(),
    "curves": Kind(outlines=Vectorizer(curves=True)),
    "rotoscope": Kind(0.8, Vectorizer(tolerance=0.3, curves=True), {"tolerance": 1.0}),
}


@dataclass(frozen=True)
class Timing:
    """One run: seconds on the wall, seconds of CPU, and seconds by stage and by thread."""

    wall: float
    cpu: float
    stages: dict[str, float]
    threads: dict[str, float]


class ReadyMasks:
    """A model that has its answers ready."""

    card: ClassVar[ModelCard] = ModelCard(
        "ready", "answers made beforehand", frozenset({"text"}), True, "Apache-2.0", 0.0
    )

    def __init__(self, info: StreamInfo, count: int, objects: int) -> None:
        unit = info.height / 720
        blobs = [_blob(np.random.default_rng(seed), unit) for seed in range(objects)]
        self._answers = [
            tuple(
                _placed(blob, (number, objects), index, info) for number, blob in enumerate(blobs)
            )
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
    settings = Overlay(preset=arguments.preset)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips(arguments.clip):
            lines = arguments.lines
            sizes = [scaled(clip, each, Path(folder)) for each in lines] if lines else [clip]
            for sized, objects, kind in itertools.product(sizes, arguments.objects, arguments.kind):
                ratios.append(report(sized, arguments, objects, kind, settings))
    sys.exit(0 if min(ratios) >= BAR else 1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path, help="a video, or a folder of videos")
    parser.add_argument("--objects", type=int, nargs="+", default=[5], help="masks on each frame")
    parser.add_argument("--lines", type=int, nargs="+", help="lines that the clip is scaled to")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=["defaults"])
    parser.add_argument("--frames", type=int, default=100, help="frames of each clip")
    parser.add_argument("--rounds", type=int, default=3, help="times both are run")
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


def scaled(clip: Path, lines: int, folder: Path) -> Path:
    """A copy of a clip with so many lines."""
    target = folder / f"{clip.stem}-{lines}.mp4"
    command = ["ffmpeg", "-v", "error", "-i", for_ffmpeg(clip), "-vf", f"scale=-2:{lines}"]
    subprocess.run([*command, "-preset", "veryfast", "-an", str(target)], check=True)
    return target


def report(
    clip: Path, arguments: argparse.Namespace, objects: int, kind: str, overlay: Overlay
) -> float:
    """Time one clip; print and return the median ratio."""
    frames, rounds = arguments.frames, arguments.rounds
    info = next(iter(VideoSource().open(str(clip)).values()))
    model = ReadyMasks(info, frames, objects)
    with tempfile.TemporaryDirectory() as folder:
        count = bare(clip, frames, Path(folder), overlay)[1]
        pairs = [
            (
                bare(clip, frames, Path(folder), overlay)[0],
                whole(clip, frames, model, arguments.tracker, overlay, KINDS[kind]),
            )
            for _ in range(rounds)
        ]
    what = f"{objects} objects, {kind}"
    print(
        f"{clip.name}: {info.width} x {info.height}, {count} frames, {os.cpu_count()} cores, {what}"
    )
    show(pairs, count)
    return statistics.median(plain.wall / full.wall for plain, full in pairs)


def show(pairs: Sequence[tuple[Timing, Timing]], count: int) -> None:
    """Print what runs of so many frames took: bare ones, and whole ones."""
    rows = {
        "speed over bare, wall": [plain.wall / full.wall for plain, full in pairs],
        "all CPU over bare": [full.cpu / plain.cpu for plain, full in pairs],
        "longest thread over bare CPU": [
            max(full.threads.values()) / plain.cpu for plain, full in pairs
        ],
    }
    for name, values in rows.items():
        print(f"  {name:30s} {_with_spread(values)}")
    runs = {
        "bare decode and encode": [plain for plain, _ in pairs],
        "all but the model": [full for _, full in pairs],
    }
    for name, timings in runs.items():
        wall = _with_spread([1000 / count * run.wall for run in timings])
        cpu = _with_spread([1000 / count * run.cpu for run in timings])
        print(f"  {name:24s} ms a frame: wall {wall}, CPU {cpu}")
    full = [each for _, each in pairs]
    for title, parts in (
        ("thread", [each.threads for each in full]),
        ("stage", [each.stages for each in full]),
    ):
        names = {name: None for each in parts for name in each}
        medians = {
            name: 1000 / count * statistics.median(each.get(name, 0.0) for each in parts)
            for name in names
        }
        for name in sorted(medians, key=lambda name: -medians[name]):
            print(f"    {title} {name:34s} {medians[name]:6.2f} ms a frame")


def _with_spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


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
    return Timing(time.perf_counter() - wall, time.process_time() - cpu, {}, {}), count


def whole(
    clip: Path, frames: int, model: ReadyMasks, tracker_name: str, overlay: Overlay, kind: Kind
) -> Timing:
    """Run everything but the model."""
    clock = Stopwatch()
    with ThreadCpu() as threads:
        wall, cpu = _run(clip, frames, model, tracker_name, overlay, kind, clock)
    return Timing(wall, cpu, dict(clock.seconds), threads.seconds)


def _run(
    clip: Path,
    frames: int,
    model: ReadyMasks,
    tracker_name: str,
    overlay: Overlay,
    kind: Kind,
    clock: Stopwatch,
) -> tuple[float, float]:
    """Run everything but the model; seconds on the wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    source = VideoSource()
    streams = source.open(str(clip))
    steadied = {} if kind.smoothing is None else {"smoothing": kind.smoothing}
    tracker = registry.find("tracking", tracker_name).make(**steadied)
    writers: dict[str, Any] = {"svg": Svg(), "overlay": overlay}
    along = {"animated-svg": registry.find("exporters", "animated-svg").make(**kind.animated)}
    tracker.start(streams, PROMPTS)
    stage = Batched(model, PROMPTS, 4)
    with tempfile.TemporaryDirectory() as folder:
        log = RunLog(Path(folder) / "run", streams, PROMPTS)
        steps = pipeline.follow(
            source.frames(stop=frames),
            stage,
            tracker,
            kind.outlines.vectorized,
            clock,
            log.append_answer,
        )
        with contextlib.closing(steps):
            pipeline.write(
                ((step.scene, step.frame) for step in steps),
                streams=streams,
                prompts=PROMPTS,
                writers=writers,
                along=along,
                log=log,
                folder=Path(folder),
                clock=clock,
            )
        spent = time.perf_counter() - wall, time.process_time() - cpu
    source.close()
    return spent


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
    place: tuple[int, int],
    index: int,
    info: StreamInfo,
) -> Instance:
    """A blob on its way: objects side by side, each swaying by a few pixels a frame.

    ``place`` is its number, and how many there are.
    """
    number, objects = place
    height, width = blob.shape
    room_x, room_y = max(0, info.width - width), max(0, info.height - height)
    way_x = (number + 0.5 + 0.3 * np.sin(index / 9 + number)) / objects
    way_y = 0.5 + 0.3 * np.sin(index / 13 + 2 * number)
    x, y = int(way_x * room_x), int(way_y * room_y)
    crop = blob[: info.height - y, : info.width - x]
    return Instance(Mask(x, y, info.width, info.height, crop), 0.9, 0)


if __name__ == "__main__":
    main()
