"""Draws outlines with colour, and labels, straight into the planes of a picture.

Blending is linear, so it may be done on Y'CbCr samples as well as on RGB: a decoded frame needs no
conversion, its background stays bit for bit what it was, and only objects are touched.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from videoseg.drawing.labels import DARK, Pill, pill_of
from videoseg.drawing.planes import Plane, Samples
from videoseg.formats.palette import colour_of
from videoseg.geometry.arrays import Points
from videoseg.geometry.masks import overlap
from videoseg.geometry.rings import flatten
from videoseg.types import Box, Scene, TrackedInstance

_Line = tuple[Points, Points]
"""Points (P, 2) in pixels and, at each, the vector to a parallel line one pixel away."""
_Caption = tuple[str, tuple[int, int, int]]
"""What a label says, and the colour that it says it on."""

_SHIFT = 4
"""Bits after the binary point of the coordinates that cv2 is given."""
_SIMPLER = 0.25
"""Pixels by which a drawn line may leave its outline: nobody sees it, and it draws faster."""
_HELD_STRENGTH = 0.4
"""How much of the usual opacity fills an object of which there is no evidence on this frame."""
_SHARPEST = 1.0
"""Least square of twice the cosine of half a turn: a corner reaches no further out than 2."""
_DASH_POINTS = np.linspace(0, 0.6, 7)
"""Points of a dash, in periods: three fifths line, two fifths gap."""


def _label_and_id(tracked: TrackedInstance) -> str:
    return f"{tracked.label} {tracked.track_id}"


@dataclass(slots=True)
class Painter:
    """Draws Scenes of one stream.

    Attributes:
        samples: How the planes hold colour.
        width: Pixels across that may be drawn on.
        height: Pixels down that may be drawn on.
        opacity: Strength of the fill in [0, 1].
        labels: Whether to write at each object what ``caption`` says of it.
        caption: Its last word stays where there is no room for all.
    """

    samples: Samples
    width: int
    height: int
    opacity: float
    labels: bool
    caption: Callable[[TrackedInstance], str] = _label_and_id
    _pills: dict[_Caption, Pill] = field(init=False, repr=False, default_factory=dict)

    def paint(self, planes: Sequence[Plane], scene: Scene) -> None:
        """Draw a Scene into planes that begin with the picture's first sample each."""
        drawn = [_Drawn.of(tracked) for tracked in scene.instances if tracked.shape.parts]
        if self.opacity:
            for each in drawn:
                self._fill(planes, each)
        for each in drawn:
            self._stroke(planes, each)
        if self.labels:
            self._letter(drawn)
            taken: list[Box] = []
            for each in drawn:
                self._label(planes, each, taken)

    def _fill(self, planes: Sequence[Plane], drawn: _Drawn) -> None:
        import cv2

        strength = self.opacity * (_HELD_STRENGTH if drawn.held else 1)
        inside: dict[int, tuple[Box, Plane]] = {}
        colour = self.samples.whole(drawn.colour)
        for plane, step, value in zip(planes, self.samples.steps, colour, strict=True):
            if step not in inside:
                inside[step] = drawn.coverage(step, plane)
            (x1, y1, x2, y2), coverage = inside[step]
            if coverage.size:
                window = plane[y1:y2, x1:x2]
                mixed = cv2.convertScaleAbs(window, alpha=1 - strength, beta=value * strength)
                cv2.copyTo(mixed, coverage, window)

    def _stroke(self, planes: Sequence[Plane], drawn: _Drawn) -> None:
        """Line and dark edge of an outline, dashed where it is held.

        Antialiased lines thicker than a pixel are slow in cv2. Here a thick line without
        antialiasing has a thin one with it along each of its borders, and the dark edges are thin
        lines beside those.
        """
        import cv2

        width, edge = self._line_width, self._edge_width
        lines = _dashes(drawn.rings, period=8 * width) if drawn.held else drawn.rings
        closed = not drawn.held
        dark = self.samples.whole(DARK)
        colour = self.samples.whole(drawn.colour)
        for number, (plane, step) in enumerate(zip(planes, self.samples.steps, strict=True)):
            middle = [_fixed(points, step) for points, _ in lines]
            if step == 1:
                beside = _both_sides(lines, (width + edge) / 2)
                cv2.polylines(plane, beside, closed, dark[number], edge, cv2.LINE_AA, _SHIFT)
                if width > 1:
                    cv2.polylines(plane, middle, closed, colour[number], width - 1, 8, _SHIFT)
                border = _both_sides(lines, (width - 1) / 2)
                cv2.polylines(plane, border, closed, colour[number], 1, cv2.LINE_AA, _SHIFT)
            else:
                inner, outer = (max(1, round(w / step)) for w in (width, width + 2 * edge))
                if outer > inner:
                    cv2.polylines(plane, middle, closed, dark[number], outer, 8, _SHIFT)
                cv2.polylines(plane, middle, closed, colour[number], inner, 8, _SHIFT)

    def _letter(self, drawn: Sequence[_Drawn]) -> None:
        """Make the labels that the last Scene did not have, and let go of those that are gone."""
        size = self._letter_size
        room = min(self.width, max(self.width // 2, 8 * size))
        wanted = dict.fromkeys((self.caption(each.tracked), each.colour) for each in drawn)
        self._pills = {
            each: self._pills.get(each) or pill_of(*each, size, room, self.samples)
            for each in wanted
        }

    def _label(self, planes: Sequence[Plane], drawn: _Drawn, taken: list[Box]) -> None:
        """Write above an object, or below it where another label stands above it."""
        pill = self._pills[self.caption(drawn.tracked), drawn.colour]
        if pill.width > self.width or pill.height > self.height:
            return
        gap = self._letter_size / 4
        middle = (drawn.low[0] + drawn.high[0] - pill.width) / 2
        x = _even(middle, self.width - pill.width)
        places = [
            (x, top, x + pill.width, top + pill.height)
            for top in (
                _even(top, self.height - pill.height)
                for top in (drawn.low[1] - pill.height - gap, drawn.high[1] + gap)
            )
        ]
        free = (place for place in places if not any(overlap(place, other) for other in taken))
        place = next(free, places[0])
        taken.append(place)
        pill.lay_over(planes, self.samples, place[0], place[1])

    @property
    def _letter_size(self) -> int:
        return max(10, round(self.height / 32))

    @property
    def _line_width(self) -> int:
        return max(1, round(self.height / 270))

    @property
    def _edge_width(self) -> int:
        return max(1, round(self.height / 1080))


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """An outline made ready for drawing.

    Attributes:
        tracked: What it belongs to.
        rings: Its rings, simplified.
        low: Least x and y.
        high: Greatest x and y.
    """

    tracked: TrackedInstance
    rings: list[_Line]
    low: Points
    high: Points

    @classmethod
    def of(cls, tracked: TrackedInstance) -> _Drawn:
        import cv2

        rings = []
        for ring in tracked.shape.rings:
            points = flatten(ring).astype(np.float32)
            simpler = cv2.approxPolyDP(points[:, None], _SIMPLER, closed=True)[:, 0]
            kept = (simpler if len(simpler) > 2 else points).astype(np.float64)
            rings.append((kept, _across(kept)))
        corners = np.concatenate([points for points, _ in rings])
        return cls(tracked, rings, corners.min(axis=0), corners.max(axis=0))

    @property
    def held(self) -> bool:
        return self.tracked.state == "held"

    @property
    def colour(self) -> tuple[int, int, int]:
        return _colour_of(self.tracked.track_id)

    def coverage(self, step: int, plane: Plane) -> tuple[Box, Plane]:
        """Which samples of a plane lie inside, by even-odd: their box, and 1 for each in it."""
        import cv2

        size = plane.shape[1::-1]
        x1, y1 = np.clip(np.floor(self.low / step), 0, size).astype(np.int32)
        x2, y2 = np.clip(np.ceil(self.high / step), 0, size).astype(np.int32)
        inside = np.zeros((max(0, y2 - y1), max(0, x2 - x1)), np.uint8)
        if inside.size:
            corner = np.array([x1, y1]) << _SHIFT
            rings = [_fixed(points, step) - corner for points, _ in self.rings]
            cv2.fillPoly(inside, rings, 1, 8, _SHIFT)
        return (int(x1), int(y1), int(x2), int(y2)), inside


def _across(points: Points) -> Points:
    """At each corner of a ring the vector to a parallel ring one pixel away, cut at sharp ones."""
    along = np.roll(points, -1, axis=0) - points
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    both = along + np.roll(along, 1, axis=0)
    # |both| is twice the cosine of half the turn; a mitre is one over that cosine long.
    mitre = 2 * both / np.maximum((both**2).sum(axis=1), _SHARPEST)[:, None]
    return np.stack([mitre[:, 1], -mitre[:, 0]], axis=1)


def _fixed(points: Points, step: int) -> npt.NDArray[np.int32]:
    """Fixed-point sample coordinates for cv2, where a sample's centre is a whole number."""
    one = 1 << _SHIFT
    return np.rint(points * (one / step) - one / 2).astype(np.int32)


_colour_of = functools.lru_cache(maxsize=256)(colour_of)


def _both_sides(lines: Sequence[_Line], distance: float) -> list[npt.NDArray[np.int32]]:
    """Parallels of lines on both sides of each, as ``_fixed``."""
    return [
        _fixed(points + side * across, 1)
        for points, across in lines
        for side in (-distance, distance)
    ]


def _dashes(rings: Sequence[_Line], period: float) -> list[_Line]:
    """Open lines along the rings with gaps between them, evenly over each ring."""
    dashes: list[_Line] = []
    for points, across in rings:
        values = np.concatenate([points, across], axis=1)
        values = np.concatenate([values, values[:1]])
        steps = np.diff(values[:, :2], axis=0)
        along = np.concatenate([[0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
        count = max(2, round(along[-1] / period))
        places = (np.arange(count)[:, None] + _DASH_POINTS) * (along[-1] / count)
        between = np.stack([np.interp(places, along, each) for each in values.T], axis=-1)
        dashes.extend((dash[:, :2], dash[:, 2:]) for dash in between)
    return dashes


def _even(position: float, most: int) -> int:
    """The nearest even number in [0, most]."""
    return int(min(max(position, 0), most)) // 2 * 2
