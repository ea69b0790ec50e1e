"""Draws outlines with colour, and labels, straight into the planes of a picture.

Blending is linear, so it may be done on Y'CbCr samples as well as on RGB: a decoded frame needs no
conversion, its background stays bit for bit what it was, and only objects are touched.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.geometry.rings import flatten
from videoseg.palette import colour_of
from videoseg.types import Box, Scene, TrackedInstance
from videoseg.writers._label import DARK, pill_of
from videoseg.writers._samples import Plane, Samples

Points = npt.NDArray[np.float64]

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


@dataclass(slots=True)
class Painter:
    """Draws Scenes of one stream.

    Attributes:
        samples: How the planes hold colour.
        width: Pixels across that may be drawn on.
        height: Pixels down that may be drawn on.
        opacity: Strength of the fill in [0, 1].
        labels: Whether to write label and track id.
    """

    samples: Samples
    width: int
    height: int
    opacity: float
    labels: bool

    def paint(self, planes: Sequence[Plane], scene: Scene) -> None:
        """Draw a Scene into planes that begin with the picture's first sample each."""
        drawn = [_Drawn.of(tracked) for tracked in scene.instances if tracked.shape.parts]
        if self.opacity:
            for each in drawn:
                self._fill(planes, each)
        for each in drawn:
            if each.held:
                self._stroke_dashed(planes, each)
            else:
                self._stroke(planes, each)
        if self.labels:
            for each in drawn:
                self._label(planes, each)

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
        """Line and dark edge of an outline.

        Antialiased lines thicker than a pixel are slow in cv2. Here a thick line without
        antialiasing has a thin one with it along each of its borders, and the dark edges are thin
        lines beside those.
        """
        import cv2

        width, edge = self._line_width, self._edge_width
        dark = self.samples.whole(DARK)
        colour = self.samples.whole(drawn.colour)
        offsets = ((width + edge) / 2, (width - 1) / 2)
        sides = [
            [_fixed(points + side * offset * across, 1) for side in (-1, 1)]
            for points, across in drawn.rings
            for offset in offsets
        ]
        beside = [line for lines in sides[::2] for line in lines]
        border = [line for lines in sides[1::2] for line in lines]
        for number, (plane, step) in enumerate(zip(planes, self.samples.steps, strict=True)):
            middle = drawn.fixed(step)
            if step == 1:
                cv2.polylines(plane, beside, True, dark[number], edge, cv2.LINE_AA, _SHIFT)
                if width > 1:
                    cv2.polylines(plane, middle, True, colour[number], width - 1, 8, _SHIFT)
                cv2.polylines(plane, border, True, colour[number], 1, cv2.LINE_AA, _SHIFT)
            else:
                outer, inner = ((width + more) // step + 1 for more in (2 * edge, 0))
                cv2.polylines(plane, middle, True, dark[number], outer, 8, _SHIFT)
                cv2.polylines(plane, middle, True, colour[number], inner, 8, _SHIFT)

    def _stroke_dashed(self, planes: Sequence[Plane], drawn: _Drawn) -> None:
        import cv2

        width = self._line_width
        dashes = _dashes([points for points, _ in drawn.rings], period=8 * width)
        for rgb, thickness in ((DARK, width + 2 * self._edge_width), (drawn.colour, width)):
            colour = self.samples.whole(rgb)
            for plane, step, value in zip(planes, self.samples.steps, colour, strict=True):
                lines = [_fixed(dash, step) for dash in dashes]
                thick = max(1, thickness // step)
                cv2.polylines(plane, lines, False, value, thick, cv2.LINE_AA, _SHIFT)

    def _label(self, planes: Sequence[Plane], drawn: _Drawn) -> None:
        size = max(10, round(self.height / 32))
        text = f"{drawn.tracked.label} {drawn.tracked.track_id}"
        pill = pill_of(text, drawn.colour, size, self.width, self.samples)
        if pill.width > self.width or pill.height > self.height:
            return
        # On even pixels, so that a sample of colour lies on whole pixels of the pill.
        middle = (drawn.low[0] + drawn.high[0] - pill.width) / 2
        x = _even(middle, self.width - pill.width)
        y = _even(drawn.low[1] - pill.height - size / 4, self.height - pill.height)
        for plane, step, rest, paint in zip(
            planes, self.samples.steps, pill.rest, pill.paint, strict=True
        ):
            rows, columns = rest.shape
            window = plane[y // step : y // step + rows, x // step : x // step + columns]
            window[:] = (window * rest + paint) >> 8

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
        rings: For each ring its points (P, 2) in pixels and, at each, the vector by which a
            parallel line one pixel away runs beside it.
        low: Least x and y.
        high: Greatest x and y.
    """

    tracked: TrackedInstance
    rings: list[tuple[Points, Points]]
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

    def fixed(self, step: int) -> list[npt.NDArray[np.int32]]:
        """The rings as ``_fixed`` gives them."""
        return [_fixed(points, step) for points, _ in self.rings]

    def coverage(self, step: int, plane: Plane) -> tuple[Box, Plane]:
        """Which samples of a plane lie inside, by even-odd: their box, and 1 for each in it."""
        import cv2

        size = plane.shape[1::-1]
        x1, y1 = np.clip(np.floor(self.low / step), 0, size).astype(np.int32)
        x2, y2 = np.clip(np.ceil(self.high / step), 0, size).astype(np.int32)
        inside = np.zeros((max(0, y2 - y1), max(0, x2 - x1)), np.uint8)
        if inside.size:
            corner = np.array([x1, y1]) << _SHIFT
            cv2.fillPoly(inside, [ring - corner for ring in self.fixed(step)], 1, 8, _SHIFT)
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


_colour_of = functools.lru_cache(maxsize=1024)(colour_of)


def _dashes(rings: list[Points], period: float) -> list[Points]:
    """Open lines along the rings with gaps between them, evenly over each ring."""
    dashes: list[Points] = []
    for ring in rings:
        closed = np.concatenate([ring, ring[:1]])
        along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
        count = max(2, round(along[-1] / period))
        places = (np.arange(count)[:, None] + _DASH_POINTS) * (along[-1] / count)
        x, y = (np.interp(places, along, closed[:, axis]) for axis in (0, 1))
        dashes.extend(np.stack([x, y], axis=-1))
    return dashes


def _even(position: float, most: int) -> int:
    """The nearest even number in [0, most]."""
    return int(min(max(position, 0), most)) // 2 * 2
