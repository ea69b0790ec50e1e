"""Parts of tracks over the frames on which they keep their topology."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry.rings import flatten
from videoseg.outlines.align import Points
from videoseg.outlines.keyframes import Keyed, keyed
from videoseg.types import Part, Ring, RotoShape, Scene, TrackedInstance

LONGEST = 240
"""Frames after which a strand is cut, so that memory stays bounded."""
_LEAST_OVERLAP = 0.3
"""Of the boxes of a ring on two frames, so that it is the same ring,"""
_LEAST_RATIO = 0.5
"""and of their areas."""


@dataclass(slots=True, eq=False)
class Strand:
    """One part of a track, on frame after frame with as many holes.

    Attributes:
        tracked: The track as it was on the first frame.
        number: Counts the strands of a track in the order in which they begin.
        scenes: Frame index and seconds from the start of the stream's time, of each frame.
        parts: The part on each; one hole has the same place among its holes on all.
    """

    tracked: TrackedInstance
    number: int
    scenes: list[tuple[int, float]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def keyed(self, tolerance: float, *, in_seconds: bool = False) -> Keyed:
        """Its rings by keys, evenly moving in frames or in seconds."""
        times = [seconds if in_seconds else index for index, seconds in self.scenes]
        rings = zip(*([flatten(ring) for ring in _rings(part)] for part in self.parts), strict=True)
        return keyed(list(rings), np.array(times, dtype=np.float64), tolerance)

    def shapes(self, stream: str, tolerance: float) -> Iterator[RotoShape]:
        """Its rings as keyed shapes, the outer one first."""
        made = self.keyed(tolerance)
        frames = [self.scenes[place][0] for place in made.keys.tolist()]
        for ring in range(len(made.control)):
            yield RotoShape(
                stream=stream,
                track_id=self.tracked.track_id,
                label=self.tracked.label,
                op="subtract" if ring else "add",
                part=self.number,
                visible=(self.scenes[0][0], self.scenes[-1][0]),
                keys={frame: made.knots(ring, key) for key, frame in enumerate(frames)},
            )


def roto_shapes(scenes: Iterable[Scene], tolerance: float) -> Iterator[RotoShape]:
    """Tracks of Scenes as keyed shapes, each as its span ends.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: On each frame 95 % of the boundary is no further off, pixels.
    """
    for stream, strand in strands(scenes, ignored=unseen_area(tolerance)):
        yield from strand.shapes(stream, tolerance)


def unseen_area(tolerance: float) -> float:
    """Area of holes, square pixels, that do not matter at a tolerance in pixels."""
    return (2 * tolerance + 2) ** 2 if tolerance > 0 else 0


def strands(scenes: Iterable[Scene], *, ignored: float = 0) -> Iterator[tuple[str, Strand]]:
    """Stream and strand, as each ends.

    Args:
        scenes: Of one or more streams, each in order.
        ignored: Holes of a smaller area, square pixels, are taken for filled.
    """
    followers: dict[str, _Follower] = {}
    for scene in scenes:
        follower = followers.setdefault(scene.stream, _Follower(ignored))
        yield from ((scene.stream, strand) for strand in follower.add(scene))
    for stream, follower in followers.items():
        yield from ((stream, strand) for strand in follower.going)


@dataclass(slots=True, eq=False)
class _Follower:
    """The strands of one stream that are going on.

    Attributes:
        ignored: As in ``strands``.
        going: They.
        counts: Strands of each track so far.
    """

    ignored: float
    going: list[Strand] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, scene: Scene) -> list[Strand]:
        """Go on with a Scene; gives the strands that end before it."""
        rest = list(self.going)
        self.going = []
        for tracked in scene.instances:
            parts = [self._worth(part) for part in tracked.shape.parts]
            parts.sort(key=lambda part: -_area(flatten(part.outer)))
            for part in parts:
                self._go_on(rest, scene, tracked, part)
        return rest

    def _go_on(
        self, waiting: list[Strand], scene: Scene, tracked: TrackedInstance, part: Part
    ) -> None:
        """Add a part to the strand it continues, which then no longer waits, or begin one."""
        for strand in waiting:
            same = strand.tracked.track_id == tracked.track_id and len(strand.parts) < LONGEST
            continued = _following(strand.parts[-1], part) if same else None
            if continued is not None:
                waiting.remove(strand)
                part = continued
                break
        else:
            number = self.counts.get(tracked.track_id, 0)
            self.counts[tracked.track_id] = number + 1
            strand = Strand(tracked, number)
        strand.scenes.append((scene.index, float(scene.seconds)))
        strand.parts.append(part)
        self.going.append(strand)

    def _worth(self, part: Part) -> Part:
        holes = [hole for hole in part.holes if _area(flatten(hole)) >= self.ignored]
        return part if len(holes) == len(part.holes) else Part(part.outer, tuple(holes))


def _rings(part: Part) -> tuple[Ring, ...]:
    return (part.outer, *part.holes)


def _following(before: Part, part: Part) -> Part | None:
    """A part with its holes in the order of those it had before; None where it is another."""
    if len(before.holes) != len(part.holes):
        return None
    if not _alike(flatten(before.outer), flatten(part.outer)):
        return None
    left = list(part.holes)
    holes = []
    for hole in before.holes:
        found = next((each for each in left if _alike(flatten(hole), flatten(each))), None)
        if found is None:
            return None
        left.remove(found)
        holes.append(found)
    return Part(part.outer, tuple(holes))


def _alike(before: Points, after: Points) -> bool:
    """Whether two polygons of neighbouring frames are one ring."""
    low = np.maximum(before.min(axis=0), after.min(axis=0))
    high = np.minimum(before.max(axis=0), after.max(axis=0))
    common = float(np.prod(np.maximum(high - low, 0)))
    boxes = [float(np.prod(np.ptp(each, axis=0))) for each in (before, after)]
    areas = sorted(_area(each) for each in (before, after))
    return common >= _LEAST_OVERLAP * (sum(boxes) - common) and areas[0] >= _LEAST_RATIO * areas[1]


def _area(points: Points) -> float:
    x, y = (points - points[0]).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
