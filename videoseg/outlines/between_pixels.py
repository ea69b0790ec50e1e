"""The smoothest rings that run between the pixels of an object and those around it.

Steps are how a slanted edge looks in pixels: where the edge really lies is known to half a pixel
only. Any ring that passes between the centres of the pixels on either side of each pixel edge shows
exactly the object's pixels. Of all these the one that bends least is taken, a problem of least
squares with bounds, and where it bends much in a short way nevertheless, the object has a corner:
what lies on either side of that does not hang together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import Flags, Indices, Points, Values, ranges
from videoseg.outlines.subpixel_edges import offsets_of
from videoseg.outlines.trace import Trace

_ROOM = 0.4
"""How far a ring may run from the middles of pixel edges, pixels; pixels' centres are at 0.5."""
_ROOM_KNOWN = 0.2
"""How far a ring may run from where logits say that the edge is, pixels."""
_MIN_SHARP_EDGE = 3
"""Pixels of edge on either side that make a corner between two pixels the object's own."""
_HOLD_WEIGHT = 0.03
"""Weight of a point's distance from where it would best lie; bending has weight 1."""
_BOUND_WEIGHT = 1.0
"""Weight of a point's distance beyond the room it has."""
_SOLVER_ROUNDS = 12
"""Rounds, at most, of finding which points are at the bounds."""
_LAP_POINTS = 48
"""Points by which each ring is repeated at either end; beyond these it does not feel its end."""
_ARM = 3
"""The turn at a point is measured from so many points before it to so many behind it."""
_MIN_TURN = np.radians(48.0)
"""A point at which the ring turns by less than this, radians, is no corner."""
_MIN_SPACING = 4
"""Two corners are more than this many points apart."""
_MIN_STEP = 0.3
"""Least distance between two points that counts when bending is measured, pixels."""
_CORNER_REACH = 0.7
"""Pixels from its neighbours at which a corner may lie."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Rings between pixels, ring after ring, and where they have corners.

    Attributes:
        points: float64 (E, 2), one for each pixel edge, and one for each corner.
        starts: int64 (R + 1,), where each ring starts.
        corner: bool (E,), whether a point is a corner.
    """

    points: Points
    starts: Indices
    corner: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The pixel edges of rings.

    Attributes:
        middles: float64 (E, 2), of each pixel edge, or where logits say that the edge is.
        inwards: float64 (E, 2), unit vectors across each, into the object.
        starts: int64 (R + 1,).
        sharp: bool (E,), whether a corner of the object's own lies behind each.
        meets: bool (E,), whether the corner behind each is one where only diagonal pixels meet.
        ends: float64 (E, 2), the corner behind each; a quarter of a pixel from where pixels meet.
        wanted: float64 (E,), how far inwards of the middle a point would best lie, pixels: on the
            slope, where it is between two steps of one.
        room: How far it may lie from the middle, pixels.
    """

    middles: Points
    inwards: Points
    starts: Indices
    sharp: Flags
    meets: Flags
    ends: Points
    wanted: Values
    room: float

    def chosen(self, rings: Indices) -> Chain:
        """Some of the rings."""
        sizes = np.diff(self.starts)[rings]
        _, at = ranges(self.starts[rings], sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return Chain(
            self.middles[at],
            self.inwards[at],
            starts,
            self.sharp[at],
            self.meets[at],
            self.ends[at],
            self.wanted[at],
            self.room,
        )


def chain_of(traced: Trace, logits: Sequence[npt.NDArray[np.float16]] | None = None) -> Chain:
    """The pixel edges of all rings.

    Args:
        traced: Rings of some bitmaps.
        logits: float16 (h, w) for each bitmap, positive exactly where it is set.
    """
    corners, starts = traced.points.astype(np.float64), traced.starts
    after = np.arange(1, len(corners) + 1)
    after[starts[1:] - 1] = starts[:-1]
    edge = corners[after] - corners
    counts = np.abs(edge).sum(axis=1).astype(np.int64)
    direction = edge / counts[:, None]
    owner, place = ranges(np.zeros_like(counts), counts)
    middles = corners[owner] + (place + 0.5)[:, None] * direction[owner]
    inwards = np.stack([-direction[:, 1], direction[:, 0]], axis=1)[owner]
    last = place == counts[owner] - 1
    sharp = last & (np.minimum(counts, counts[after])[owner] >= _MIN_SHARP_EDGE)
    meets = last & traced.saddle[after][owner]
    parted = np.where(traced.saddle[after][:, None], (direction[after] - direction) / 4, 0)
    ends = (corners[after] + parted)[owner]
    total = np.concatenate([[0], np.cumsum(counts)])[starts]
    if logits is None:
        wanted = _on_slopes(direction, counts, after, owner, place)
        return Chain(middles, inwards, total, sharp, meets, ends, wanted, _ROOM)
    bitmaps = np.repeat(traced.owners, np.diff(total))
    moved = offsets_of(middles, inwards, bitmaps, logits)[:, None] * inwards
    after_it = following(total)
    return Chain(
        middles + moved,
        inwards,
        total,
        sharp,
        meets,
        ends + moved + moved[after_it],
        np.zeros(len(middles)),
        _ROOM_KNOWN,
    )


def _on_slopes(
    direction: Points, counts: Indices, after: Indices, owner: Indices, place: Indices
) -> Values:
    """How far inwards of each middle the slope is that goes through the steps on either side."""
    before = np.empty_like(after)
    before[after] = np.arange(len(after))
    turn = direction[before, 0] * direction[:, 1] - direction[before, 1] * direction[:, 0]
    # A straight edge between opposite turns, with a step of one pixel at either end.
    run = (turn != turn[after]) & (counts[before] == 1) & (counts[after] == 1)
    # It goes from half a pixel on one side to half a pixel on the other.
    share = (place + 0.5) / counts[owner] - 0.5
    return np.where(run[owner], share * turn[after][owner], 0)


def line_between(chain: Chain, share: float = 1.0) -> Line:
    """The rings that bend least.

    Args:
        chain: Pixel edges.
        share: Of the room that there is, 0 to 1, that may be used. Below 1 rings also keep from
            one another where pixels meet.
    """
    room = share * chain.room
    if share < 1:
        chain = replace(chain, sharp=chain.sharp | chain.meets)
    lap = _Lap.of(chain)
    offsets = lap.smoothed(chain, chain.sharp, room)
    points = chain.middles + offsets[:, None] * chain.inwards
    bent = lap.corners(points, chain.sharp)
    if bent.any():
        offsets = lap.smoothed(chain, chain.sharp | bent, room)
        points = chain.middles + offsets[:, None] * chain.inwards
    return _with_corners(chain, points, bent)


def following(starts: Indices) -> Indices:
    """The number of the point that follows each in its ring."""
    after = np.arange(1, starts[-1] + 1)
    after[starts[1:] - 1] = starts[:-1]
    return after


@dataclass(frozen=True, slots=True, eq=False)
class _Lap:
    """Rings laid out as lines that overlap themselves.

    Attributes:
        at: int64 (M,), the point of the rings at each place.
        line: int64 (M,), the ring.
        first: int64 (E,), the place of each point that is furthest from both ends of its line.
    """

    at: Indices
    line: Indices
    first: Indices

    @classmethod
    def of(cls, chain: Chain) -> _Lap:
        sizes = np.diff(chain.starts)
        laps = np.minimum(sizes, _LAP_POINTS)
        line, local = ranges(-laps, sizes + 2 * laps)
        heads = np.cumsum(sizes + 2 * laps) - (sizes + 2 * laps)
        ring, place = ranges(np.zeros_like(sizes), sizes)
        return cls(chain.starts[line] + local % sizes[line], line, (heads + laps)[ring] + place)

    def pieces(self, at_corner: Flags) -> tuple[Indices, Indices]:
        """First and last place of the stretch between cuts that each place is on."""
        ends = np.append(self.line[1:] != self.line[:-1], True) | at_corner[self.at]
        number: Indices = np.cumsum(ends) - ends
        last = np.flatnonzero(ends)
        return np.concatenate([[0], last[:-1] + 1])[number], last[number]

    def smoothed(self, chain: Chain, at_corner: Flags, room: float) -> Values:
        """How far inwards of its middle each point lies, float64 (E,), at the least bending."""
        from scipy.linalg.lapack import dpbsv

        middles, inwards = chain.middles[self.at], chain.inwards[self.at]
        first, last = self.pieces(at_corner)
        here = np.arange(len(self.at))
        inner = np.flatnonzero((here > first) & (here < last))
        offsets = np.zeros(len(here))
        beyond = np.zeros(len(here), dtype=np.int64)
        for number in range(_SOLVER_ROUNDS):
            points = middles + offsets[:, None] * inwards
            arm = 4 if number < 2 else 2
            way = points[np.minimum(here + arm, last)] - points[np.maximum(here - arm, first)]
            # Axis by axis: sums over two numbers each are slow.
            across_x, across_y = -way[inner, 1], way[inner, 0]
            size = np.maximum(_length(across_x, across_y), 1e-9)
            across_x, across_y = across_x / size, across_y / size
            steps = np.maximum(_length(*np.diff(points, axis=0).T), _MIN_STEP)
            back, on = 1 / steps[inner - 1], 1 / steps[inner]
            shares = np.stack([back, -back - on, on])
            near = np.stack([inner - 1, inner, inner + 1])
            weight = 2 / (1 / back + 1 / on)
            terms = shares * (inwards[near, 0] * across_x + inwards[near, 1] * across_y)
            held = shares * (middles[near, 0] * across_x + middles[near, 1] * across_y)
            rest = held[0] + held[1] + held[2]
            banded = np.zeros((3, len(here)))
            banded[2] = _HOLD_WEIGHT + _BOUND_WEIGHT * (beyond != 0)
            wanted = _HOLD_WEIGHT * chain.wanted[self.at] + _BOUND_WEIGHT * room * beyond
            for k in range(3):
                wanted -= np.bincount(near[k], weight * terms[k] * rest, minlength=len(here))
                for j in range(k, 3):
                    banded[2 - (j - k)] += np.bincount(
                        near[j], weight * terms[k] * terms[j], minlength=len(here)
                    )
            _, offsets, _ = dpbsv(banded, wanted)  # faster than solveh_banded, which calls it
            outside = np.where(np.abs(offsets) > room, np.sign(offsets), 0).astype(np.int64)
            if number > 2 and (outside == beyond).all():
                break
            beyond = outside
        return np.clip(offsets[self.first], -room, room)

    def corners(self, points: Points, sharp: Flags) -> Flags:
        """Bool (E,), the points behind which rings turn much within a short way."""
        laid = points[self.at]
        first, last = self.pieces(sharp)
        here = np.arange(len(laid))
        behind = np.minimum(here + 1, last)
        out = laid[np.minimum(behind + _ARM, last)] - laid[behind]
        into = laid[here] - laid[np.maximum(here - _ARM, first)]
        turn = np.arctan2(into[:, 0] * out[:, 1] - into[:, 1] * out[:, 0], (into * out).sum(axis=1))
        turn = np.abs(turn)
        # The two ends of a stretch have nothing to compare.
        turn[(here - first < 1) | (last - behind < 1)] = 0
        turn = turn[self.first]
        found = np.zeros(len(points), dtype=np.bool_)
        for place in np.flatnonzero(turn >= _MIN_TURN)[
            np.argsort(-turn[turn >= _MIN_TURN])
        ].tolist():
            if not found[max(place - _MIN_SPACING, 0) : place + _MIN_SPACING + 1].any():
                found[place] = True
        return found


def _length(x: Values, y: Values) -> Values:
    made: Values = np.sqrt(x * x + y * y)
    return made


def _with_corners(chain: Chain, points: Points, bent: Flags) -> Line:
    """Rings with a point more for each corner, behind the one that it is behind."""
    forward = following(chain.starts)
    at_corner = chain.sharp | bent
    backward = np.empty_like(forward)
    backward[forward] = np.arange(len(forward))
    at = np.flatnonzero(at_corner)
    after = forward[at]
    places = np.where(
        chain.sharp[at][:, None],
        chain.ends[at] + ((points - chain.middles)[at] + (points - chain.middles)[after]),
        _meeting(points[backward[at]], points[at], points[after], points[forward[after]]),
    )
    where = np.arange(len(points)) + np.cumsum(at_corner) - at_corner
    made = np.empty((len(points) + len(at), 2))
    made[where], made[where[at] + 1] = points, places
    corner = np.zeros(len(made), dtype=np.bool_)
    corner[where[at] + 1] = True
    return Line(made, np.append(where, len(made))[chain.starts], corner)


def _meeting(one: Points, begin: Points, end: Points, other: Points) -> Points:
    """Where the way through two points meets that back through two others; near their middle."""
    into, back = begin - one, end - other
    middle = (begin + end) / 2
    cross = into[:, 0] * back[:, 1] - into[:, 1] * back[:, 0]
    gap = end - begin
    share = (gap[:, 0] * back[:, 1] - gap[:, 1] * back[:, 0]) / np.where(
        np.abs(cross) > 1e-6, cross, np.inf
    )
    met = begin + share[:, None] * into
    ahead = (share > 0) & (((met - end) * back).sum(axis=1) > 0)
    off = np.where(ahead[:, None], met - middle, 0)
    size = np.linalg.norm(off, axis=1)
    near: Points = middle + off * np.minimum(1, _CORNER_REACH / np.maximum(size, 1e-9))[:, None]
    return near
