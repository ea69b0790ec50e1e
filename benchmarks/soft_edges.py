"""Soft edges against mattes that are known: hair, motion blur, and a plain edge.

``python -m benchmarks.soft_edges [--frames 12] [--engines guided closed-form] [--speed]``

Each sequence is drawn here: an object of uneven colour over an uneven ground that moves otherwise,
with its matte known, and noise. Engines get the picture and a hard mask without the hair, as a
model gives it. Measures: the sum of absolute differences of the matte (SAD, thousands of pixels),
the squared difference of its gradient (thousands), and its flicker: the change of the error from
frame to frame (thousands of pixels); means over the frames. Milliseconds are those of one object
in a frame of 480 x 360.

With ``--speed``: milliseconds a frame at 1080p, of three and of ten objects that cover a seventh of
it together, by threads. The fastest frame counts: other work on the machine slows the rest.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt

from videoseg import registry
from videoseg.edges.soft_edges import EdgeSettings, SoftEdges, signed_distance
from videoseg.geometry import masks
from videoseg.geometry.alphas import hard_alpha
from videoseg.system.threads import opencv_unthreaded
from videoseg.system.workers import usual_threads
from videoseg.types import WHOLE, Frame, Instance, RgbImage, Scene, Shape, TrackedInstance

WIDTH = 480
"""Of the pictures, pixels."""
HEIGHT = 360
"""Of the pictures, pixels."""
FINER = 4
"""Samples a pixel, across and down, of what is drawn."""
BANDS = {"hair": 16.0, "blur": 8.0, "plain": 3.0, "unsteady": 4.0}
"""Half width of the soft band that an artist would set, pixels."""
GROUNDS = {"calm": (0.2, 0.01), "busy": (0.4, 0.02)}
"""How much the ground's colours vary, and its noise, of 1."""
STROKES = 160

Map = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """A frame whose matte is known."""

    image: RgbImage
    alpha: Map


def sequence(kind: str, ground: str, count: int) -> Iterator[Picture]:
    """Frames of one kind over one ground."""
    random = np.random.default_rng(0)
    spread, noise = GROUNDS[ground]
    behind = _clouds(random, 12, WIDTH + 4 * count, HEIGHT + 2 * count)
    behind = 0.3 + spread * behind + noise * random.standard_normal(behind.shape)
    front = np.array([0.6, 0.34, 0.15]) + 0.35 * (_clouds(random, 6, WIDTH, HEIGHT) - 0.4)
    strokes = random.uniform((0, 8, -0.6, 0.5), (2 * math.pi, 26, 0.6, 1.4), (STROKES, 4))
    for n in range(count):
        alpha = _alpha(kind, strokes if kind == "hair" else strokes[:0], n)
        ground_now = behind[n : n + HEIGHT, 2 * n : 2 * n + WIDTH]
        image = alpha[..., None] * front + (1 - alpha[..., None]) * ground_now
        image = image + 0.012 * random.standard_normal(image.shape)
        yield Picture(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8), alpha)


def _clouds(random: np.random.Generator, size: int, width: int, height: int) -> Map:
    rough = random.random((-(-height // size), -(-width // size), 3)).astype(np.float32)
    smooth = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(smooth, 0, 1), dtype=np.float64)


def _alpha(kind: str, strokes: Map, n: int) -> Map:
    x, y = 160 + 6 * n, 180 + 10 * math.sin(n / 3)
    if kind == "blur":
        open_for = [_drawn(x + 12 * (k / 12 - 0.5), y, strokes) for k in range(13)]
        return np.asarray(np.mean(open_for, axis=0))
    return _drawn(x, y, strokes)


def _drawn(x: float, y: float, strokes: Map) -> Map:
    """A disc with strokes that stand off from it."""
    fine = np.zeros((HEIGHT * FINER, WIDTH * FINER), np.uint8)
    cv2.circle(fine, (round(x * FINER), round(y * FINER)), 70 * FINER, 255, -1, cv2.LINE_AA)
    for angle, length, bend, thick in strokes:
        reaches = ((68, 0.0), (70 + length / 2, 0.1), (70 + length, 0.3))
        points = [
            (x + far * math.cos(angle + bend * turn), y + far * math.sin(angle + bend * turn))
            for far, turn in reaches
        ]
        corners = np.rint(np.array(points) * FINER).astype(np.int32)
        cv2.polylines(fine, [corners], False, 255, max(1, int(thick * FINER * 0.6)), cv2.LINE_AA)
    small = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    return small.astype(np.float64) / 255


def instance_of(picture: Picture, wobble: float) -> Instance:
    """The hard mask that a model would give: nothing thin, its edge ``wobble`` pixels off."""
    half = (picture.alpha > 0.5).astype(np.uint8)
    whole = cv2.morphologyEx(half, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    found = masks.from_bitmap(signed_distance(whole > 0) > wobble)
    assert found is not None
    return Instance(found, 1.0, 0)


def matted(
    edges: SoftEdges | None, pictures: Sequence[Picture], wobble: Sequence[float]
) -> tuple[list[Map], float]:
    """The mattes of an engine, 0 to 1, and the seconds a frame that they took."""
    found: list[Map] = []
    begun = time.perf_counter()
    for n, picture in enumerate(pictures):
        one = instance_of(picture, wobble[n])
        scene = Scene(
            "a", n, n, Fraction(1, 25), instances=(TrackedInstance(1, one, Shape(()), "a"),)
        )
        frame = Frame("a", n, n, Fraction(1, 25), picture.image)
        alphas = [hard_alpha(one.mask)] if edges is None else edges.mattes(scene, frame)
        found.append(alphas[0].to_array() / WHOLE)
    return found, (time.perf_counter() - begun) / len(pictures)


def _gradient(alpha: Map) -> Map:
    across, down = (cv2.Sobel(alpha, cv2.CV_64F, *order) for order in ((1, 0), (0, 1)))
    return np.hypot(cv2.GaussianBlur(across, (0, 0), 1.4), cv2.GaussianBlur(down, (0, 0), 1.4))


def measured(found: Sequence[Map], truth: Sequence[Map]) -> tuple[float, float, float]:
    """SAD, gradient error and flicker, in thousands."""
    errors = [a - b for a, b in zip(found, truth, strict=True)]
    sad = np.mean([np.abs(error).sum() for error in errors])
    gradient = np.mean(
        [((_gradient(a) - _gradient(b)) ** 2).sum() for a, b in zip(found, truth, strict=True)]
    )
    flicker = np.mean([np.abs(b - a).sum() for a, b in itertools.pairwise(errors)])
    return float(sad / 1000), float(gradient / 1000), float(flicker / 1000)


def crowd(count: int, n: int) -> tuple[Scene, Frame]:
    """A frame of 1080p with so many discs; the picture and the discs move."""
    random = np.random.default_rng(count)
    places = random.uniform((200, 200), (1300, 800), (count, 2)) + np.array([5 * n, 2 * n])
    radius = math.sqrt(1920 * 1080 / 7 / count / math.pi)
    texture = _clouds(random, 40, 1920, 1080)
    rows, columns = np.mgrid[:1080, :1920]
    instances = []
    for track, (x, y) in enumerate(places, start=1):
        mask = masks.from_bitmap((columns - x) ** 2 + (rows - y) ** 2 < radius**2)
        assert mask is not None
        instances.append(TrackedInstance(track, Instance(mask, 1.0, 0), Shape(()), "a"))
    image = np.roll(np.rint(255 * texture).astype(np.uint8), (2 * n, 5 * n), (0, 1))
    time_base = Fraction(1, 25)
    scene = Scene("a", n, n, time_base, instances=tuple(instances))
    return scene, Frame("a", n, n, time_base, image)


def speed(engines: Sequence[str], frames: int) -> None:
    """Print how long soft edges take."""
    print("| engine | objects | threads | fastest frame, ms | CPU a frame, ms |")
    print("|---|---|---|---|---|")
    for name in engines:
        engine = registry.find("matting", name).make()
        for count in (3, 10):
            given = [crowd(count, n) for n in range(frames)]
            for threads in sorted({1, usual_threads()}):
                edges = SoftEdges(EdgeSettings(name), engine, threads)
                edges.mattes(*given[0])
                spent, begun = [], time.process_time()
                with opencv_unthreaded():
                    for scene, frame in given[1:]:
                        start = time.perf_counter()
                        edges.mattes(scene, frame)
                        spent.append(1000 * (time.perf_counter() - start))
                busy = 1000 * (time.process_time() - begun) / len(spent)
                edges.close()
                print(
                    f"| {name} | {count} | {threads} | {min(spent):.0f} | {busy:.0f} |", flush=True
                )


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--engines", nargs="*", default=["guided"])
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    if given.speed:
        speed(given.engines, given.frames)
        return
    print("| sequence | mattes | SAD | gradient | flicker | ms |\n|---|---|---|---|---|---|")
    for kind, band in BANDS.items():
        for ground in GROUNDS:
            pictures = list(sequence(kind, ground, given.frames))
            wobble = [1.5 * (-1) ** n if kind == "unsteady" else 0.0 for n in range(given.frames)]
            truth = [picture.alpha for picture in pictures]
            engines: dict[str, SoftEdges | None] = {"hard mask": None}
            for name in given.engines:
                for steadiness in (0.5, 0.0):
                    settings = EdgeSettings(name, softness=band, steadiness=steadiness)
                    engine = registry.find("matting", name).make()
                    engines[f"{name}, steadiness {steadiness}"] = SoftEdges(settings, engine)
            for name, edges in engines.items():
                found, seconds = matted(edges, pictures, wobble)
                figures = " | ".join(f"{each:.3f}" for each in measured(found, truth))
                print(f"| {kind}, {ground} | {name} | {figures} | {1000 * seconds:.0f} |")


if __name__ == "__main__":
    main()
