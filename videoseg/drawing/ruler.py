"""A ruler around a picture and lines across it, to read pixel coordinates by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from videoseg.drawing.contact_sheet import GROUND, INK
from videoseg.drawing.labels import fitting_text
from videoseg.types import RgbImage

LEFT = 40
"""Width that the ruler takes beside the picture, pixels."""
TOP = 22
"""Height that the ruler takes above the picture, pixels."""
_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Distances between two lines that may be chosen, pixels of the frame."""
_MIN_SPACING = 56
"""Pixels of the picture between two lines, at least: room for a number of four digits."""
_LETTERS = 12
"""Height of letters, pixels."""
_LONG = 8
"""Length of a mark that has a number, pixels."""
_SHORT = 4
"""Length of a mark without a number, pixels."""
_LIGHT = 0.32
"""Share of white in a line over the picture."""
_DARK = 0.25
"""Share of black in the line beside it; the two together are seen on any ground."""


def with_ruler(picture: RgbImage, width: int, height: int) -> RgbImage:
    """A picture of a frame with lines at round coordinates, labelled along its left and top edge.

    Args:
        picture: uint8 (H, W, 3); the frame at any scale.
        width: Pixels across the frame, which the numbers count.
        height: Pixels down the frame.

    Returns:
        uint8 (H + TOP, W + LEFT, 3), the picture at its lower right.
    """
    high, wide = picture.shape[:2]
    sheet = np.full((high + TOP, wide + LEFT, 3), GROUND, np.uint8)
    sheet[TOP:, LEFT:] = picture
    for axis, (shown, size) in enumerate(((wide, width), (high, height))):
        step = step_for(shown / size)
        for value, place in _line_positions(step, shown, size):
            _line(sheet, axis, place)
            _tick(sheet, axis, place, _LONG)
            _number(sheet, axis, place, value)
        for value, place in _line_positions(max(1, step // 5), shown, size):
            if value % step:
                _tick(sheet, axis, place, _SHORT)
    return sheet


def step_for(scale: float) -> int:
    """Frame pixels between two lines, where one frame pixel takes ``scale`` pixels."""
    return next((step for step in _STEPS if step * scale >= _MIN_SPACING), _STEPS[-1])


def _line_positions(step: int, shown: int, size: int) -> Iterator[tuple[int, int]]:
    """Coordinates, and the first pixel of the picture that lies behind each."""
    for value in range(0, size, step):
        yield value, min(shown - 1, round(value * shown / size))


def _line(sheet: RgbImage, axis: int, place: int) -> None:
    """A line over the picture, light with a dark one beside it; 0 is the picture's own edge."""
    if not place:
        return
    picture = sheet[TOP:, LEFT:]
    lines = picture.swapaxes(0, 1) if axis == 0 else picture
    lines[place] = np.rint(lines[place] + (255 - lines[place]) * _LIGHT)
    if place + 1 < len(lines):
        lines[place + 1] = np.rint(lines[place + 1] * (1 - _DARK))


def _tick(sheet: RgbImage, axis: int, place: int, length: int) -> None:
    if axis == 0:
        sheet[TOP - length : TOP, LEFT + place] = INK
    else:
        sheet[TOP + place, LEFT - length : LEFT] = INK


def _number(sheet: RgbImage, axis: int, place: int, value: int) -> None:
    """A number beside its tick; near an edge it is moved inside, at the corner it is left out."""
    coverage = fitting_text(str(value), _LETTERS, LEFT + _MIN_SPACING)
    rows, columns = coverage.shape
    if axis == 0:
        y, x = 0, min(LEFT + place - columns // 2, sheet.shape[1] - columns)
    else:
        y = min(TOP + place - rows // 2, sheet.shape[0] - rows)
        x = LEFT - _LONG - 2 - columns
    y, x = max(0, y), max(0, x)
    window = sheet[y : y + rows, x : x + columns]
    clipped = coverage[: window.shape[0], : window.shape[1], None]
    window[:] = np.rint(window + (INK - window.astype(np.float64)) * clipped)
