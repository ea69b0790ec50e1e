"""Labels as small pictures: dark letters on a box with round corners, in the track's colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from videoseg.drawing.planes import Plane, Samples

DARK = (16, 16, 16)
"""RGB of letters and of the edges of outlines."""


@dataclass(frozen=True, slots=True, eq=False)
class Pill:
    """A label on its background, ready to be laid over planes.

    Attributes:
        width: Pixels across, even.
        height: Pixels down, even.
        rest: For each plane uint16: how much of what is there stays, of 256.
        paint: For each plane uint16: what comes on top, in 256ths, and a half for rounding.
    """

    width: int
    height: int
    rest: list[npt.NDArray[np.uint16]]
    paint: list[npt.NDArray[np.uint16]]

    def lay_over(self, planes: Sequence[Plane], samples: Samples, x: int, y: int) -> None:
        """Draw with the upper left corner at pixel (x, y), both even, all inside the picture."""
        for plane, step, rest, paint in zip(
            planes, samples.steps, self.rest, self.paint, strict=True
        ):
            rows, columns = rest.shape
            window = plane[y // step : y // step + rows, x // step : x // step + columns]
            window[:] = (window * rest + paint) >> 8


def pill_of(
    text: str, colour: tuple[int, int, int], size: int, room: int, samples: Samples
) -> Pill:
    """A label in dark letters of ``size`` pixels on the track's colour, cut to fit ``room``."""
    coverage = fitting_text(text, size, room - size)
    around = max(2, size // 6)
    height = (coverage.shape[0] + 2 * around + 1) // 2 * 2
    width = (coverage.shape[1] + size + 1) // 2 * 2
    letters = np.zeros((height, width))
    left = (width - coverage.shape[1]) // 2
    letters[around : around + coverage.shape[0], left : left + coverage.shape[1]] = coverage
    image = np.asarray(colour) + (np.asarray(DARK) - np.asarray(colour)) * letters[..., None]
    alpha = _rounded_box(width, height)
    values = samples.of(image)
    rest, paint = [], []
    for number, step in enumerate(samples.steps):
        rest.append(256 - np.rint(256 * _shrunk(alpha, step)).astype(np.uint16))
        premultiplied = _shrunk(alpha * values[..., number], step)
        paint.append(np.rint(256 * premultiplied + 128).astype(np.uint16))
    return Pill(width, height, rest, paint)


def _rounded_box(width: int, height: int) -> npt.NDArray[np.float64]:
    """Coverage (height, width) in [0, 1] of a box with round corners."""
    x, y = (np.abs(np.arange(size) + 0.5 - size / 2) for size in (width, height))
    radius = min(width, height) / 3
    beyond_x = np.maximum(x - (width / 2 - radius), 0)
    beyond_y = np.maximum(y - (height / 2 - radius), 0)
    coverage: npt.NDArray[np.float64] = np.clip(
        radius + 0.5 - np.hypot(beyond_x[None], beyond_y[:, None]), 0, 1
    )
    return coverage


def fitting_text(text: str, size: int, room: int) -> npt.NDArray[np.float64]:
    """Text as coverage; what does not fit ``room`` pixels gives way to an ellipsis in its middle.

    Its last word stays, such as a track id. float64 (H, W) in [0, 1]; H depends on ``size`` alone.
    """
    shown = "".join(character if character.isprintable() else " " for character in text)
    name, _, number = shown.rpartition(" ")
    coverage = _text(shown, size)
    while coverage.shape[1] > room and name:
        name = name[: min(len(name) - 1, len(name) * room // coverage.shape[1] + 1)]
        coverage = _text(f"{name}… {number}" if name else number, size)
    return coverage


def _text(text: str, size: int) -> npt.NDArray[np.float64]:
    """Coverage (H, W) in [0, 1] of a line of text; H depends on ``size`` alone."""
    import cv2

    # A lone surrogate (a byte of a file name that is no UTF-8) has no glyph and breaks cv2.
    text = text.encode("utf-8", errors="replace").decode("utf-8")
    room = (size * (len(text) + 2), 2 * size)
    canvas = np.zeros((room[1], room[0]), np.uint8)
    if hasattr(cv2, "FontFace"):
        face = cv2.FontFace("sans")
        end, _ = cv2.putText(canvas, text, (size // 2, size * 3 // 2), (255,), face, size, 600)
    else:
        end = _hershey(canvas, text, size)
    top, bottom = size // 2, size * 3 // 2 + (size + 2) // 4
    right = min(room[0], max(end[0], size // 2 + 1))
    return canvas[top:bottom, size // 2 : right] / 255


def _hershey(canvas: Plane, text: str, size: int) -> tuple[int, int]:
    """Draw with the fonts of OpenCV 4, which know ASCII alone; other letters become "?"."""
    import cv2

    ascii_text = text.encode("ascii", errors="replace").decode("ascii")
    font, thickness = cv2.FONT_HERSHEY_SIMPLEX, max(1, round(size / 12))
    scale = cv2.getFontScaleFromHeight(font, max(5, round(size * 0.72)), thickness)
    origin = (size // 2, size * 3 // 2)
    cv2.putText(canvas, ascii_text, origin, font, scale, 255, thickness, cv2.LINE_AA)
    (width, _), _ = cv2.getTextSize(ascii_text, font, scale, thickness)
    return origin[0] + width, origin[1]


def _shrunk(values: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    """Means over squares of ``step``; sizes are multiples of it."""
    if step == 1:
        return values
    height, width = values.shape
    means: npt.NDArray[np.float64] = values.reshape(height // step, step, width // step, step).mean(
        axis=(1, 3)
    )
    return means
