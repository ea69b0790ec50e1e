"""One clip with one process and with several, side by side, with a model that only takes its time.

    python -m benchmarks.shared_out [--frames N] [--seconds S] [--jobs N] [--rounds N]
                                    [--lines N] [--objects N ...] [--kind defaults curves rotoscope]

The model sleeps before each answer, so that what is measured is how well a clip is shared out and
not how many cores there are. The clip has a cut every 24 frames and a few objects that go on across
it. Files must be the same to the byte. Exits with 1 where they are not.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.kill_resume import contents
from tests.support.media import clip
from tests.support.places import ROOT
from tests.support.plug_ins import install_models
from tests.support.tracked import background
from videoseg.types import RgbImage

SHOT = 24
"""Frames of a shot."""
KINDS = {
    "defaults": (),
    "curves": ("--set", "outlines.curves=true"),
    "rotoscope": ("--preset", "rotoscope"),
}


@dataclass(frozen=True)
class Shots:
    """Draws red objects that sway, each with bumps of its own, on what changes with the shot.

    Attributes:
        objects: How many there are.
    """

    objects: int

    def __call__(self, index: int, width: int, height: int) -> RgbImage:
        """The picture of a frame."""
        image = cv2.resize(background(index // SHOT), (width, height))
        image[..., 0] = image.min(axis=2)  # nothing red
        angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        for number in range(self.objects):
            bumps = 1 + 0.1 * np.cos((3 + number) * angle + index / 7)
            x = (number + 0.5 + 0.1 * np.sin(index / 9 + number)) * width / self.objects
            y = (0.5 + 0.2 * np.sin(index / 13 + 2 * number)) * height
            size = min(0.35 * width / self.objects, 0.15 * height)
            points = np.stack(
                [x + size * bumps * np.cos(angle), y + 1.5 * size * bumps * np.sin(angle)]
            )
            cv2.fillPoly(image, [points.T.astype(np.int32)], (230, 20 + 10 * (number % 5), 20))
        return np.asarray(image, dtype=np.uint8)


def main() -> int:
    """Measure and print; 1 where results differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=512)
    parser.add_argument("--seconds", type=float, default=0.1, help="time for a frame")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lines", type=int, default=64, help="lines of the clip")
    parser.add_argument("--objects", type=int, nargs="+", default=[1], help="objects on each frame")
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=["defaults"])
    given = parser.parse_args()
    same = True
    with tempfile.TemporaryDirectory() as name:
        install_models(Path(name))
        for objects, kind in itertools.product(given.objects, given.kind):
            same &= compared(given, objects, kind, Path(name))
    return 0 if same else 1


def compared(given: argparse.Namespace, objects: int, kind: str, folder: Path) -> bool:
    """Time a clip with one process and with several, in turn; whether both make the same."""
    width = given.lines * 16 // 9 // 2 * 2
    film = clip(frames=given.frames, width=width, height=given.lines, picture=Shots(objects))
    runs: dict[int, list[tuple[float, float]]] = {1: [], given.jobs: []}
    made = []
    for _ in range(given.rounds):
        for jobs, spent in runs.items():
            with tempfile.TemporaryDirectory(dir=folder) as name:
                out = Path(name) / "out"
                spent.append(_spent(folder, film, out, jobs, given.seconds, KINDS[kind]))
                made.append(contents(out))
    print(f"{width} x {given.lines}, {given.frames} frames, {objects} objects, {kind}")
    for jobs, spent in runs.items():
        wall, cpu = (
            sorted(1000 / given.frames * each for each in x) for x in zip(*spent, strict=True)
        )
        print(f"  {jobs}: wall {_shown(wall)}, CPU {_shown(cpu)} ms a frame")
    same = all(each == made[0] for each in made)
    ratios = [one[0] / more[0] for one, more in zip(*runs.values(), strict=True)]
    print(f"  {_shown(ratios)} times as fast, {'the same files' if same else 'files that differ'}")
    return same


def _shown(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _spent(
    folder: Path, film: Path, out: Path, jobs: int, seconds: float, kind: Sequence[str]
) -> tuple[float, float]:
    """Seconds on the wall and of CPU."""
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "videoseg", "segment", str(film), "red", "--model", "pieces"]
    command += ["--set", f"models.pieces.seconds={seconds}", *kind, "-q", "--jobs", str(jobs)]
    begun, before = time.perf_counter(), _cpu_of_children()
    subprocess.run([*command, "-o", str(out)], check=True, env={**os.environ, "PYTHONPATH": path})
    return time.perf_counter() - begun, _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = os.times()
    return used.children_user + used.children_system


if __name__ == "__main__":
    sys.exit(main())
