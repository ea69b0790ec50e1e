"""A contact sheet of cases: the picture, its true and its predicted outline, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from videoseg.drawing.contact_sheet import grid, write_png
from videoseg.evaluate.harness import Worst
from videoseg.evaluate.samples import ImageSample, Sample
from videoseg.geometry import masks
from videoseg.types import Box, Frame, Mask, RgbImage

_COLUMNS = 4
_WIDTH = 360
"""Width of one picture on the sheet, pixels."""
_HEIGHT = 270
"""Height of one picture on the sheet, pixels."""
_CAPTION = 40
"""Height of the caption below it, pixels."""
_TRUTH = (60, 220, 60)
"""Colour of the true outline, RGB."""
_PREDICTED = (255, 80, 40)
"""Colour of the predicted outline, RGB."""
_MARGIN = 0.4
"""Margin around the masks, share of their box."""
_LEAST_VIEW = 96
"""Least side of the part of the picture that is shown, pixels."""


def draw_sheet(cases: Sequence[Worst], path: Path) -> None:
    """Write a PNG of the cases in reading order: truth green, prediction orange.

    Raises:
        SourceError: A picture cannot be read.
        OutputError: The file cannot be written.
    """
    write_png(path, grid([_tile(case) for case in cases], _COLUMNS))


def _tile(case: Worst) -> RgbImage:
    import cv2

    picture = case.row.picture
    assert picture is not None  # noqa: S101 - a case is chosen by its picture
    frame = _frame(case.sample, picture.frame)
    x1, y1, x2, y2 = _view(frame, [mask for mask in (picture.truth, picture.predicted) if mask])
    scale = min(_WIDTH / (x2 - x1), _HEIGHT / (y2 - y1))
    size = max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))
    shown = cv2.resize(frame.image[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA)
    for mask, colour in ((picture.truth, _TRUTH), (picture.predicted, _PREDICTED)):
        if mask is not None:
            part = masks.to_bitmap(mask)[y1:y2, x1:x2].astype(np.uint8)
            small = cv2.resize(part, size, interpolation=cv2.INTER_NEAREST)
            rings, _ = cv2.findContours(small, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(shown, rings, -1, colour, 2)
    tile = np.zeros((_HEIGHT + _CAPTION, _WIDTH, 3), dtype=np.uint8)
    tile[: size[1], : size[0]] = shown
    where = case.row.unit + (f" #{picture.frame}" if picture.frame else "")
    for line, text in enumerate((f"{case.value:.3f}  {case.row.label}", where)):
        plain = text.encode("ascii", "replace").decode()[:48]
        spot = (4, _HEIGHT + 15 + 18 * line)
        cv2.putText(tile, plain, spot, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
    return tile


def _frame(sample: Sample, index: int) -> Frame:
    if isinstance(sample, ImageSample):
        return sample.frame()
    return next(islice(sample.frames(), index, None))


def _view(frame: Frame, shown: Sequence[Mask]) -> Box:
    """The part of the frame that holds the masks with a margin; all of it without masks."""
    if not shown:
        return (0, 0, frame.width, frame.height)
    boxes = np.asarray([masks.bounding_box(mask) for mask in shown])
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    half = np.maximum((high - low) * (0.5 + _MARGIN), _LEAST_VIEW / 2)
    centre = (low + high) / 2
    limit = np.asarray([frame.width, frame.height])
    x1, y1 = np.clip(np.floor(centre - half), 0, limit - 1).astype(int).tolist()
    x2, y2 = np.clip(np.ceil(centre + half), 1, limit).astype(int).tolist()
    return (x1, y1, x2, y2)
