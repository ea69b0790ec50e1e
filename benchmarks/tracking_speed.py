"""How fast objects are followed and steadied: ten of them at 1080 lines, part by part.

    python -m benchmarks.tracking_speed [--objects 10] [--frames 60] [--rounds 5] [--threads 2]

Pictures and masks are made beforehand: rough-edged shapes on their ways over a picture that moves.
What is timed is the tracker with the vectorizer, from a frame and its detections to outlines, in a
process that may use two cores. The shares are measured in a run of their own, in which the parts
are wrapped. Exits with 1 where the median is below the bar.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np

from benchmarks.identity.failures import rough
from benchmarks.thread_cpu import ThreadCpu
from videoseg.geometry import masks
from videoseg.motion import frame_pairs as steps
from videoseg.motion import shot_cuts as cuts
from videoseg.outlines import vectorizer
from videoseg.tracking import online as follow
from videoseg.tracking.iou import IouTracker
from videoseg.tracking.smoothing import blend as smooth
from videoseg.tracking.smoothing.observation import Observation
from videoseg.types import Detections, Frame, Instance, Mask, Prompt, StreamInfo

WIDTH = 1920
"""Of the frames, pixels."""
HEIGHT = 1080
"""Of the frames, pixels."""
RATE = 30
"""Frames a second of the clip."""
BAR = 30.0
"""Frames a second that are to be reached."""
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("small pictures", steps.FramePyramid, "of"),
    ("flow", steps, "flow_to"),
    ("camera", follow, "camera_motion"),
    ("association", follow.OnlineTracker, "_assign"),
    ("trust in motion", steps, "motion_between"),
    ("distances", Observation, "of"),
    ("smoothing", smooth, "smooth_mask"),
    ("outlines", vectorizer, "outlines_of"),
    ("cuts", cuts.CutDetector, "push"),
)
"""What is told apart, and where it is called."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    sys.exit(0 if run(options.objects, options.frames, options.rounds, options.threads) else 1)


def run(objects: int, frames: int, rounds: int, threads: int) -> bool:
    """Measure and print; whether the bar is met."""
    cv2.setNumThreads(threads)
    steps = made(objects, frames)
    walls, cpus = [], []
    with ThreadCpu() as spent_in:
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            track(steps)
            walls.append((time.perf_counter() - wall) / frames)
            cpus.append((time.process_time() - cpu) / frames)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    spread = f"{1 / max(walls):.0f} to {1 / min(walls):.0f}"
    print(f"\n{objects} objects at {WIDTH} x {HEIGHT}, {os.cpu_count()} cores, {frames} frames")
    print(f"  {1 / wall:.0f} frames a second ({spread}), {1000 * cpu:.1f} ms of CPU a frame")
    spent_by: dict[str, float] = defaultdict(float)
    for name, spent in spent_in.seconds.items():
        spent_by[name.rstrip("'")] += spent
    for name, spent in sorted(spent_by.items(), key=lambda item: -item[1]):
        print(f"    thread {name:26s} {1000 * spent / frames / rounds:6.2f} ms of CPU a frame")
    with clocked() as seconds:
        track(steps)
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        print(f"    {name:18s} {1000 * spent / frames:6.2f} ms of CPU a frame")
    return 1 / wall >= BAR


def track(steps: Sequence[tuple[Frame, Detections]]) -> None:
    """Follow, smooth and outline everything."""
    tracker, drawn = IouTracker(), vectorizer.Vectorizer()
    info = StreamInfo("clip", WIDTH, HEIGHT, Fraction(1, RATE), Fraction(RATE))
    tracker.start({"clip": info}, (Prompt("thing", text="thing"),))
    for frame, detections in steps:
        for scene in tracker.update(frame, detections):
            drawn.vectorized(scene)
    for scene in tracker.finish():
        drawn.vectorized(scene)


def made(objects: int, frames: int) -> list[tuple[Frame, Detections]]:
    """Frames of a moving picture with their detections."""
    rng = np.random.default_rng(3)
    coarse = rng.integers(0, 256, (HEIGHT // 24, WIDTH // 24 + 8, 3), dtype=np.uint8)
    wide = cv2.resize(coarse, (WIDTH + 192, HEIGHT), interpolation=cv2.INTER_CUBIC)
    shapes = [_shape(rng) for _ in range(objects)]
    ways = rng.uniform((0.1, 0.1, 20, 0), (0.9, 0.9, 60, 6.3), (objects, 4))
    steps = []
    for index in range(frames):
        moved = 2 * index % 190
        image = np.ascontiguousarray(wide[:, moved : moved + WIDTH], dtype=np.uint8)
        found: list[Instance] = []
        for shape, (x, y, period, phase) in zip(shapes, ways, strict=True):
            sway = 90 * np.sin(index / period * 6.3 + phase)
            mask = rough(_placed(shape, x * WIDTH + sway, y * HEIGHT), 1.5, rng)
            if mask is not None:
                found.append(Instance(mask, 0.9, 0))
        frame = Frame("clip", index, index, Fraction(1, RATE), image)
        steps.append((frame, Detections("clip", index, tuple(found))))
    return steps


def _shape(rng: np.random.Generator) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A smooth, bumpy shape of about 240 x 360 px, bool (h, w)."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    radius = np.ones(200)
    for waves in range(2, 8):
        radius += 0.08 * rng.standard_normal() * np.cos(waves * angle + rng.uniform(0, 6.3))
    points = np.stack([120 * radius * np.cos(angle), 180 * radius * np.sin(angle)], axis=1)
    points -= points.min(axis=0)
    wide, high = np.ceil(points.max(axis=0)).astype(int) + 1
    canvas = np.zeros((high, wide), np.uint8)
    cv2.fillPoly(canvas, [points.astype(np.int32)], 1)
    return np.asarray(canvas, dtype=np.bool_)


def _placed(shape: np.ndarray[Any, np.dtype[np.bool_]], x: float, y: float) -> Mask:
    """The shape about a place, pushed into the frame."""
    high, wide = shape.shape
    left = min(max(0, int(x - wide / 2)), WIDTH - wide)
    top = min(max(0, int(y - high / 2)), HEIGHT - high)
    full = np.zeros((HEIGHT, WIDTH), np.bool_)
    full[top : top + high, left : left + wide] = shape
    mask = masks.from_bitmap(full)
    assert mask is not None
    return mask


@contextlib.contextmanager
def clocked() -> Iterator[dict[str, float]]:
    """Seconds of CPU, of the thread that calls, in each of ``PARTS`` while the context is open."""
    seconds: dict[str, float] = defaultdict(float)

    def timed(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                seconds[name] += time.thread_time() - began

        return wrapped

    before = [(owner, name, owner.__dict__[name]) for _, owner, name in PARTS]
    try:
        for part, owner, name in PARTS:
            bound = isinstance(owner.__dict__[name], classmethod)
            replaced = timed(part, getattr(owner, name))
            setattr(owner, name, staticmethod(replaced) if bound else replaced)
        yield seconds
    finally:
        for owner, name, call in before:
            setattr(owner, name, call)


if __name__ == "__main__":
    main()
