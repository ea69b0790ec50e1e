"""Rings of tracks over the frames on which they are there.

A part of a track goes on while its outer ring does; a hole that comes or goes ends nothing but
itself.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from videoseg.geometry.rings import flatten, signed_area
from videoseg.roto.keyframes import KeyedRing, keyed
from videoseg.types import Part, Ring, RotoShape, Scene, TrackedInstance

LONGEST = 240
"""Frames after which a ring track is cut, so that memory stays bounded."""
_MIN_BOX_IOU = 0.3
"""A ring on the next frame is the same one only if the IoU of their boxes is at least this."""
_MIN_AREA_RATIO = 0.5
"""A ring on the next frame is the same one only if the ratio of their areas is at least this."""


@dataclass(slots=True, eq=False)
class RingTrack:
    """One ring of a track, on frame after frame.

    Attributes:
        tracked: The track as it was on the first frame.
        number: Counts the parts of a track in the order in which they begin; a hole has its part's.
        scenes: Frame index and seconds from the start of the stream's time, of each frame.
        rings: The ring on each.
        holes: Of an outer ring, those that were in it on some of its frames.
    """

    tracked: TrackedInstance
    number: int
    scenes: list[tuple[int, float]] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    holes: list[RingTrack] = field(default_factory=list)

    def append(self, scene: Scene, ring: Ring) -> None:
        """Go on with the ring on a Scene."""
        self.scenes.append((scene.index, float(scene.seconds)))
        self.rings.append(ring)

    def part(self, frame: int) -> Part:
        """The ring, an outer one, with its holes on a frame of the stream."""
        holes = (hole for hole in self.holes if hole.spans(frame))
        return Part(self.ring(frame), tuple(hole.ring(frame) for hole in holes))

    def ring(self, frame: int) -> Ring:
        """The ring on a frame of the stream."""
        return self.rings[self.place(frame)]

    def place(self, frame: int) -> int:
        """The place of one of its frames."""
        return bisect.bisect_left(self.scenes, (frame,))

    def spans(self, frame: int) -> bool:
        """Whether the ring is there on a frame of the stream."""
        return self.scenes[0][0] <= frame <= self.scenes[-1][0]

    def keyed(
        self, tolerance: float, *, in_seconds: bool = False, given: Sequence[int] | None = None
    ) -> KeyedRing:
        """The ring by keys, evenly moving in frames or in seconds.

        Args:
            tolerance: As in ``roto_shapes``.
            in_seconds: Whether it moves evenly in seconds.
            given: Frames of the stream that are keys, as far as the ring is there, beside others.
        """
        times = [seconds if in_seconds else index for index, seconds in self.scenes]
        wanted = None
        if given is not None:
            wanted = np.array([self.place(frame) for frame in given if self.spans(frame)], np.int64)
        rings = [flatten(ring) for ring in self.rings]
        return keyed(rings, np.array(times, dtype=np.float64), tolerance, wanted)

    def keyed_together(
        self, tolerance: float, *, in_seconds: bool = False
    ) -> list[tuple[RingTrack, KeyedRing]]:
        """The ring, and then its holes, by keys; a hole has those of the ring among its own."""
        outer = self.keyed(tolerance, in_seconds=in_seconds)
        given = self.frames(outer)
        return [(self, outer)] + [
            (hole, hole.keyed(tolerance, in_seconds=in_seconds, given=given)) for hole in self.holes
        ]

    def frames(self, made: KeyedRing) -> list[int]:
        """Frames of the stream that are keys."""
        return [self.scenes[place][0] for place in made.keys.tolist()]

    def shapes(self, stream: str, tolerance: float) -> Iterator[RotoShape]:
        """The ring, and then its holes, as keyed shapes."""
        (_, outer), *holes = self.keyed_together(tolerance)
        yield self._shape(stream, outer, "add")
        for hole, made in holes:
            yield hole._shape(stream, made, "subtract")

    def _shape(self, stream: str, made: KeyedRing, op: Literal["add", "subtract"]) -> RotoShape:
        return RotoShape(
            stream=stream,
            track_id=self.tracked.track_id,
            label=self.tracked.label,
            op=op,
            part=self.number,
            visible=(self.scenes[0][0], self.scenes[-1][0]),
            keys={frame: made.knots(key) for key, frame in enumerate(self.frames(made))},
        )


def roto_shapes(scenes: Iterable[Scene], tolerance: float) -> Iterator[RotoShape]:
    """Tracks of Scenes as keyed shapes, each as its span ends.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: On each frame 95 % of the boundary is no further off, pixels.
    """
    for stream, ring_track in ring_tracks(scenes, ignored=unseen_area(tolerance)):
        yield from ring_track.shapes(stream, tolerance)


def unseen_area(tolerance: float) -> float:
    """Area of specks and holes, square pixels, that do not matter at a tolerance in pixels."""
    return (2 * tolerance + 2) ** 2 if tolerance > 0 else 0


def ring_tracks(scenes: Iterable[Scene], *, ignored: float = 0) -> Iterator[tuple[str, RingTrack]]:
    """Stream and outer ring with its holes, as each ends.

    Args:
        scenes: Of one or more streams, each in order.
        ignored: Holes of a smaller area, square pixels, are taken for filled, and parts are left
            out; the largest part always stays.
    """
    streams: dict[str, _StreamRings] = {}
    for scene in scenes:
        rings = streams.setdefault(scene.stream, _StreamRings(ignored))
        yield from ((scene.stream, ring_track) for ring_track in rings.add(scene))
    for stream, rings in streams.items():
        yield from ((stream, ring_track) for ring_track in rings.going)


@dataclass(slots=True, eq=False)
class _StreamRings:
    """The parts of one stream that are going on.

    Attributes:
        ignored: As in ``ring_tracks``.
        going: They.
        counts: Parts of each track so far.
    """

    ignored: float
    going: list[RingTrack] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)

    def add(self, scene: Scene) -> list[RingTrack]:
        """Go on with a Scene; gives the parts that end before it."""
        rest = list(self.going)
        self.going = []
        for tracked in scene.instances:
            parts = sorted(tracked.shape.parts, key=lambda part: -_area(part.outer))
            for rank, part in enumerate(parts):
                if rank == 0 or _area(part.outer) >= self.ignored:
                    self._go_on(rest, scene, tracked, part)
        return rest

    def _go_on(
        self, waiting: list[RingTrack], scene: Scene, tracked: TrackedInstance, part: Part
    ) -> None:
        """Add a part to the ring track it continues, which then no longer waits, or begin one."""
        same = (
            ring_track
            for ring_track in waiting
            if ring_track.tracked.track_id == tracked.track_id and len(ring_track.rings) < LONGEST
        )
        ring_track = _continued(same, part.outer)
        if ring_track is None:
            number = self.counts.get(tracked.track_id, 0)
            self.counts[tracked.track_id] = number + 1
            ring_track = RingTrack(tracked, number)
        else:
            waiting.remove(ring_track)
        there = [hole for hole in ring_track.holes if hole.spans(ring_track.scenes[-1][0])]
        for ring in part.holes:
            if _area(ring) < self.ignored:
                continue
            hole = _continued(there, ring)
            if hole is None:
                hole = RingTrack(tracked, ring_track.number)
                ring_track.holes.append(hole)
            else:
                there.remove(hole)
            hole.append(scene, ring)
        ring_track.append(scene, part.outer)
        self.going.append(ring_track)


def _continued(waiting: Iterable[RingTrack], ring: Ring) -> RingTrack | None:
    """The first ring track that a ring continues."""
    return next(
        (ring_track for ring_track in waiting if _same_ring(ring_track.rings[-1], ring)), None
    )


def _same_ring(before: Ring, after: Ring) -> bool:
    """Whether rings of neighbouring frames are one."""
    one, other = flatten(before), flatten(after)
    low = np.maximum(one.min(axis=0), other.min(axis=0))
    high = np.minimum(one.max(axis=0), other.max(axis=0))
    common = float(np.prod(np.maximum(high - low, 0)))
    boxes = [float(np.prod(np.ptp(each, axis=0))) for each in (one, other)]
    areas = sorted((_area(before), _area(after)))
    return common >= _MIN_BOX_IOU * (sum(boxes) - common) and areas[0] >= _MIN_AREA_RATIO * areas[1]


def _area(ring: Ring) -> float:
    return abs(signed_area(ring))
