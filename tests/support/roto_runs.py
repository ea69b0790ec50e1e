"""Runs whose shapes are exported, and the check that a program would show them as they are."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support import scenes
from videoseg.exporters._keyed_shapes import KeyedShapes
from videoseg.formats.literals import track_name
from videoseg.outlines.raster import rasterise
from videoseg.roto.interpolation import mask_on
from videoseg.roto.layers import roto_layers
from videoseg.types import (
    Bitmap,
    Knot,
    Mask,
    Part,
    Placement,
    Polygon,
    RotoLayer,
    RotoShape,
    Scene,
    Shape,
    StreamInfo,
)

WIDTH, HEIGHT = 320, 240
FRAMES = 20
NTSC = Fraction(24000, 1001)
LEAST_IOU = 0.97
Matte = Callable[[str, int], Bitmap]
"""What a program shows of a track, by its name, on the frame of a number."""


@dataclass
class RotoRun(scenes.Run):
    """A run in memory that makes its layers once.

    Attributes:
        given: The layers instead of those of its Scenes.
    """

    given: tuple[RotoLayer, ...] | None = None

    def layers(self, tolerance: float = 1.0) -> Iterator[RotoLayer]:
        if self.given is not None:
            return iter(self.given)
        return iter(self._made(tolerance))

    @functools.cache  # noqa: B019 -- a run of a test lives as long as the tests
    def _made(self, tolerance: float) -> tuple[RotoLayer, ...]:
        return tuple(roto_layers(self.made, tolerance))

    def __hash__(self) -> int:
        return id(self)

    def truth(self, layer: RotoLayer, frame: int) -> Bitmap:
        """The pixels of a track on a frame."""
        info = self.streams[layer.stream]
        if self.given is not None:
            return _bitmap(mask_on(layer, frame, info.width, info.height), info)
        (scene,) = (
            each for each in self.made if (each.stream, each.index) == (layer.stream, frame)
        )
        found = [each for each in scene.instances if each.track_id == layer.track_id]
        return _bitmap(found[0].instance.mask if found else None, info)


def stream(name: str = "clip", **more: object) -> StreamInfo:
    made = StreamInfo(name, WIDTH, HEIGHT, 1 / NTSC, NTSC)
    return replace(made, **more)  # type: ignore[arg-type]


def at(index: int, *instances: object, stream: str = "clip", pts: int | None = None) -> Scene:
    """A frame of a clip of 23.976 frames a second."""
    return Scene(stream, index, index if pts is None else pts, 1 / NTSC, 1, 0, instances)  # type: ignore[arg-type]


def disc(x: float, y: float, radius: float, hole: float = 0) -> Mask:
    return scenes.disc(x, y, radius, hole=hole, width=WIDTH, height=HEIGHT)


def _tracked(mask: Mask, track_id: int, label: str) -> object:
    return scenes.tracked(mask, track_id, label=label)


@functools.cache
def known_motion() -> RotoRun:
    """Four objects at 23.976 frames a second.

    Track 1 moves and grows; 2 has a hole, and is away on frames 7 to 11; 3 is a ring with a part
    in its hole; 4 is labelled as 1 is, and there on the last frame alone.
    """
    made = []
    for index in range(FRAMES):
        moved = disc(60 + 8 * index, 70, 30 + 0.8 * index)
        there = [_tracked(moved, 1, "the cat")]
        if index not in range(7, 12):
            there.append(_tracked(disc(240 - 3 * index, 150, 55, 24), 2, scenes.HOSTILE))
        ring, inside = disc(80, 160, 60, 38), disc(78 + 0.4 * index, 160, 18)
        both = scenes.mask_of(ring.to_array() | inside.to_array())
        there.append(_tracked(both, 3, "two\nparts"))
        if index == FRAMES - 1:
            there.append(_tracked(disc(250, 60, 40), 4, "the cat"))
        made.append(at(index, *there))
    return RotoRun(scenes.streams(stream()), scenes.prompts(), made)


def nested(stream: str = "clip") -> RotoLayer:
    """A part in the hole of another part, which both move, and a third part for a while."""
    inner, outer = {0: box(100, 90, 140, 130), 19: box(110, 90, 150, 130)}, box(40, 30, 200, 200)
    hole = box(70, 60, 170, 170)
    shapes = (
        shape(inner, stream=stream),
        shape({0: outer, 19: moved(outer, 12, 4)}, part=1, stream=stream),
        shape({3: hole, 19: moved(hole, 12, 4)}, op="subtract", part=1, stream=stream),
        shape({5: box(230, 20, 300, 90), 9: box(240, 30, 310, 100)}, part=2, stream=stream),
    )
    return RotoLayer(stream, 7, "nested", shapes)


@functools.cache
def placed(aspect: Fraction = Fraction(1)) -> RotoRun:
    """A layer that moves, turns and grows about a pivot, with a hole; beside it one at rest."""
    outer = (
        Knot(120, 80, -30, 0, 30, 0),
        Knot(170, 120, 0, -20, 0, 25),
        Knot(110, 170, 30, 0, -20, 5),
        Knot(70, 110, 0, 20, 0, -20),
    )
    hole = box(100, 105, 130, 130)
    shapes = (
        shape({2: outer, 16: moved(outer, 5, 0)}),
        shape({4: hole, 14: hole}, op="subtract"),
    )
    placements = {
        2: Placement(0, 0, 0, 1),
        8: Placement(40, 10, 35, 1.1),
        16: Placement(70, 0, 80, 0.8),
    }
    turning = RotoLayer("clip", 1, "turning", shapes, (115, 120), placements)
    made = [at(index) for index in range(FRAMES)]
    info = stream(sample_aspect_ratio=aspect)
    return RotoRun(scenes.streams(info), (), made, given=(turning, nested()))


def shape(
    keys: dict[int, tuple[Knot, ...]], *, op: str = "add", part: int = 0, stream: str = "clip"
) -> RotoShape:
    return RotoShape(stream, 7, "x", op, part, (min(keys), max(keys)), keys)  # type: ignore[arg-type]


def box(x1: float, y1: float, x2: float, y2: float) -> tuple[Knot, ...]:
    corners = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return tuple(Knot(x, y, 0, 0, 0, 0) for x, y in corners)


def moved(knots: Iterable[Knot], x: float, y: float) -> tuple[Knot, ...]:
    return tuple(each._replace(x=each.x + x, y=each.y + y) for each in knots)


def written(exporter: KeyedShapes, run: scenes.Run, folder: Path) -> str:
    """The first file that an exporter writes."""
    exporter.export(run, folder)
    return (folder / exporter.produces(run.streams)[0]).read_text(encoding="utf-8")


def check(run: RotoRun, matte: Matte, first: int = 1001, least: float = LEAST_IOU) -> None:
    """Every track looks as it is on every frame, and where it is not, nothing is."""
    layers = list(run.layers())
    assert layers
    for layer in layers:
        name = track_name(layer.track_id, layer.label)
        for scene in run.made:
            expected, shown = run.truth(layer, scene.index), matte(name, first + scene.index)
            assert shown.shape == expected.shape
            union = int((expected | shown).sum())
            iou = int((expected & shown).sum()) / union if union else 1.0
            assert iou >= least, (name, scene.index, iou)


def drawn(
    rings: Iterable[tuple[bool, npt.NDArray[np.float64]]], width: int = WIDTH, height: int = HEIGHT
) -> Bitmap:
    """Rings over one another, as programs draw masks: each is added, or else taken away.

    Args:
        rings: Whether one is added, and its closed Bézier segments, (S, 4, 2) in pixels.
        width: Of the picture.
        height: Of the picture.
    """
    found = np.zeros((height, width), np.bool_)
    for added, segments in rings:
        mask = rasterise(Shape((Part(Polygon(polygon(segments))),)), width, height)
        pixels = _bitmap(mask, stream(width=width, height=height))
        found = found | pixels if added else found & ~pixels
    return found


def polygon(segments: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Corners of closed cubic curves, (S, 4, 2), 16 a segment."""
    t = (np.arange(16) / 16)[None, :, None]
    one, two, three, four = (segments[:, None, place] for place in range(4))
    curve = (1 - t) ** 3 * one + 3 * (1 - t) ** 2 * t * two + 3 * (1 - t) * t * t * three
    return np.asarray((curve + t**3 * four).reshape(-1, 2), np.float32)


def segments_of(
    places: npt.ArrayLike, into: npt.ArrayLike, out: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Closed segments, (S, 4, 2), of points and the relative handles into and out of them."""
    point, before, after = (np.asarray(each, np.float64) for each in (places, into, out))
    following = np.roll(point, -1, axis=0)
    return np.stack(
        [point, point + after, following + np.roll(before, -1, axis=0), following], axis=1
    )


def _bitmap(mask: Mask | None, info: StreamInfo) -> Bitmap:
    if mask is None:
        return np.zeros((info.height, info.width), np.bool_)
    return mask.to_array()
