"""Rings of tracks over the frames on which they are there.

A part of a track goes on while its outer ring does; a hole that comes or goes ends nothing but
itself.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from videoseg.geometry import masks
from videoseg.geometry.arrays import Points, Values
from videoseg.geometry.rings import flatten, signed_area
from videoseg.outlines.raster import rasterise
from videoseg.roto.correspondence import FollowedRing
from videoseg.roto.keyframes import KeyedRing, keyed_span
from videoseg.roto.knotted_rings import RingSpan, ring_spans
from videoseg.roto.layer_maps import LayerMaps
from videoseg.roto.placements import LayerMotion
from videoseg.roto.tolerance import Tolerance
from videoseg.types import Part, Ring, RotoShape, Scene, Shape, TrackedInstance

LONGEST = 240
"""Frames after which all rings of a track are cut, so that memory stays bounded."""
_MIN_BOX_IOU = 0.3
"""A ring on the next frame is the same one only if the IoU of their boxes is at least this.

One of them is moved as its track is, or not: what is larger counts.
"""
_MIN_AREA_RATIO = 0.5
"""A ring on the next frame is the same one only if the ratio of their areas is at least this."""

_IGNORED_SHARE = 1 / 3
"""Share of what may be missing to an IoU of 1 that parts and holes take which are left out."""


@dataclass(slots=True, eq=False)
class RingTrack:
    """One ring of a track, on frame after frame.

    Attributes:
        tracked: The track as it was on the first frame.
        number: Counts the parts of a track in the order in which they begin; a hole has its part's.
        scenes: Frame index and seconds from the start of the stream's time, of each frame.
        rings: The ring on each.
        holes: Of an outer ring, those that were in it on some of its frames.
        hole: Whether it is one.
        missing: By frame, what is missing to an IoU of 1 of the whole track's outline, as it is
            kept, with its mask; with the largest part alone, and only where it is asked for.
    """

    tracked: TrackedInstance
    number: int
    scenes: list[tuple[int, float]] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    holes: list[RingTrack] = field(default_factory=list)
    hole: bool = False
    missing: dict[int, float] = field(default_factory=dict)
    _followed: FollowedRing | None = None
    _spans: tuple[Values, list[RingSpan]] | None = None

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
        self,
        tolerance: Tolerance,
        *,
        in_seconds: bool = False,
        given: Sequence[int] = (),
        motion: LayerMotion | None = None,
    ) -> list[tuple[RingTrack, KeyedRing]]:
        """The ring by keys, evenly moving in frames or in seconds; one span after the other.

        Args:
            tolerance: How far it may be off.
            in_seconds: Whether it moves evenly in seconds.
            given: Frames of the stream that are keys, as far as the ring is there, beside others.
            motion: Of the layer that the ring is to lie on, in its coordinates.
        """
        frames = [index for index, _ in self.scenes]
        bounds = tolerance.on(frames)
        maps = motion.maps(frames) if motion else LayerMaps.still(len(frames))
        times = np.array([seconds if in_seconds else index for index, seconds in self.scenes])
        kept = np.isin(frames, given)
        return [
            (
                self._part(span),
                keyed_span(
                    span,
                    times[span.first : span.after].astype(np.float64),
                    bounds[span.first : span.after],
                    np.flatnonzero(kept[span.first : span.after]),
                    maps.part(span.first, span.after),
                ),
            )
            for span in self._spans_for(bounds)
        ]

    def _spans_for(self, bounds: Values) -> list[RingSpan]:
        """The spans, found once for the same bounds."""
        if not (self._spans and np.array_equal(self._spans[0], bounds)):
            self._spans = bounds, ring_spans(self.rings, self.followed, bounds)
        return self._spans[1]

    def _part(self, span: RingSpan) -> RingTrack:
        """The ring over a span, without its holes."""
        return self._between(span.first, span.after)

    def _between(self, first: int, after: int) -> RingTrack:
        """The ring from one place on, before another, without its holes."""
        scenes, rings = self.scenes[first:after], self.rings[first:after]
        return RingTrack(self.tracked, self.number, scenes, rings, hole=self.hole)

    def divided(self, tolerance: Tolerance) -> list[RingTrack]:
        """The outer ring over each of its spans, with the holes that are in it there."""
        bounds = tolerance.on([index for index, _ in self.scenes])
        spans = self._spans_for(bounds)
        return [self] if len(spans) == 1 else [self._divided(span, bounds) for span in spans]

    def _divided(self, span: RingSpan, bounds: Values) -> RingTrack:
        part = self._part(span)
        whole = RingSpan(0, len(part.rings), span.shown)
        part._spans = bounds[span.first : span.after], [whole]
        first, last = part.scenes[0][0], part.scenes[-1][0]
        for hole in self.holes:
            here, after = (bisect.bisect_left(hole.scenes, (frame,)) for frame in (first, last + 1))
            if (here, after) == (0, len(hole.rings)):
                part.holes.append(hole)
            elif here < after:
                part.holes.append(hole._between(here, after))
        return part

    @property
    def followed(self) -> FollowedRing:
        """The ring with points that correspond, found once for all frames."""
        if self._followed is None or len(self._followed.targets) < len(self.rings):
            self._followed = FollowedRing.of([flatten(ring) for ring in self.rings])
        return self._followed

    def keyed_together(
        self, tolerance: Tolerance, *, in_seconds: bool = False
    ) -> list[tuple[RingTrack, KeyedRing]]:
        """The ring, and then its holes, by keys; a hole has those of the ring among its own."""
        outer = self.keyed(tolerance, in_seconds=in_seconds)
        given = [frame for part, made in outer for frame in part.frames(made)]
        return outer + [
            each
            for hole in self.holes
            for each in hole.keyed(tolerance, in_seconds=in_seconds, given=given)
        ]

    def frames(self, made: KeyedRing) -> list[int]:
        """Frames of the stream that are keys."""
        return [self.scenes[place][0] for place in made.keys.tolist()]

    def shapes(
        self, stream: str, tolerance: Tolerance, motion: LayerMotion | None = None
    ) -> Iterator[RotoShape]:
        """The ring, without its holes, as keyed shapes on the frame or on a layer."""
        for part, made in self.keyed(tolerance, motion=motion):
            yield RotoShape(
                stream=stream,
                track_id=self.tracked.track_id,
                label=self.tracked.label,
                op="subtract" if self.hole else "add",
                part=self.number,
                visible=(part.scenes[0][0], part.scenes[-1][0]),
                keys={frame: made.knots(key) for key, frame in enumerate(part.frames(made))},
            )


def ring_tracks(scenes: Iterable[Scene], tolerance: float = 0) -> Iterator[tuple[str, RingTrack]]:
    """Stream and outer ring with its holes, as each ends.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: Pixels. Holes that are too small to matter beside it are taken for filled, and
            parts are left out; the largest part always stays.
    """
    streams: dict[str, _StreamRings] = {}
    for scene in scenes:
        rings = streams.setdefault(scene.stream, _StreamRings(Tolerance(tolerance)))
        yield from ((scene.stream, ring_track) for ring_track in rings.add(scene))
    for stream, rings in streams.items():
        yield from ((stream, ring_track) for ring_track in rings.going)


def ring_groups(
    scenes: Iterable[Scene], tolerance: float = 0
) -> Iterator[tuple[str, list[RingTrack]]]:
    """Stream and all outer rings of a track between frames over which none of them goes on.

    What outlines miss of their masks is measured.

    Args:
        scenes: As in ``ring_tracks``.
        tolerance: As in ``ring_tracks``.
    """
    streams: dict[str, _StreamRings] = {}
    ended: dict[tuple[str, int], list[RingTrack]] = {}
    for scene in scenes:
        rings = streams.setdefault(scene.stream, _StreamRings(Tolerance(tolerance), measured=True))
        for ring_track in rings.add(scene):
            ended.setdefault((scene.stream, ring_track.tracked.track_id), []).append(ring_track)
        for stream, track_id in [key for key in ended if key[0] == scene.stream]:
            if not rings.continue_a_ring(track_id, scene.index):
                yield stream, ended.pop((stream, track_id))
    for stream, rings in streams.items():
        for ring_track in rings.going:
            ended.setdefault((stream, ring_track.tracked.track_id), []).append(ring_track)
    yield from ((stream, group) for (stream, _), group in ended.items())


@dataclass(slots=True, eq=False)
class _StreamRings:
    """The parts of one stream that are going on.

    Attributes:
        tolerance: As in ``ring_tracks``.
        measured: Whether outlines are compared with their masks.
        going: They.
        counts: Parts of each track so far.
        middles: Of the largest part of each track on the latest frame, float64 (2,).
        lengths: Of each track, frames over which some part of it has gone on; then all are cut.
    """

    tolerance: Tolerance
    measured: bool = False
    going: list[RingTrack] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    middles: dict[int, Points] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)

    def continue_a_ring(self, track_id: int, frame: int) -> bool:
        """Whether some part of a track was there before a frame, the latest."""
        return any(
            ring_track.tracked.track_id == track_id and ring_track.scenes[0][0] < frame
            for ring_track in self.going
        )

    def add(self, scene: Scene) -> list[RingTrack]:
        """Go on with a Scene; gives the parts that end before it."""
        rest = list(self.going)
        self.going = []
        lengths, self.lengths = self.lengths, {}
        middles, self.middles = self.middles, {}
        for tracked in scene.instances:
            track_id = tracked.track_id
            length = lengths.get(track_id, 0)
            waiting = rest if length < LONGEST else []
            parts = sorted(tracked.shape.parts, key=lambda part: -_area(part.outer))
            if not parts:
                continue
            ignored = self._ignored(parts)
            middle = _box(parts[0].outer).mean(axis=0)
            shift = middle - middles.get(track_id, middle)
            self.middles[track_id] = middle
            for rank, part in enumerate(parts):
                if rank == 0 or _area(part.outer) >= ignored:
                    self._go_on(waiting, scene, tracked, part, shift, ignored)
            if self.measured:
                self._measure(scene, tracked)
            goes_on = self.continue_a_ring(track_id, scene.index)
            self.lengths[track_id] = length + 1 if goes_on else 1
        return rest

    def _measure(self, scene: Scene, tracked: TrackedInstance) -> None:
        rings = [each for each in self.going if each.tracked.track_id == tracked.track_id]
        mask = tracked.instance.mask
        kept = Shape(tuple(each.part(scene.index) for each in rings))
        drawn = rasterise(kept, mask.frame_width, mask.frame_height)
        rings[0].missing[scene.index] = 1 - (masks.iou(drawn, mask) if drawn else 0.0)

    def _ignored(self, parts: Sequence[Part]) -> float:
        """The area, square pixels, below which rings of an object on a frame are left out."""
        areas = np.array([_area(ring) for part in parts for ring in (part.outer, *part.holes)])
        small = np.sort(areas[areas < self.tolerance.unseen_area])
        most = _IGNORED_SHARE * self.tolerance.missing_iou * sum(_area(p.outer) for p in parts)
        kept = small[np.cumsum(small) > most]
        return float(kept[0]) if len(kept) else self.tolerance.unseen_area

    def _go_on(
        self,
        waiting: list[RingTrack],
        scene: Scene,
        tracked: TrackedInstance,
        part: Part,
        shift: Points,
        ignored: float,
    ) -> None:
        """Add a part to the ring track it continues, which then no longer waits, or begin one."""
        same = (each for each in waiting if each.tracked.track_id == tracked.track_id)
        ring_track = _continued(same, part.outer, shift)
        if ring_track is None:
            number = self.counts.get(tracked.track_id, 0)
            self.counts[tracked.track_id] = number + 1
            ring_track = RingTrack(tracked, number)
        else:
            waiting.remove(ring_track)
        there = [hole for hole in ring_track.holes if hole.spans(ring_track.scenes[-1][0])]
        for ring in part.holes:
            if _area(ring) < ignored:
                continue
            hole = _continued(there, ring, shift)
            if hole is None:
                hole = RingTrack(tracked, ring_track.number, hole=True)
                ring_track.holes.append(hole)
            else:
                there.remove(hole)
            hole.append(scene, ring)
        ring_track.append(scene, part.outer)
        self.going.append(ring_track)


def _continued(waiting: Iterable[RingTrack], ring: Ring, shift: Points) -> RingTrack | None:
    """The first ring track that a ring continues."""
    return next((each for each in waiting if _same_ring(each.rings[-1], ring, shift)), None)


def _same_ring(before: Ring, after: Ring, shift: Points) -> bool:
    """Whether rings of neighbouring frames are one, where it was or where the object has gone."""
    areas = sorted((_area(before), _area(after)))
    if areas[0] < _MIN_AREA_RATIO * areas[1]:
        return False
    one, other = _box(before), _box(after)
    return max(_box_iou(one, other), _box_iou(one + shift, other)) >= _MIN_BOX_IOU


def _box_iou(one: Points, other: Points) -> float:
    """IoU of boxes, float64 (2, 2), corner and opposite corner."""
    sides = np.minimum(one[1], other[1]) - np.maximum(one[0], other[0])
    common = float(np.prod(np.maximum(sides, 0)))
    both = sum(float(np.prod(box[1] - box[0])) for box in (one, other))
    return common / max(both - common, 1e-9)


def _box(ring: Ring) -> Points:
    points = flatten(ring)
    return np.stack([points.min(axis=0), points.max(axis=0)])


def _area(ring: Ring) -> float:
    return abs(signed_area(ring))
