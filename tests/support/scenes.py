"""Streams, prompts and Scenes made in code, for tests of what stands after the tracker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from videoseg.geometry import masks
from videoseg.outlines.vectorize import outline_of
from videoseg.protocols import ReviewItem
from videoseg.roto.layers import roto_layers, roto_shapes
from videoseg.types import (
    Bitmap,
    Detections,
    Frame,
    Instance,
    Mask,
    Prompt,
    RotoLayer,
    RotoShape,
    Scene,
    StreamInfo,
    TrackedInstance,
    TrackState,
)

WIDTH, HEIGHT = 96, 64
TIME_BASE = Fraction(1, 600)
HOSTILE = 'R&B <x> "\u2028\x00]]>'
"""A label that breaks whatever does not escape it."""


def stream(
    name: str = "clip", *, width: int = WIDTH, height: int = HEIGHT, start_number: int = 0
) -> StreamInfo:
    """A stream of ``WIDTH`` x ``HEIGHT`` frames in units of 1 / 600 s, nominally 25 a second."""
    return StreamInfo(
        stream=name,
        width=width,
        height=height,
        time_base=TIME_BASE,
        frame_rate=Fraction(25),
        start_number=start_number,
    )


def streams(*infos: StreamInfo) -> dict[str, StreamInfo]:
    """Streams by name; the plain one without arguments."""
    return {info.stream: info for info in infos or (stream(),)}


def prompts(*labels: str) -> tuple[Prompt, ...]:
    """One text prompt for each label; "disc" and "ring" without arguments."""
    return tuple(Prompt(label=label, text=label) for label in labels or ("disc", "ring"))


def mask_of(bitmap: Bitmap) -> Mask:
    """A mask that must not be empty."""
    mask = masks.from_bitmap(bitmap)
    assert mask is not None
    return mask


def rectangle(
    x1: int, y1: int, x2: int, y2: int, *, width: int = WIDTH, height: int = HEIGHT
) -> Mask:
    """A filled rectangle, upper edges exclusive."""
    bitmap = np.zeros((height, width), dtype=np.bool_)
    bitmap[y1:y2, x1:x2] = True
    return mask_of(bitmap)


def disc(
    x: float,
    y: float,
    radius: float,
    *,
    hole: float = 0,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Mask:
    """A disc about (x, y) on the pixel-edge grid, with a hole of radius ``hole``."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(columns - x, rows - y)
    return mask_of((distance < radius) & (distance >= hole))


def tracked(
    mask: Mask,
    track_id: int = 1,
    *,
    label: str = "disc",
    score: float = 0.9,
    prompt: int = 0,
    state: TrackState = "matched",
    tolerance: float = 0.5,
) -> TrackedInstance:
    """A tracked instance whose shape outlines its mask."""
    return TrackedInstance(
        track_id=track_id,
        instance=Instance(mask=mask, score=score, prompt=prompt),
        shape=outline_of(mask, tolerance=tolerance),
        label=label,
        state=state,
    )


def scene(
    *instances: TrackedInstance,
    index: int = 0,
    pts: int | None = None,
    duration: int | None = 24,
    stream: str = "clip",
) -> Scene:
    """A Scene; without ``pts`` at 24 / 600 s per frame."""
    return Scene(
        stream=stream,
        index=index,
        pts=24 * index if pts is None else pts,
        time_base=TIME_BASE,
        duration=duration,
        instances=instances,
    )


def moving(
    *,
    pts: Sequence[int] = (0, 24, 48, 96, 108, 156),
    duration: int | None = 24,
    labels: tuple[str, str] = ("disc", "ring"),
    stream: str = "clip",
) -> list[Scene]:
    """A disc that crosses the picture, and a ring over it that is away on frames 2 and 3.

    The frames come at uneven times.
    """
    made = []
    for index, time in enumerate(pts):
        instances = [tracked(disc(20 + 8 * index, 30, 14), 1, label=labels[0])]
        if index not in (2, 3):
            ring = disc(60 - 4 * index, 36, 20, hole=9)
            instances.append(tracked(ring, 2, label=labels[1], prompt=1, score=0.7))
        made.append(scene(*instances, index=index, pts=time, duration=duration, stream=stream))
    return made


def frame_of(scene: Scene, *, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    """A frame for a Scene: a grey ramp that depends on the frame's index."""
    ramp = np.arange(width) * 2 + 8 * scene.index
    image = np.broadcast_to(ramp[None, :, None], (height, width, 3)).astype(np.uint8)
    return Frame(
        stream=scene.stream,
        index=scene.index,
        pts=scene.pts,
        time_base=scene.time_base,
        image=np.ascontiguousarray(image),
        duration=scene.duration,
    )


@dataclass
class Run:
    """A finished run in memory, as exporters read it (``RunReader``)."""

    streams: Mapping[str, StreamInfo]
    prompts: Sequence[Prompt]
    made: Iterable[Scene]
    review: Sequence[ReviewItem] = ()
    made_with: Mapping[str, str] = field(default_factory=dict)
    frames_in: Path | None = None

    @property
    def labels(self) -> Sequence[str]:
        return [prompt.label for prompt in self.prompts]

    def detections(self) -> Iterator[tuple[str, int, Detections | None]]:
        for made in self.made:
            instances = tuple(tracked.instance for tracked in made.instances)
            yield made.stream, made.index, Detections(made.stream, made.index, instances)

    def scenes(self) -> Iterator[Scene]:
        yield from self.made

    def tracks(self, tolerance: float = 1.0) -> Iterator[RotoShape]:
        return roto_shapes(self.made, tolerance)

    def layers(self, tolerance: float = 1.0) -> Iterator[RotoLayer]:
        return roto_layers(self.made, tolerance)
