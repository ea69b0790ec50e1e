"""What is known about one object on a frame, as the promptable network is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from videoseg.models.embedded.promptable.crops import Square
from videoseg.types import Mask

FloatMap = npt.NDArray[np.float32]
PointHint = tuple[float, float, bool]
BoxHint = tuple[float, float, float, float, bool]

CHANNELS = ("positive", "negative", "box", "previous", "evidence")
"""The network's maps, in its order: values in [-1, 1], 0 = nothing is known.

Clicks are discs of 1, the inside of a box 1 and the rest -1, an earlier mask 1 and -1, evidence log
odds / 6.
"""
_ROW = {name: row for row, name in enumerate(CHANNELS)}
_DISC = 0.02
"""Radius of a click, in sides of the crop."""
_MOST_ODDS = 6.0
_ROOM = 1.5
"""Side of the crop around an object, in its longer sides."""
_LEAST_SIDE = 24


@dataclass(frozen=True, slots=True, eq=False)
class Hints:
    """All hints about one object, in frame pixels.

    Attributes:
        width: Width of the frame, pixels.
        height: Height of the frame, pixels.
        evidence: Log odds, float32 (h, w) of any size over the whole frame, positive = object.
        points: ``(x, y, positive)``.
        boxes: ``(x1, y1, x2, y2, positive)``.
        prior: The object as found elsewhere, on the frame before for one.
    """

    width: int
    height: int
    evidence: FloatMap | None = None
    points: Sequence[PointHint] = ()
    boxes: Sequence[BoxHint] = ()
    prior: Mask | None = None

    @property
    def inside(self) -> list[BoxHint]:
        """The boxes that hold the object."""
        return [box for box in self.boxes if box[4]]

    @property
    def clicks(self) -> list[tuple[float, float]]:
        """The points on the object."""
        return [(x, y) for x, y, positive in self.points if positive]

    @property
    def only_clicked(self) -> bool:
        """Whether nothing but clicks says how large the object is."""
        return not self.inside and self.prior is None and self.evidence is None

    def given(self, prior: Mask) -> Hints:
        """The same hints and an earlier mask."""
        return replace(self, prior=prior)

    def window(self) -> Square | None:
        """The square around the object and some of its surroundings; None where nothing is.

        Raises:
            ValueError: There is no hint at all.
        """
        clicks = [(x, y, x, y) for x, y in self.clicks]
        spans = [box[:4] for box in self.inside]
        if not spans and self.prior is not None:
            left, top, right, bottom = self.prior.crop
            spans = [(float(left), float(top), float(right), float(bottom)), *clicks]
        elif not spans and self.evidence is not None:
            span = self._evidence_span()
            spans = clicks if span is None else [span, *clicks]
            if not spans:
                return None
        elif not spans:
            if not clicks:
                raise ValueError(
                    "an outline needs evidence, a positive point or box, or a prior mask"
                )
            return Square.around((0.0, 0.0, float(self.width), float(self.height)), 1.0)
        x1, y1 = min(span[0] for span in spans), min(span[1] for span in spans)
        x2, y2 = max(span[2] for span in spans), max(span[3] for span in spans)
        x1, y1 = max(x1, 0.0), max(y1, 0.0)
        x2, y2 = min(x2, float(self.width)), min(y2, float(self.height))
        if x1 > x2 or y1 > y2:
            return None
        return Square.around((x1, y1, x2, y2), _ROOM, least=_LEAST_SIDE)

    def drawn(self, square: Square, side: int) -> FloatMap:
        """The maps of ``CHANNELS``, float32 (5, side, side), over a square of the frame."""
        maps = np.zeros((len(CHANNELS), side, side), dtype=np.float32)
        for x, y, positive in self.points:
            _disc(maps[_ROW["positive" if positive else "negative"]], *square.place(x, y, side))
        for box in self.boxes:
            if not box[4]:
                maps[_ROW["negative"]][_slices(box, square, side)] = 1
        if self.inside:
            maps[_ROW["box"]] = -1
            for box in self.inside:
                maps[_ROW["box"]][_slices(box, square, side)] = 1
        if self.prior is not None:
            maps[_ROW["previous"]] = np.where(square.of_mask(self.prior, side), 1, -1)
        if self.evidence is not None:
            odds = square.of_map(self.evidence, self.width, self.height, side)
            maps[_ROW["evidence"]] = np.clip(odds, -_MOST_ODDS, _MOST_ODDS) / _MOST_ODDS
        return maps

    def _evidence_span(self) -> tuple[float, float, float, float] | None:
        """The box around all that speaks for the object, in frame pixels."""
        assert self.evidence is not None  # noqa: S101
        found = self.evidence > 0
        rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        if not len(rows):
            return None
        step_x, step_y = self.width / found.shape[1], self.height / found.shape[0]
        left, right = columns[0] * step_x, (columns[-1] + 1) * step_x
        return (float(left), float(rows[0] * step_y), float(right), float((rows[-1] + 1) * step_y))


def _disc(into: FloatMap, x: float, y: float) -> None:
    side = into.shape[0]
    radius = round(_DISC * side)
    left, top = max(int(x) - radius, 0), max(int(y) - radius, 0)
    piece = into[top : max(int(y) + radius + 1, 0), left : max(int(x) + radius + 1, 0)]
    rows = np.arange(piece.shape[0])[:, None] + top - int(y)
    columns = np.arange(piece.shape[1]) + left - int(x)
    piece[rows**2 + columns**2 <= radius**2] = 1


def _slices(box: BoxHint, square: Square, side: int) -> tuple[slice, slice]:
    """Rows and columns of a crop that a box covers, at least one of each where it is in view."""
    left, top = (round(value) for value in square.place(box[0], box[1], side))
    right, bottom = (round(value) for value in square.place(box[2], box[3], side))
    rows = slice(max(top, 0), max(bottom, top + 1, 0))
    return rows, slice(max(left, 0), max(right, left + 1, 0))
