"""What somebody paints on a frame: an outline, and strokes that add to it or take away from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from videoseg.errors import PathDataError, PromptError
from videoseg.geometry import masks
from videoseg.runlog.edits import Outline
from videoseg.types import Mask

KEY = "paint"
"""Of a cue that the page sends."""
_MOST_STROKES = 2000
_MOST_NUMBERS = 200_000
_WIDEST = 2000.0
"""Of a stroke, pixels."""
_SHIFT = 3
"""Bits of a pixel's fractions, as OpenCV counts them."""


def painted(said: object, size: tuple[int, int]) -> Mask:
    """The mask that was painted.

    Args:
        said: ``path`` is SVG path data in pixels of the frame, and may be missing; ``strokes`` has
            for each one its width, which is negative where it takes away, and then ``x, y, x, y``
            and so on.
        size: Width and height of the frame.

    Raises:
        PromptError: It does not fit, or nothing is left.
    """
    if not isinstance(said, Mapping):
        raise PromptError("what is painted has a path, strokes, or both")
    bitmap = np.zeros((size[1], size[0]), dtype=np.uint8)
    if said.get("path"):
        bitmap[:] = _inside(said["path"], size)
    for width, points in _strokes(said.get("strokes", [])):
        _draw(bitmap, width, points)
    found = masks.from_bitmap(bitmap > 0)
    if found is None:
        raise PromptError("nothing is painted inside the frame")
    return found


def _inside(path: object, size: tuple[int, int]) -> Any:
    try:
        drawn = Outline(1, 0, size, str(path)).drawn()
    except (PathDataError, ValueError) as error:
        raise PromptError(f"the outline that is painted on cannot be read: {error}") from error
    return 0 if drawn is None else masks.to_bitmap(drawn[0])


def _strokes(said: object) -> list[tuple[float, Any]]:
    listed = said if isinstance(said, list) and len(said) <= _MOST_STROKES else None
    if listed is None or not all(isinstance(each, list) and len(each) % 2 for each in listed):
        raise PromptError(f"strokes are at most {_MOST_STROKES:,} lists, each a width and points")
    if sum(map(len, listed)) > _MOST_NUMBERS:
        raise PromptError(f"strokes are too long; their points may be {_MOST_NUMBERS // 2:,}")
    made = []
    for each in listed:
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in each):
            raise PromptError("a stroke holds numbers alone")
        numbers = np.asarray(each, dtype=np.float64)
        if len(each) < 3 or not (np.abs(numbers) < 1e6).all() or not 0 < abs(each[0]) <= _WIDEST:
            raise PromptError(f"a stroke is up to {_WIDEST:g} wide and has at least one point")
        made.append((float(each[0]), numbers[1:].reshape(-1, 2)))
    return made


def _draw(bitmap: Any, width: float, points: Any) -> None:
    import cv2

    value = 255 if width > 0 else 0
    fixed = np.rint((points - 0.5) * (1 << _SHIFT)).astype(np.int32)  # pixel centres are whole
    if len(fixed) == 1:
        radius = max(1, round(abs(width) / 2 * (1 << _SHIFT)))
        cv2.circle(bitmap, (int(fixed[0, 0]), int(fixed[0, 1])), radius, value, -1, shift=_SHIFT)
    else:
        thick = max(1, round(abs(width)))
        cv2.polylines(bitmap, [fixed.reshape(-1, 1, 2)], False, value, thick, shift=_SHIFT)
