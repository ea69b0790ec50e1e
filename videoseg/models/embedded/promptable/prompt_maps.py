"""What is known about one object on a frame, as the promptable network is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.models.embedded.promptable.crops import Crop
from videoseg.types import Mask

PointPrompt = tuple[float, float, bool]
BoxPrompt = tuple[float, float, float, float, bool]

CHANNELS = ("positive", "negative", "box", "previous", "evidence")
"""The network's maps, in its order: values in [-1, 1], 0 = nothing is known.

Clicks are discs of 1, the inside of a box 1 and the rest -1, an earlier mask 1 and -1, evidence log
odds / 6.
"""
_CHANNEL_INDEX = {name: row for row, name in enumerate(CHANNELS)}
"""Position of each map among the channels."""
_CLICK_RADIUS = 0.02
"""Radius of a click, in sides of the crop."""
MAX_ODDS = 6.0
"""Evidence is cut off at these log odds, which the network sees as 1."""
CROP_SCALE = 1.5
"""Side of the crop around an object, in its longer sides."""
_MIN_SIDE = 24
"""Objects of fewer pixels get the crop of one of this size."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectPrompts:
    """All that is known about one object, in frame pixels; ``maps`` draws it for the network.

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
    points: Sequence[PointPrompt] = ()
    boxes: Sequence[BoxPrompt] = ()
    prior: Mask | None = None

    @property
    def inside(self) -> list[BoxPrompt]:
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

    def from_first_positive(self) -> list[PointPrompt]:
        """All points in their order, but for the first one on the object, which leads."""
        first = next(place for place, point in enumerate(self.points) if point[2])
        return [self.points[first], *self.points[:first], *self.points[first + 1 :]]

    def given(self, prior: Mask) -> ObjectPrompts:
        """The same prompts and an earlier mask."""
        return replace(self, prior=prior)

    def window(self) -> Crop | None:
        """The crop around the object and some of its surroundings; None where nothing is.

        Raises:
            ValueError: There is no prompt at all.
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
                raise ValueError("a mask needs evidence, a positive point or box, or a prior mask")
            return Crop.around((0.0, 0.0, float(self.width), float(self.height)), 1.0)
        x1, y1 = min(span[0] for span in spans), min(span[1] for span in spans)
        x2, y2 = max(span[2] for span in spans), max(span[3] for span in spans)
        x1, y1 = max(x1, 0.0), max(y1, 0.0)
        x2, y2 = min(x2, float(self.width)), min(y2, float(self.height))
        if x1 > x2 or y1 > y2:
            return None
        return Crop.around((x1, y1, x2, y2), CROP_SCALE, least=_MIN_SIDE)

    def maps(self, crop: Crop, side: int) -> FloatMap:
        """The maps of ``CHANNELS``, float32 (5, side, side), over a crop of the frame."""
        maps = np.zeros((len(CHANNELS), side, side), dtype=np.float32)
        for x, y, positive in self.points:
            _disc(
                maps[_CHANNEL_INDEX["positive" if positive else "negative"]],
                *crop.to_crop(x, y, side),
            )
        for box in self.boxes:
            if not box[4]:
                maps[_CHANNEL_INDEX["negative"]][_slices(box, crop, side)] = 1
        if self.inside:
            maps[_CHANNEL_INDEX["box"]] = -1
            for box in self.inside:
                maps[_CHANNEL_INDEX["box"]][_slices(box, crop, side)] = 1
        if self.prior is not None:
            maps[_CHANNEL_INDEX["previous"]] = np.where(crop.of_mask(self.prior, side), 1, -1)
        if self.evidence is not None:
            odds = crop.of_map(self.evidence, self.width, self.height, side)
            maps[_CHANNEL_INDEX["evidence"]] = np.clip(odds, -MAX_ODDS, MAX_ODDS) / MAX_ODDS
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
    radius = round(_CLICK_RADIUS * side)
    left, top = max(int(x) - radius, 0), max(int(y) - radius, 0)
    piece = into[top : max(int(y) + radius + 1, 0), left : max(int(x) + radius + 1, 0)]
    rows = np.arange(piece.shape[0])[:, None] + top - int(y)
    columns = np.arange(piece.shape[1]) + left - int(x)
    piece[rows**2 + columns**2 <= radius**2] = 1


def _slices(box: BoxPrompt, crop: Crop, side: int) -> tuple[slice, slice]:
    """Rows and columns of a crop that a box covers, at least one of each where it is in view."""
    left, top = (round(value) for value in crop.to_crop(box[0], box[1], side))
    right, bottom = (round(value) for value in crop.to_crop(box[2], box[3], side))
    rows = slice(max(top, 0), max(bottom, top + 1, 0))
    return rows, slice(max(left, 0), max(right, left + 1, 0))
