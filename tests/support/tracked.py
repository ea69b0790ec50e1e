"""Frames and detections made in code, for the tests of the trackers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from videoseg.geometry import masks
from videoseg.protocols import Tracker
from videoseg.types import (
    Detections,
    Frame,
    Instance,
    Mask,
    Prompt,
    RgbImage,
    Scene,
    Shape,
    StreamInfo,
    TrackedInstance,
)

WIDTH, HEIGHT = 160, 120
RATE = 25
PROMPTS = (Prompt("ball", text="ball"), Prompt("cup", text="cup"))
Answer = Sequence[Instance] | None


def background(seed: int = 0) -> RgbImage:
    """A textured picture, the same for the same seed, quite another for another."""
    rng = np.random.default_rng(seed)
    image = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    image[:] = rng.integers(0, 256, 3)
    for _ in range(40):
        x, y = rng.integers(-20, WIDTH), rng.integers(-20, HEIGHT)
        wide, high = rng.integers(8, 40, 2)
        shade = rng.integers(0, 256, 3) * 0.6 + image[0, 0] * 0.4
        image[max(y, 0) : y + high, max(x, 0) : x + wide] = shade
    return image


def disc(x: float, y: float, radius: float = 12) -> Mask:
    """A round object; it must touch the frame."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    mask = masks.from_bitmap((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2 < radius**2)
    assert mask is not None
    return mask


def seen(
    x: float,
    y: float,
    radius: float = 12,
    *,
    score: float = 0.9,
    prompt: int = 0,
    object_id: int | None = None,
) -> Instance:
    """A detection of a round object."""
    return Instance(disc(x, y, radius), score, prompt, object_id)


def frames(
    count: int, *, stream: str = "clip", images: Mapping[int, RgbImage] | None = None
) -> Iterator[Frame]:
    """Frames of one stream; ``images`` says from which index on the picture is another."""
    image = background()
    for index in range(count):
        image = (images or {}).get(index, image)
        yield Frame(stream, index, index, Fraction(1, RATE), image)


def info(stream: str = "clip") -> StreamInfo:
    return StreamInfo(stream, WIDTH, HEIGHT, Fraction(1, RATE), Fraction(RATE))


def track(
    tracker: Tracker, answers: Iterable[Answer], *, images: Mapping[int, RgbImage] | None = None
) -> list[Scene]:
    """All Scenes of a clip with these answers; None = the model was not asked."""
    answers = list(answers)
    tracker.start({"clip": info()}, PROMPTS)
    scenes: list[Scene] = []
    for frame, answer in zip(frames(len(answers), images=images), answers, strict=True):
        scenes += tracker.update(frame, detections(frame, answer))
    scenes += tracker.finish()
    assert [scene.index for scene in scenes] == list(range(len(answers)))
    return scenes


def detections(frame: Frame, answer: Answer) -> Detections | None:
    return None if answer is None else Detections(frame.stream, frame.index, tuple(answer))


def ids(scene: Scene) -> list[int]:
    return [tracked.track_id for tracked in scene.instances]


def bare_scene(*instances: Instance, index: int = 7) -> Scene:
    """A Scene as a tracker gives it: without shapes."""
    tracked = (
        TrackedInstance(number, each, Shape(()), "ball", "interpolated")
        for number, each in enumerate(instances, 1)
    )
    return Scene("clip", index, 10 * index, Fraction(1, 300), 10, 2, tuple(tracked), f"{index}.png")
