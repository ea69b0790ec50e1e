"""Tracks as layers: all keyed shapes of a track together, on a layer that moves as it does.

Where an object moves as a whole, its motion is left to the placements of the layer, and its shapes
keep the few keys that the rest takes. Several ways of following the motion are tried, from none to
close, and the cheapest is taken.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from videoseg.formats.svg_markup import plain
from videoseg.geometry.arrays import Points
from videoseg.roto.agreement import GroupKeys
from videoseg.roto.placements import LayerMotion, Motion, motion_of
from videoseg.roto.ring_tracks import RingTrack, ring_groups
from videoseg.roto.tolerance import Tolerance
from videoseg.system.workers import InOrder, Turns, usual_threads
from videoseg.types import Placement, RotoLayer, RotoShape, Scene

_log = logging.getLogger(__name__)

PLACEMENT_COST = 0.1
"""Keys of a shape that one of a placement counts for: four numbers beside six for each knot."""
_CLOSENESS = (0.25, 0.5, 0.125)
"""Shares of the tolerance within which placements follow the motion.

Each is tried, but where the first saves nothing, limbs move or the outline changes, and none does.
"""
_MIN_FRAMES = 3
"""Frames below which there is no key to be saved."""


def roto_layers(scenes: Iterable[Scene], tolerance: float) -> Iterator[RotoLayer]:
    """Tracks of Scenes as layers, by stream and track id.

    The keys of all tracks are held in memory until the last Scene is read.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: On each frame 95 % of the boundary is no further off, pixels.
    """
    tracks: dict[tuple[str, int], _Track] = {}

    def added() -> Iterator[Callable[[], None]]:
        for stream, group in ring_groups(scenes, tolerance):
            key = stream, group[0].tracked.track_id
            track = tracks.setdefault(key, _Track(*key))
            # A span of a track takes over from the one before.
            yield track.turns.next(partial(track.add, group, tolerance))

    with InOrder(_call, usual_threads(), "keys") as adding:
        deque(adding.each(added()), maxlen=0)
    for _, track in sorted(tracks.items()):
        yield track.layer()


def _call(work: Callable[[], None]) -> None:
    work()


def roto_shapes(scenes: Iterable[Scene], tolerance: float) -> Iterator[RotoShape]:
    """Tracks of Scenes as keyed shapes on the frame, each as its span ends.

    Args:
        scenes: Of one or more streams, each in order.
        tolerance: On each frame 95 % of the boundary is no further off, pixels.
    """
    counts: dict[tuple[str, int], int] = {}

    def keyed(span: tuple[str, list[RingTrack]]) -> tuple[tuple[str, int], list[list[RotoShape]]]:
        stream, group = span
        key = stream, group[0].tracked.track_id
        return key, GroupKeys(stream, group).agreeing_parts(tolerance)

    with InOrder(keyed, usual_threads(), "keys") as keying:
        for key, parts in keying.each(ring_groups(scenes, tolerance)):
            for part in parts:
                number = counts.get(key, 0)
                counts[key] = number + 1
                yield from (dataclasses.replace(shape, part=number) for shape in part)


@dataclass(slots=True, eq=False)
class _Track:
    """A track of which one span after another becomes keys.

    Attributes:
        stream: Name of its stream.
        track_id: Its id.
        parts: Shapes of all spans so far, those of a part together.
        spans: First and last frame of each, and its placements; none where it lies still.
        pivot: The middle of the object when it was first seen.
        short: What the outline misses of its mask on frames on which that is too much.
        turns: Has spans added one after another.
    """

    stream: str
    track_id: int
    parts: list[list[RotoShape]] = field(default_factory=list)
    spans: list[tuple[int, int, Mapping[int, Placement]]] = field(default_factory=list)
    pivot: tuple[float, float] | None = None
    short: dict[int, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)

    def add(self, group: Sequence[RingTrack], pixels: float) -> None:
        """Take all rings of a span by the way that costs least.

        Args:
            group: The outer rings.
            pixels: As in ``roto_layers``.
        """
        frames = sorted({frame for ring_track in group for frame, _ in ring_track.scenes})
        tolerance = Tolerance(pixels)
        best = GroupKeys(self.stream, group)
        least = _cost(best.parts(tolerance), {})
        chosen: Mapping[int, Placement] = {}
        if len(frames) >= _MIN_FRAMES and least > _least_cost(group):
            for motion in self._motions(group, frames, pixels):
                placements = motion.placements
                moved = GroupKeys(self.stream, group, motion)
                cost = _cost(moved.parts(tolerance), placements)
                if cost < least:
                    best, least, chosen = moved, cost, placements
                elif not chosen:
                    break
        self.parts += best.agreeing_parts(pixels)
        for frame, lost in best.missing.items():
            if lost > tolerance.missing_iou:
                self.short[frame] = lost
        self.spans.append((frames[0], frames[-1], chosen))

    def _motions(
        self, group: Sequence[RingTrack], frames: Sequence[int], pixels: float
    ) -> Iterator[LayerMotion]:
        """Ways of following the motion of a span."""
        motion = _motion(group, frames)
        if self.pivot is None:
            self.pivot = (float(motion.centres[0, 0]), float(motion.centres[0, 1]))
        for closeness in _CLOSENESS:
            placements = motion.placements(np.array(self.pivot), closeness * pixels)
            yield LayerMotion(self.pivot, placements)

    def layer(self) -> RotoLayer:
        """All of it."""
        self._warn()
        ordered = sorted(self.parts, key=lambda part: (part[0].part, part[0].visible))
        shapes = [
            dataclasses.replace(shape, part=number)
            for number, part in enumerate(ordered)
            for shape in part
        ]
        placements: dict[int, Placement] = {}
        if any(found for _, _, found in self.spans):
            still = Placement()
            for first, last, found in self.spans:
                placements |= found or {first: still, last: still}
        return RotoLayer(
            self.stream,
            self.track_id,
            shapes[0].label,
            tuple(shapes),
            self.pivot if placements and self.pivot else (0.0, 0.0),
            placements,
        )

    def _warn(self) -> None:
        """Say where outlines are so far from their masks that shapes cannot be closer."""
        if self.short:
            frame = max(self.short, key=lambda each: self.short[each])
            _log.warning(
                "%s: track %d (%s): on %d frames the outline itself misses its mask by more than "
                "shapes may, most on frame %d (IoU %.3f), and shapes are no closer; a smaller "
                "outlines.tolerance may help",
                self.stream,
                self.track_id,
                plain(self.parts[0][0].label),
                len(self.short),
                frame,
                1 - self.short[frame],
            )


def _motion(group: Sequence[RingTrack], frames: Sequence[int]) -> Motion:
    """The motion that the outer rings of a span have in common."""
    steps: list[tuple[Points, Points]] = []
    for before, after in itertools.pairwise(frames):
        both = [each for each in group if each.spans(before) and each.spans(after)]
        one, other = (
            np.concatenate([each.followed.points[each.place(frame)] for each in both])
            for frame in (before, after)
        )
        steps.append((one, other))
    return motion_of(frames, steps)


def _cost(parts: Sequence[Sequence[RotoShape]], placements: Mapping[int, Placement]) -> float:
    keys = sum(len(shape.keys) for part in parts for shape in part)
    return keys + PLACEMENT_COST * len(placements)


def _least_cost(group: Sequence[RingTrack]) -> float:
    """What the rings of a span take at least: keys on their first and last frames."""
    rings = [ring for outer in group for ring in (outer, *outer.holes)]
    return sum(min(len(ring.rings), 2) for ring in rings)
