"""Photographs, the outlines traced on them, and how both are placed in a frame.

All coordinates are on the pixel-edge grid: pixel (x, y) covers [x, x + 1) x [y, y + 1).
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import skimage.data

from videoseg.types import RgbImage

Points = npt.NDArray[np.float64]
"""float64 (P, 2), x and y."""
Matrix = npt.NDArray[np.float64]
"""float64 (2, 3): maps photograph coordinates to frame coordinates."""

OUTLINES = {"cat": "chelsea", "cup": "coffee", "astronaut": "astronaut"}
"""Name of an outline -> the photograph it was traced on."""
_LINES = 8
"""Lines per row of pixels along which coverage is measured."""
_FEATHER = 0.7
"""Standard deviation of the soft edge of a cut-out, pixels of the frame."""


@dataclass(frozen=True)
class Pose:
    """Where a photograph lies in a frame.

    Attributes:
        x: Where its centre lands, pixels of the frame.
        y: The same, downwards.
        scale: Pixels of the frame per pixel of the photograph.
        degrees: Turned clockwise.
    """

    x: float
    y: float
    scale: float
    degrees: float = 0.0

    def matrix(self, photo: str) -> Matrix:
        """Photograph to frame."""
        height, width = photograph(photo).shape[:2]
        cosine = self.scale * math.cos(math.radians(self.degrees))
        sine = self.scale * math.sin(math.radians(self.degrees))
        turn = np.array([[cosine, -sine], [sine, cosine]])
        shift = np.array([self.x, self.y]) - turn @ np.array([width / 2, height / 2])
        return np.column_stack([turn, shift])


@functools.cache
def photograph(name: str) -> RgbImage:
    """uint8 (H, W, 3) RGB, as scikit-image ships it."""
    image: RgbImage = getattr(skimage.data, name)()
    return image


@functools.cache
def outline(name: str) -> Points:
    """The polygon of ``outlines/<name>.svg`` in pixels of its photograph."""
    text = (Path(__file__).parent / "outlines" / f"{name}.svg").read_text(encoding="utf-8")
    data = re.search(r'\bd="M([^"MZ]*)Z"', text)
    if data is None:
        raise ValueError(f"outlines/{name}.svg: expected one polygon, M x,y ... Z")
    return np.array(re.findall(r"-?[\d.]+", data[1]), dtype=np.float64).reshape(-1, 2)


def transformed(points: Points, matrix: Matrix) -> Points:
    """The points moved from photograph to frame."""
    moved: Points = points @ matrix[:, :2].T + matrix[:, 2]
    return moved


def area(points: Points) -> float:
    """Area of a polygon, by the shoelace formula."""
    x, y = points.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def cut_edges(name: str) -> list[Points]:
    """Stretches of an outline that lie on the photograph's border: there the object goes on.

    Each is (N, 2), sampled every pixel, so that it can be tested for being out of sight.
    """
    points = outline(name)
    height, width = photograph(OUTLINES[name]).shape[:2]
    stretches = []
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        both = np.stack([start, end])
        border = ((both <= 0) | (both >= [width, height])).all(axis=0)
        if border.any():
            steps = math.ceil(np.abs(end - start).max()) + 1
            stretches.append(np.linspace(start, end, steps))
    return stretches


def coverage(points: Points, width: int, height: int) -> npt.NDArray[np.float32]:
    """float32 (H, W): the part of each pixel, 0 to 1, that a polygon in the frame covers.

    Exact along a row; down a pixel it is the mean over the middles of 8 lines. Where an edge of
    the polygon crosses a line, all to the right of it changes sides; the running sum along the row
    gathers these changes.
    """
    starts, ends = points, np.roll(points, -1, axis=0)
    lines = (np.arange(height * _LINES) + 0.5) / _LINES
    above, below = starts[:, 1] <= lines[:, None], ends[:, 1] <= lines[:, None]
    line, edge = np.nonzero(above != below)
    (x1, y1), (x2, y2) = starts[edge].T, ends[edge].T
    x = np.clip(x1 + (lines[line] - y1) * (x2 - x1) / (y2 - y1), 0, width)
    change = np.where(y2 > y1, 1.0, -1.0) / _LINES
    column = np.floor(x).astype(np.intp)
    changes = np.zeros((height, width + 2))
    np.add.at(changes, (line // _LINES, column), change * (1 - (x - column)))
    np.add.at(changes, (line // _LINES, column + 1), change * (x - column))
    covered = np.abs(np.cumsum(changes, axis=1)[:, :width])
    return np.clip(covered, 0, 1).astype(np.float32)


def placed(photo: str, pose: Pose, width: int, height: int) -> RgbImage:
    """The photograph drawn into a frame; its border pixels go on outside it."""
    image = photograph(photo)
    if pose.scale < 1:
        blur = 0.45 * math.sqrt(pose.scale**-2 - 1)
        image = _as_rgb(cv2.GaussianBlur(image, (0, 0), blur)) if blur > 0.2 else image
    matrix = pose.matrix(photo)
    # warpAffine puts whole numbers at pixel centres.
    matrix[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    size = (width, height)
    flags, border = cv2.INTER_CUBIC, cv2.BORDER_REPLICATE
    return _as_rgb(cv2.warpAffine(image, matrix, size, flags=flags, borderMode=border))


def composed(background: RgbImage, cutout: RgbImage, covered: npt.NDArray[np.float32]) -> RgbImage:
    """Lay a cut-out over a background with a soft edge, kept a little inside the outline.

    Inside, because the photograph's pixels across the outline already show what was behind it.
    """
    soft = cv2.GaussianBlur(covered, (0, 0), _FEATHER)
    alpha = np.clip((soft - 0.25) / 0.75, 0, 1)[..., None]
    mixed = background + alpha * (cutout.astype(np.float32) - background)
    return _as_rgb(np.rint(mixed))


def _as_rgb(image: npt.NDArray[Any]) -> RgbImage:
    return np.asarray(image, dtype=np.uint8)
