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
from videoseg.types import Box, RgbImage, Scene, TrackedInstance

Plane = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]

_SHIFT = 4
"""Bits after the binary point of the coordinates that cv2 is given."""
_SIMPLER = 0.25
"""Pixels by which a drawn line may leave its outline: nobody sees it, and it draws faster."""
_DARK = (16, 16, 16)
_HELD_STRENGTH = 0.4
"""How much of the usual opacity fills an object of which there is no evidence on this frame."""
_DASH_POINTS = np.linspace(0, 0.6, 7)
"""Points of a dash, in periods: three fifths line, two fifths gap."""


@dataclass(frozen=True, slots=True)
class Samples:
    """How a picture's planes hold colour.

    Attributes:
        steps: For each plane how many pixels one sample covers, each way.
        matrix: float64 (3, 3): RGB in [0, 255] to one row per plane.
        offset: float64 (3,), added after it.
    """

    steps: tuple[int, int, int]
    matrix: npt.NDArray[np.float64]
    offset: npt.NDArray[np.float64]

    def of(self, rgb: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Samples (..., 3) of RGB colours (..., 3), not rounded."""
        return np.asarray(rgb, dtype=np.float64) @ self.matrix.T + self.offset


RGB = Samples((1, 1, 1), np.eye(3), np.zeros(3))


def yuv420(red_weight: float, blue_weight: float, *, full_range: bool) -> Samples:
    """Y'CbCr 4:2:0 of 8 bits (ITU-T H.273, 8.3) from the weights of red and blue in luma."""
    luma = np.array([red_weight, 1 - red_weight - blue_weight, blue_weight])
    towards_blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue_weight))
    towards_red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red_weight))
    luma_range, chroma_range, black = (255, 255, 0) if full_range else (219, 224, 16)
    rows = [luma_range * luma, chroma_range * towards_blue, chroma_range * towards_red]
    return Samples((1, 2, 2), np.stack(rows) / 255, np.array([black, 128, 128]))


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
        outlines = [(tracked, _rings(tracked)) for tracked in scene.instances]
        for tracked, rings in outlines:
            self._fill(planes, rings, tracked)
        for tracked, rings in outlines:
            self._stroke(planes, rings, tracked)
        if self.labels:
            for tracked, rings in outlines:
                if rings:
                    self._label(planes, rings, tracked)

    def _fill(self, planes: Sequence[Plane], rings: list[Points], tracked: TrackedInstance) -> None:
        import cv2

        if not rings or not self.opacity:
            return
        strength = self.opacity * (_HELD_STRENGTH if tracked.state == "held" else 1)
        colour = self.samples.of(colour_of(tracked.track_id))
        inside: dict[int, tuple[Box, Plane]] = {}
        for plane, step, value in zip(planes, self.samples.steps, colour, strict=True):
            if step not in inside:
                inside[step] = _coverage(rings, step, plane.shape)
            (x1, y1, x2, y2), coverage = inside[step]
            if coverage.size:
                window = plane[y1:y2, x1:x2]
                mixed = cv2.LUT(window, _mixture(float(value), strength))
                np.copyto(window, mixed, where=coverage.view(np.bool_))

    def _stroke(
        self, planes: Sequence[Plane], rings: list[Points], tracked: TrackedInstance
    ) -> None:
        import cv2

        width = max(1, round(self.height / 270))
        lines, closed = (
            (_dashes(rings, period=8 * width), False) if tracked.state == "held" else (rings, True)
        )
        edge = max(1, round(self.height / 1080))
        for rgb, thickness in ((_DARK, width + 2 * edge), (colour_of(tracked.track_id), width)):
            colour = self.samples.of(rgb)
            for plane, step, value in zip(planes, self.samples.steps, colour, strict=True):
                cv2.polylines(
                    plane,
                    [_fixed(line, step) for line in lines],
                    closed,
                    round(value),
                    max(1, round(thickness / step)),
                    cv2.LINE_AA,
                    _SHIFT,
                )

    def _label(
        self, planes: Sequence[Plane], rings: list[Points], tracked: TrackedInstance
    ) -> None:
        text = f"{tracked.label} {tracked.track_id}"
        size = max(10, round(self.height / 32))
        pill = _pill(text, tracked.track_id, size, self.width)
        height, width = pill.alpha.shape
        if width > self.width or height > self.height:
            return
        low = np.min([ring.min(axis=0) for ring in rings], axis=0)
        high = np.max([ring.max(axis=0) for ring in rings], axis=0)
        # On even pixels, so that a sample of colour lies on whole pixels of the pill.
        x = _even((low[0] + high[0] - width) / 2, self.width - width)
        y = _even(low[1] - height - size / 4, self.height - height)
        values = self.samples.of(pill.image)
        for number, (plane, step) in enumerate(zip(planes, self.samples.steps, strict=True)):
            alpha = _shrunk(pill.alpha, step)
            premultiplied = _shrunk(pill.alpha * values[..., number], step)
            rows, columns = alpha.shape
            window = plane[y // step : y // step + rows, x // step : x // step + columns]
            window[:] = np.rint(window * (1 - alpha) + premultiplied)


@dataclass(frozen=True, slots=True, eq=False)
class Pill:
    """A label on its background: image (H, W, 3) RGB and alpha (H, W) in [0, 1], sizes even."""

    image: RgbImage
    alpha: npt.NDArray[np.float64]


@functools.lru_cache(maxsize=256)
def _pill(text: str, track_id: int, size: int, room: int) -> Pill:
    """A label in dark letters of ``size`` pixels on the track's colour, cut to fit ``room``."""
    import cv2

    coverage = _fitting_text(text, size, room - size)
    around = max(2, size // 6)
    height = (coverage.shape[0] + 2 * around + 1) // 2 * 2
    width = (coverage.shape[1] + size + 1) // 2 * 2
    letters = np.zeros((height, width))
    left = (width - coverage.shape[1]) // 2
    letters[around : around + coverage.shape[0], left : left + coverage.shape[1]] = coverage
    colour, dark = np.array(colour_of(track_id)), np.array(_DARK)
    image = np.rint(colour + (dark - colour) * letters[..., None]).astype(np.uint8)
    scale = 4
    corners = np.zeros((height * scale, width * scale), np.uint8)
    radius = min(height, width) * scale // 3
    cv2.rectangle(corners, (radius, 0), (width * scale - radius - 1, height * scale), 255, -1)
    cv2.rectangle(corners, (0, radius), (width * scale, height * scale - radius - 1), 255, -1)
    for x in (radius, width * scale - radius - 1):
        for y in (radius, height * scale - radius - 1):
            cv2.circle(corners, (x, y), radius, 255, -1)
    return Pill(image, _shrunk(corners / 255, scale))


def _fitting_text(text: str, size: int, room: int) -> npt.NDArray[np.float64]:
    """Text as coverage; what does not fit ``room`` pixels gives way to an ellipsis in its middle.

    The end stays: it holds the track id.
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


def _rings(tracked: TrackedInstance) -> list[Points]:
    """The outline's rings as polygons."""
    import cv2

    rings = []
    for ring in tracked.shape.rings:
        points = flatten(ring).astype(np.float32)
        simpler = cv2.approxPolyDP(points[:, None], _SIMPLER, closed=True)[:, 0]
        rings.append(np.asarray(simpler if len(simpler) > 2 else points, dtype=np.float64))
    return rings


def _fixed(points: Points, step: int) -> npt.NDArray[np.int32]:
    """Fixed-point sample coordinates for cv2, where a sample's centre is a whole number."""
    return np.rint((points / step - 0.5) * (1 << _SHIFT)).astype(np.int32)


def _coverage(rings: list[Points], step: int, shape: tuple[int, ...]) -> tuple[Box, Plane]:
    """Which samples lie inside, by even-odd: their box and 0 or 1 for each sample in it."""
    import cv2

    low = np.floor(np.min([ring.min(axis=0) for ring in rings], axis=0) / step)
    high = np.ceil(np.max([ring.max(axis=0) for ring in rings], axis=0) / step)
    x1, y1 = np.clip(low, 0, shape[1::-1]).astype(int)
    x2, y2 = np.clip(high, 0, shape[1::-1]).astype(int)
    coverage = np.zeros((max(0, y2 - y1), max(0, x2 - x1)), np.uint8)
    if coverage.size:
        corner = np.array([x1 * step, y1 * step])
        cv2.fillPoly(coverage, [_fixed(ring - corner, step) for ring in rings], 1, 8, _SHIFT)
    return (int(x1), int(y1), int(x2), int(y2)), coverage


@functools.lru_cache(maxsize=1024)
def _mixture(value: float, strength: float) -> Plane:
    """uint8 (256,): every sample mixed with ``value``."""
    table: Plane = np.rint(np.arange(256) * (1 - strength) + value * strength).astype(np.uint8)
    return table


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


def _shrunk(values: npt.NDArray[np.float64], step: int) -> npt.NDArray[np.float64]:
    """Means over squares of ``step``; sizes are multiples of it."""
    if step == 1:
        return values
    height, width = values.shape
    means: npt.NDArray[np.float64] = values.reshape(height // step, step, width // step, step).mean(
        axis=(1, 3)
    )
    return means


def _even(position: float, most: int) -> int:
    """The nearest even number in [0, most]."""
    return int(min(max(position, 0), most)) // 2 * 2
