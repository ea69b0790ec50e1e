"""What paths show from when on: a part of a track stepping through its outlines, or by keys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from videoseg.exporters._spool import Moves, size_of
from videoseg.formats.svg_path import format_path
from videoseg.roto.keyframes import KeyedRing
from videoseg.roto.ring_tracks import RingTrack
from videoseg.roto.tolerance import Tolerance
from videoseg.types import Part, Shape

_EARLY = 600
"""Microseconds by which each change comes before its frame. Browsers round time, Firefox to whole
milliseconds; so what is shown at a frame's own time is that frame and not the one before."""


@dataclass(frozen=True, slots=True)
class PathMoves:
    """Makes paths of a stream, as it is known up to a frame. Several threads may ask.

    Attributes:
        precision: Decimals of the coordinates.
        tolerance: How far outlines may be off, pixels.
        origin: Seconds of the stream's first frame.
        latest: Index and seconds of the latest frame; before the first, None.
    """

    precision: int
    tolerance: float
    origin: Fraction
    latest: tuple[int, Fraction] | None

    def of_part(self, ring_track: RingTrack) -> list[Moves]:
        """What a part of a track shows, by the shorter of keys and of steps."""
        values = [
            format_path(Shape((ring_track.part(frame),)), precision=self.precision)
            for frame, _ in ring_track.scenes
        ]
        steps = [self.steps(ring_track.scenes, values)]
        mixed = self._mixed(ring_track, values) if len(steps[0].values) > 2 else steps
        return steps if size_of(steps) <= size_of(mixed) else mixed

    def steps(
        self,
        frames: Sequence[tuple[int, float]],
        values: Sequence[str],
        following: float | None = None,
    ) -> Moves:
        """What holds each value from its frame on, up to the next one's seconds if there is one."""
        changes = [n for n, value in enumerate(values) if n == 0 or value != values[n - 1]]
        return Moves(
            steps=True,
            begin=self._early(frames[0][1]),
            end=self._end_after(frames[-1][0]) if following is None else self._early(following),
            times=[self._early(frames[n][1]) for n in changes],
            values=[values[n] for n in changes],
        )

    def _mixed(self, ring_track: RingTrack, values: Sequence[str]) -> list[Moves]:
        """What moves between keys, where that is shorter than steps, and those in between.

        Args:
            ring_track: A part.
            values: Path data on each of its frames.
        """
        made: list[Moves] = []
        stepped = 0  # the first frame that is not yet drawn

        def step_to(frame: int) -> None:
            if stepped < frame:
                after = ring_track.scenes[frame][1] if frame < len(ring_track.scenes) else None
                made.append(
                    self.steps(ring_track.scenes[stepped:frame], values[stepped:frame], after)
                )

        for first, after, moves in self._moving(ring_track):
            following = ring_track.scenes[after][1] if after < len(ring_track.scenes) else None
            steps = self.steps(ring_track.scenes[first:after], values[first:after], following)
            if size_of([moves]) < size_of([steps]):
                step_to(first)
                made.append(moves)
                stepped = after
        step_to(len(ring_track.scenes))
        return made

    def _moving(self, ring_track: RingTrack) -> Iterator[tuple[int, int, Moves]]:
        """For each stretch over which the same holes are there, its bounds and what moves."""
        rings = ring_track.keyed_together(Tolerance(self.tolerance), in_seconds=True)
        bounds = [ring_track.place(each.scenes[0][0]) for each, _ in rings]
        bounds += [ring_track.place(each.scenes[-1][0]) + 1 for each, _ in rings]
        for first, after in itertools.pairwise(sorted(set(bounds))):
            frames = ring_track.scenes[first:after]
            there = [(each, keyed) for each, keyed in rings if each.spans(frames[0][0])]
            every = {frame for each, keyed in there for frame in each.frames(keyed)}
            kept = every | {frames[0][0], frames[-1][0]}
            chosen = [(frame, seconds) for frame, seconds in frames if frame in kept]
            last = after == len(ring_track.scenes)
            yield (
                first,
                after,
                Moves(
                    steps=False,
                    begin=self._early(frames[0][1]),
                    end=self._end_after(frames[-1][0])
                    if last
                    else self._early(ring_track.scenes[after][1]),
                    times=[self._microseconds(seconds) for _, seconds in chosen],
                    values=[self._path_of(there, frame) for frame, _ in chosen],
                ),
            )

    def _path_of(self, rings: Sequence[tuple[RingTrack, KeyedRing]], frame: int) -> str:
        """Path data of a part on a frame, an outer ring before its holes."""
        outer, *holes = (keyed.ring(each.place(frame)) for each, keyed in rings)
        return format_path(
            Shape((Part(outer, tuple(holes)),)), precision=self.precision, uniform=True
        )

    def _end_after(self, frame: int) -> int | None:
        """When what is last there on a frame ends, which is with the frame before the latest."""
        if self.latest is None or frame == self.latest[0]:
            return None
        return self._early(float(self.latest[1]))

    def _early(self, seconds: float) -> int:
        return max(0, self._microseconds(seconds) - _EARLY)

    def _microseconds(self, seconds: float) -> int:
        return max(0, round((seconds - float(self.origin)) * 1_000_000))
