"""Makes hard sequences: objects on their ways over a background, seen by a restless camera.

Everything follows from a seed. What makes tracking hard is laid on by kind: objects that cross and
hide one another, look-alikes, something in the foreground, exits and returns, leaps of more than
the object's own size, a shaking camera, cuts, crowds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.identity.cutouts import HALVES, Cutout, Half, Stock
from benchmarks.identity.failures import Failures, degrade
from videoseg.geometry import masks
from videoseg.types import Bitmap, Detections, Frame, Mask, RgbImage, StreamInfo

WIDTH = 480
"""Of the frames, pixels."""
HEIGHT = 270
"""Of the frames, pixels."""
RATE = 25
"""Frames a second."""
KINDS = ("crossing", "look-alikes", "foreground", "exits", "fast", "shake", "cut", "crowd")
LEAST_SEEN = 0.1
"""Share of an object that must be seen for it to count as present."""
MARGIN = 90
"""How far the background goes on beyond the frame on every side, pixels."""

Way: TypeAlias = Callable[[int], tuple[float, float]]
Floats: TypeAlias = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class HardSequence:
    """One hard sequence.

    Attributes:
        name: Kind and seed.
        kind: What makes it hard.
        frames: The pictures.
        truth: For each frame the visible pixels of each object that is there, by identity.
        detections: For each frame what a failing model answered.
    """

    name: str
    kind: str
    frames: Sequence[Frame]
    truth: Sequence[dict[int, Mask]]
    detections: Sequence[Detections]

    @property
    def info(self) -> StreamInfo:
        """What a source would say of it."""
        return StreamInfo(self.name, WIDTH, HEIGHT, Fraction(1, RATE), Fraction(RATE))


@dataclass(frozen=True, slots=True, eq=False)
class _Actor:
    """An object on its way.

    Attributes:
        identity: Its true identity, None for what is not looked for and only hides others.
        cutout: What it looks like.
        size: Its height, pixels.
        mirrored: Whether left and right are swapped.
        tint: Added to its colours.
        way: Its centre at each frame in the world, pixels.
        spin: Degrees that it sways by.
        depth: Lower is nearer.
        shots: The shots that it is in.
        pace: Steps of its own motion a frame.
    """

    identity: int | None
    cutout: Cutout
    size: float
    mirrored: bool
    tint: tuple[float, float, float]
    way: Way
    spin: float
    depth: float
    shots: tuple[int, ...]
    pace: int


def seed_of(half: Half, number: int) -> int:
    """The seed of a half's ``number``-th sequence; the halves never share one."""
    return HALVES.index(half) * 100_000 + number


def make(stock: Stock, half: Half, number: int) -> HardSequence:
    """Make a half's ``number``-th sequence."""
    seed = seed_of(half, number)
    kind = KINDS[number % len(KINDS)]
    rng = np.random.default_rng(seed)
    count = int(rng.integers(60, 91))
    shots = _shots(rng, kind, count)
    actors = _actors(rng, kind, stock, count, max(shots) + 1)
    grounds = [_ground(rng, stock) for _ in range(max(shots) + 1)]
    camera = _camera(rng, kind, count)
    name = f"{kind}-{half}-{number}"
    frames, truth, whole = [], [], []
    for index in range(count):
        shown = [actor for actor in actors if shots[index] in actor.shots]
        image, seen, full = _compose(grounds[shots[index]], shown, camera[index], index)
        noise = rng.normal(0, 2.0, image.shape[:2])[..., None]
        image = np.clip(image + noise, 0, 255).astype(np.uint8)
        frames.append(Frame(name, index, index, Fraction(1, RATE), image))
        truth.append(seen)
        whole.append(full)
    answers = degrade(truth, whole, shots, Failures.draw(rng), rng)
    found = [Detections(name, n, tuple(instances)) for n, instances in enumerate(answers)]
    return HardSequence(name, kind, frames, truth, found)


def _shots(rng: np.random.Generator, kind: str, count: int) -> list[int]:
    """The shot of each frame; where there are cuts, the first shot may come back."""
    if kind != "cut":
        return [0] * count
    first, second = sorted(rng.integers(count // 5, count - count // 5, 2))
    second = max(second, first + 8)
    last = 0 if rng.random() < 0.5 else 2
    return [0 if n < first else 1 if n < second else last for n in range(count)]


def _actors(
    rng: np.random.Generator, kind: str, stock: Stock, count: int, shots: int
) -> list[_Actor]:
    number = {"crowd": int(rng.integers(8, 13)), "fast": int(rng.integers(2, 4))}.get(
        kind, int(rng.integers(3, 6))
    )
    actors: list[_Actor] = []
    lookalike = _pick(rng, stock)
    for identity in range(1, number + 1):
        same = kind == "look-alikes" or (kind == "crowd" and rng.random() < 0.4)
        cutout = lookalike if same else _pick(rng, stock)
        size = rng.uniform(50, 85) if kind in ("crowd", "fast") else rng.uniform(60, 130)
        tint = rng.normal(0, 4 if same else 14, 3)
        actors.append(
            _Actor(
                identity,
                cutout,
                float(size),
                bool(rng.random() < 0.5),
                (float(tint[0]), float(tint[1]), float(tint[2])),
                _way(rng, kind, count),
                float(rng.uniform(0, 12)),
                float(rng.random()),
                _cast(rng, shots),
                int(rng.integers(1, 3)),
            )
        )
    if kind == "foreground":
        actors += [_obstacle(rng, stock) for _ in range(int(rng.integers(1, 4)))]
    return actors


def _cast(rng: np.random.Generator, shots: int) -> tuple[int, ...]:
    """The shots that an object is in: one of them, or all."""
    every = tuple(range(shots))
    return every if rng.random() < 0.3 else (int(rng.integers(shots)),)


def _pick(rng: np.random.Generator, stock: Stock) -> Cutout:
    kept = stock.moving if rng.random() < 0.35 else stock.still
    return kept[int(rng.integers(len(kept)))]


def _obstacle(rng: np.random.Generator, stock: Stock) -> _Actor:
    """A pillar with the surface of some photograph, before everything else."""
    surface = stock.grounds[int(rng.integers(len(stock.grounds)))]
    wide = int(rng.integers(20, min(90, surface.shape[1])))
    strip = surface[:, :wide]
    pillar = Cutout(((np.ascontiguousarray(strip), np.ones(strip.shape[:2], np.bool_)),))
    x = float(rng.uniform(0.2, 0.8) * WIDTH)
    return _Actor(
        None, pillar, HEIGHT * 1.6, False, (0, 0, 0), lambda _: (x, HEIGHT / 2), 0, -1, (0,), 1
    )


def _way(rng: np.random.Generator, kind: str, count: int) -> Way:
    """Where an object is at each frame."""
    y, sway = rng.uniform(0.25, 0.75) * HEIGHT, rng.uniform(4, 40)
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(20, 60)
    if kind == "fast":
        reach, quick = rng.uniform(0.3, 0.45) * WIDTH, rng.uniform(9, 16)
        return lambda n: (
            WIDTH / 2 + reach * float(np.sin(2 * np.pi * n / quick + phase)),
            y + sway * float(np.sin(2 * np.pi * n / period)),
        )
    if kind == "exits":
        reach, slow = rng.uniform(0.6, 0.8) * WIDTH, rng.uniform(50, 110)
        return lambda n: (
            WIDTH / 2 + reach * float(np.sin(2 * np.pi * n / slow + phase)),
            y + sway * float(np.sin(2 * np.pi * n / period)),
        )
    starts, ends = rng.uniform(0.05, 0.95, 2) * WIDTH
    if kind in ("crossing", "look-alikes", "foreground") and abs(ends - starts) < 0.5 * WIDTH:
        starts, ends = (0.1 * WIDTH, 0.9 * WIDTH) if rng.random() < 0.5 else (0.9 * WIDTH, 40.0)
    if rng.random() < 0.3:
        # There and back.
        return lambda n: (
            starts + (ends - starts) * float(0.5 - 0.5 * np.cos(2 * np.pi * n / count)),
            y + sway * float(np.sin(2 * np.pi * n / period + phase)),
        )
    return lambda n: (
        starts + (ends - starts) * n / count,
        y + sway * float(np.sin(2 * np.pi * n / period + phase)),
    )


def _camera(rng: np.random.Generator, kind: str, count: int) -> list[tuple[float, float]]:
    """How far the camera has moved at each frame, pixels."""
    steps = np.arange(count)
    pan = rng.uniform(-40, 40, 2) if rng.random() < 0.5 else np.zeros(2)
    path = pan * (steps / count)[:, None]
    if kind == "shake":
        path += rng.normal(0, rng.uniform(3, 9), (count, 2))
        path += rng.uniform(10, 25) * np.sin(
            2 * np.pi * steps[:, None] / rng.uniform(8, 20, 2) + rng.uniform(0, 6, 2)
        )
    elif rng.random() < 0.4:
        path += rng.normal(0, 1.0, (count, 2))
    path = np.clip(path, -MARGIN, MARGIN)
    return [(float(x), float(y)) for x, y in path]


def _ground(rng: np.random.Generator, stock: Stock) -> RgbImage:
    """A photograph that covers the frame with a margin."""
    image = stock.grounds[int(rng.integers(len(stock.grounds)))]
    wide, high = WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN
    scale = max(wide / image.shape[1], high / image.shape[0])
    size = (int(np.ceil(image.shape[1] * scale)), int(np.ceil(image.shape[0] * scale)))
    large = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(large[:high, :wide], dtype=np.uint8)


def _compose(
    ground: RgbImage, actors: Sequence[_Actor], camera: tuple[float, float], index: int
) -> tuple[RgbImage, dict[int, Mask], dict[int, int]]:
    """The picture, the visible pixels of each object, and its pixels if nothing hid it."""
    shift = np.array([[1, 0, camera[0] - MARGIN], [0, 1, camera[1] - MARGIN]], np.float64)
    image = np.asarray(cv2.warpAffine(ground, shift, (WIDTH, HEIGHT)), dtype=np.float32)
    visible: dict[int, Bitmap] = {}
    full: dict[int, int] = {}
    for actor in sorted(actors, key=lambda actor: -actor.depth):
        colours, alpha, total = _drawn(actor, camera, index)
        image += alpha[..., None] * (colours - image)
        covers = alpha > 0.5
        for other in visible.values():
            other &= ~covers
        if actor.identity is not None:
            visible[actor.identity] = covers
            full[actor.identity] = total
    seen = {}
    for identity, bitmap in visible.items():
        mask = masks.from_bitmap(bitmap)
        if mask is not None and masks.area(mask) >= max(40, LEAST_SEEN * full[identity]):
            seen[identity] = mask
    return np.clip(image, 0, 255).astype(np.uint8), seen, full


def _drawn(actor: _Actor, camera: tuple[float, float], index: int) -> tuple[Floats, Floats, int]:
    """An object's colours and its coverage on the frame, and the pixels it has in all."""
    picture, bitmap = actor.cutout.at(index * actor.pace)
    height, width = bitmap.shape
    tallest = max(picture.shape[0] for picture, _ in actor.cutout.pictures)
    scale = actor.size / tallest
    x, y = actor.way(index)
    angle = np.deg2rad(actor.spin * np.sin(2 * np.pi * index / 40))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    flip = -1 if actor.mirrored else 1
    turn = np.array([[flip * cos, -sin], [flip * sin, cos]])
    offset = np.array([x + camera[0], y + camera[1]]) - turn @ [width / 2, height / 2]
    matrix = np.hstack([turn, offset[:, None]])
    colours = cv2.warpAffine(picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    alpha = cv2.warpAffine(bitmap.astype(np.float32), matrix, (WIDTH, HEIGHT))
    tinted = np.asarray(colours, np.float32) + np.asarray(actor.tint, np.float32)
    total = int(np.count_nonzero(bitmap) * scale**2)
    return tinted, np.asarray(alpha, dtype=np.float32), total
