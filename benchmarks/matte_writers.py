"""How fast mattes are written at 1080p, beside an encoder alone that is handed the same samples.

usage: python -m benchmarks.matte_writers [--frames 24] [--objects 3]

The objects are discs with soft edges that move over a photograph. The encoder alone is
OpenCV's for PNG, and OpenEXR's for EXR, on one thread. Milliseconds are of CPU, so that other work
on the machine does not count.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.writing import written
from videoseg.formats.exr import write_exr
from videoseg.geometry import masks
from videoseg.system.threads import opencv_unthreaded
from videoseg.system.workers import core_count
from videoseg.types import (
    WHOLE,
    Alpha,
    Frame,
    Instance,
    RgbImage,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)
from videoseg.writers._mattes.sequence import PictureSequence
from videoseg.writers.cryptomatte import Cryptomatte
from videoseg.writers.cutout_png import CutoutPng
from videoseg.writers.exr import Exr
from videoseg.writers.matte_png import MattePng

WIDTH = 1920
"""Of the frames, pixels."""
HEIGHT = 1080
"""Of the frames, pixels."""
SOFT = 6
"""Pixels that an edge is wide."""
INFO = StreamInfo("clip", WIDTH, HEIGHT, Fraction(1, 25), Fraction(25))
PHOTOGRAPH = Path(__file__).parents[1] / "sample_media/coffee.jpg"


@dataclass(frozen=True)
class Trial:
    """A writer with its settings, and the encoder alone."""

    name: str
    make: Callable[[int], PictureSequence]
    bare: Callable[[Path], Callable[[], object]]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--objects", type=int, default=3)
    given = parser.parse_args()
    picture = photograph()
    steps = [step(index, given.objects, picture) for index in range(given.frames)]
    cores = core_count()
    print(f"{given.objects} objects, {WIDTH} x {HEIGHT}")
    with opencv_unthreaded():
        for trial in trials(steps[0], picture):
            alone = repeated(trial.bare)
            one, _, size = written(trial.make(1), {"clip": INFO}, steps)
            _, rate, _ = written(trial.make(cores), {"clip": INFO}, steps)
            print(
                f"{trial.name:20} encoder alone {alone:5.0f} ms a frame, writer {one:5.0f} ms; "
                f"{rate:5.1f} frames a second on {cores} threads; {size:.2f} MB a frame"
            )


def photograph() -> RgbImage:
    """uint8 (1080, 1920, 3)."""
    found = cv2.imread(str(PHOTOGRAPH))
    assert found is not None
    return np.asarray(cv2.cvtColor(cv2.resize(found, (WIDTH, HEIGHT)), cv2.COLOR_BGR2RGB), np.uint8)


def step(index: int, objects: int, picture: RgbImage) -> tuple[Scene, Frame]:
    """A frame and its objects."""
    tracks = tuple(disc(number, index) for number in range(objects))
    scene = Scene("clip", index, index, INFO.time_base, 1, instances=tracks)
    return scene, Frame("clip", index, index, INFO.time_base, picture, 1)


def disc(number: int, index: int) -> TrackedInstance:
    """A disc with a soft edge."""
    x, y, radius = 300 + 500 * number % 1400 + 4 * index, 300 + 210 * number % 500, 220
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(columns - x, rows - y)
    full = (np.clip((radius - distance) / SOFT + 0.5, 0, 1) * WHOLE).astype(np.uint16)
    mask = masks.from_bitmap(full > WHOLE // 2)
    assert mask is not None
    x1, y1 = max(0, x - radius - SOFT), max(0, y - radius - SOFT)
    crop = full[y1 : y + radius + SOFT, x1 : x + radius + SOFT]
    alpha = Alpha(x1, y1, WIDTH, HEIGHT, np.ascontiguousarray(crop))
    return TrackedInstance(number + 1, Instance(mask, 0.9, 0), Shape(()), "disc", alpha=alpha)


def trials(first: tuple[Scene, Frame], picture: RgbImage) -> Sequence[Trial]:
    """What is measured."""
    alphas = [tracked.alpha.to_array() for tracked in first[0].instances if tracked.alpha]
    whole = np.max(alphas, axis=0)
    eight = [np.rint(each / 257).astype(np.uint8) for each in alphas]
    shown = picture * (whole > 0)[..., None]
    rgba = np.dstack([shown[..., ::-1], np.rint(whole / 257)]).astype(np.uint8)
    halves = {f"disc_{n:03d}.A": (a / WHOLE).astype(np.float16) for n, a in enumerate(alphas)}
    halves["A"] = (whole / WHOLE).astype(np.float16)
    light = ((picture / 255) ** 2.2 * (whole / WHOLE)[..., None]).astype(np.float16)
    colours = {name: np.ascontiguousarray(light[..., n]) for n, name in enumerate("RGB")}
    floats = {letter: halves["A"].astype(np.float32) for letter in "RGBA"}
    return (
        Trial("matte-png", lambda n: MattePng(threads=n), png(eight)),
        Trial("matte-png, 16 bits", lambda n: MattePng(threads=n, bits=16), png(alphas)),
        Trial("cutout-png", lambda n: CutoutPng(threads=n), png([rgba])),
        Trial("exr", lambda n: Exr(threads=n), exr(halves, "zip")),
        Trial(
            "exr with cut-out", lambda n: Exr(threads=n, cutout=True), exr(halves | colours, "zip")
        ),
        Trial("cryptomatte", lambda n: Cryptomatte(threads=n), exr(floats, "zips")),
    )


def png(pictures: Sequence[Any]) -> Callable[[Path], Callable[[], object]]:
    """OpenCV's encoder on all files of a frame."""

    def of(folder: Path) -> Callable[[], object]:
        return lambda: [cv2.imwrite(str(folder / "a.png"), each) for each in pictures]

    return of


def exr(channels: dict[str, Any], way: Any) -> Callable[[Path], Callable[[], object]]:
    """OpenEXR on the one file of a frame."""
    return lambda folder: lambda: write_exr(str(folder / "a.exr"), channels, {}, way)


def repeated(bare: Callable[[Path], Callable[[], object]]) -> float:
    """Milliseconds of CPU that an encoder alone takes for a frame."""
    with tempfile.TemporaryDirectory() as folder:
        work, count = bare(Path(folder)), 8
        work()
        begun = time.process_time()
        for _ in range(count):
            work()
        return 1000 * (time.process_time() - begun) / count


if __name__ == "__main__":
    main()
