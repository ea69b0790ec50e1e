"""How fast the embedded model follows objects and how well, beside an earlier version of it.

    python -m benchmarks.followed DATA [--frames 40] [--before FOLDER] [--rounds 1]

``DATA`` is as in ``benchmarks/davis.py``. The true mask of the first frame is carried through the
first frames of each sequence, one object at a time; then ten objects at once, through a film that
shows ten sequences side by side, each about its object. Every clip is followed by a process of its
own, by the version in FOLDER (a checkout) and by this one in turn. What is told is J, averaged over
objects and frames without the first, and CPU time a frame, on one thread, of the stage that
``videoseg segment --mask`` uses; reading and decoding are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from videoseg import registry
from videoseg.evaluate.readers import read_image, read_labels
from videoseg.geometry import masks
from videoseg.stages.propagated import Propagated
from videoseg.types import Bitmap, Cue, Frame, Prompt, RgbImage

TOGETHER = "ten at once"
COLUMNS = 4
"""Sequences beside each other in the film that shows ten."""
ROWS = 3
"""And below each other."""
SIZE = (854, 480)
"""Width and height of that film, pixels."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--before", type=Path, help="checkout of an earlier version")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--clips", nargs="+", help="default: all sequences, and ten at once")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measured(given.data, given.measure, given.frames)))
        return
    found = sorted(path.name for path in given.data.iterdir() if (path / "masks").is_dir())
    here = Path(__file__).parents[1]
    versions = [here] if given.before is None else [given.before, here]
    rows: dict[str, list[list[float]]] = {}
    for clip in given.clips or [*found, TOGETHER]:
        runs = [
            [_run(version, given.data, clip, given.frames) for version in versions]
            for _ in range(given.rounds)
        ]
        rows[clip] = [
            [statistics.median(run[place][key] for run in runs) for key in ("j", "ms")]
            for place in range(len(versions))
        ]
        _print(clip, rows[clip])
    singles = [row for clip, row in rows.items() if clip != TOGETHER]
    if len(singles) > 1:
        means = [
            [statistics.mean(row[place][key] for row in singles) for key in (0, 1)]
            for place in range(len(versions))
        ]
        _print(f"mean of {len(singles)}", means)
        # An earlier version, which this file measures as well, may not have it.
        from benchmarks.spread import mean_text

        for place, version in enumerate(versions):
            print(f"mean J, {version.name} {mean_text([row[place][0] for row in singles])}")


def _print(clip: str, row: list[list[float]]) -> None:
    told = "   ".join(f"J {j:.3f} {ms:7.1f} ms" for j, ms in row)
    ratio = f"   {row[0][1] / row[1][1]:.2f} times as fast, {row[1][0] - row[0][0]:+.4f} J"
    print(f"{clip:20} {told}{ratio if len(row) > 1 else ''}", flush=True)


def _run(version: Path, data: Path, clip: str, frames: int) -> dict[str, float]:
    """What one version makes of one clip, in a process of its own."""
    command = [sys.executable, __file__, str(data), "--measure", clip, "--frames", str(frames)]
    paths = [str(version), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measured(data: Path, clip: str, count: int) -> dict[str, float]:
    """J and ms of CPU a frame."""
    cv2.setNumThreads(1)
    if clip == TOGETHER:
        images, truths = together(data, count)
    else:
        images, whole = read(data / clip, count)
        truths = [whole]
    prompts = tuple(
        Prompt(str(number), cues=(Cue(frame=0, mask=masks.from_bitmap(one[0])),))
        for number, one in enumerate(truths)
    )
    model = registry.find("models", "embedded").make(threads=1)
    model.prepare(prompts)
    frames = [Frame("clip", n, n, Fraction(1, 25), image) for n, image in enumerate(images)]
    scores: list[float] = []
    began = time.process_time()
    steps = Propagated(model, prompts).run(frames)
    spent = 0.0
    for frame, answer in steps:
        if frame.index:
            spent += time.process_time() - began
            answers = {one.prompt: masks.to_bitmap(one.mask) for one in answer.instances}
            for number, true in enumerate(truths):
                shown = answers.get(number, np.zeros_like(true[0]))
                both = np.count_nonzero(shown | true[frame.index])
                inter = np.count_nonzero(shown & true[frame.index])
                scores.append(inter / both if both else 1.0)
        began = time.process_time()
    return {"j": float(np.mean(scores)), "ms": 1000 * spent / (len(frames) - 1)}


def read(folder: Path, count: int) -> tuple[list[RgbImage], list[Bitmap]]:
    """Pictures, and true masks of the object, of a sequence's first frames."""
    pictures = sorted((folder / "frames").glob("*.jpg"))[:count]
    labels = sorted((folder / "masks").glob("*.png"))[:count]
    return [read_image(path) for path in pictures], [read_labels(path) > 127 for path in labels]


def together(data: Path, count: int) -> tuple[list[RgbImage], list[list[Bitmap]]]:
    """Pictures of the film that shows ten sequences, and true masks of each object."""
    width, height = SIZE[0] // COLUMNS, SIZE[1] // ROWS
    images = [np.full((SIZE[1], SIZE[0], 3), 127, np.uint8) for _ in range(count)]
    truths = []
    folders = sorted(path for path in data.iterdir() if (path / "masks").is_dir())
    for number, folder in enumerate(folders[: COLUMNS * ROWS]):
        x, y = number % COLUMNS * width, number // COLUMNS * height
        pictures, shown = read(folder, count)
        # The part of the picture that has the cell's shape, about the object at first.
        rows, columns = shown[0].shape
        across = min(columns, rows * width // height)
        left = int(np.nonzero(shown[0])[1].mean()) - across // 2
        left = min(max(left, 0), columns - across)
        true = []
        for image, picture, mask in zip(images, pictures, shown, strict=True):
            part = np.ascontiguousarray(picture[:, left : left + across])
            image[y : y + height, x : x + width] = cv2.resize(
                part, (width, height), interpolation=cv2.INTER_AREA
            )
            seen = mask[:, left : left + across].astype(np.float32)
            whole = np.zeros(SIZE[::-1], np.bool_)
            small = cv2.resize(seen, (width, height), interpolation=cv2.INTER_AREA)
            whole[y : y + height, x : x + width] = small > 0.5
            true.append(whole)
        truths.append(true)
    return images, truths


if __name__ == "__main__":
    main()
