"""Shot cuts: where one frame has nothing to do with the one before.

Two measures on a small image must agree. The colour histogram ignores where things are, so pans and
moving objects hardly change it; the best match of the edges under any shift ignores brightness, so
lamps and fades hardly change it. A flash upsets both, but only for a moment: a suspected cut is
kept open for a few frames, and is none if one of them continues the shot before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from videoseg.types import RgbImage

COLOUR_CHANGE = 0.15
"""Share of the pixels whose colour bin must change."""
EDGE_MATCH = 0.45
"""Highest correlation of the edges, under the best shift, across a cut."""


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What a frame looks like: a colour histogram and the spectrum of its edges, both normed."""

    colours: npt.NDArray[np.float32]
    edges: npt.NDArray[np.complex64]


@dataclass(slots=True)
class CutDetector:
    """Tells for each frame of a stream, at most ``patience`` frames later, if a shot starts there.

    Attributes:
        patience: Frames a suspected cut is kept open to see whether it was a flash.
    """

    patience: int = 2
    _before: _Look | None = field(init=False, repr=False, default=None)
    _open: deque[_Look] = field(init=False, repr=False, default_factory=deque)

    def push(self, image: RgbImage) -> list[bool]:
        """Take the next frame, of any size; give the verdicts on the frames now decided, in order.

        The first frame of a stream starts no new shot.
        """
        look = _look(image)
        if self._before is None or not _differ(self._before, look):
            verdicts = [False] * (len(self._open) + 1)
            self._before = look
            self._open.clear()
            return verdicts
        self._open.append(look)
        return self._decide(self.patience)

    def flush(self) -> list[bool]:
        """Give the verdicts on the frames still open; the stream ends."""
        return self._decide(0)

    def _decide(self, patience: int) -> list[bool]:
        """Close suspected cuts that are older than ``patience`` frames."""
        verdicts: list[bool] = []
        while len(self._open) > patience:
            look = self._open.popleft()
            verdicts.append(self._before is None or _differ(self._before, look))
            self._before = look
            # What follows the cut is judged as the new shot's own frames.
            while self._open and not _differ(self._before, self._open[0]):
                self._before = self._open.popleft()
                verdicts.append(False)
        return verdicts


_WIDTH, _HEIGHT = 64, 48
_BINS = 8


def _look(image: RgbImage) -> _Look:
    import cv2

    small = cv2.resize(image, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    bins = (small // (256 // _BINS)).astype(np.int32)
    flat = (bins[..., 0] * _BINS + bins[..., 1]) * _BINS + bins[..., 2]
    counts = np.bincount(flat.ravel(), minlength=_BINS**3).reshape(_BINS, _BINS, _BINS)
    # Blurring over neighbouring bins keeps a small change of exposure small.
    colours = counts.astype(np.float32)
    for axis in range(3):
        colours = _blurred(colours, axis)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    strength -= strength.mean()
    norm = float(np.sqrt((strength**2).sum())) or 1.0
    edges = np.fft.rfft2(strength / norm).astype(np.complex64)
    return _Look(colours / colours.sum(), edges)


def _blurred(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    wide = np.concatenate(
        [values.take([0], axis), values, values.take([-1], axis)], axis=axis, dtype=np.float32
    )
    count = values.shape[axis]
    parts = [wide.take(range(start, start + count), axis) for start in range(3)]
    return np.asarray((parts[0] + 2 * parts[1] + parts[2]) / 4, dtype=np.float32)


def colour_change(a: _Look, b: _Look) -> float:
    """Share of colour mass that differs, in [0, 1]."""
    return float(1 - np.minimum(a.colours, b.colours).sum())


def edge_match(a: _Look, b: _Look) -> float:
    """Correlation of the edges under the best shift, at most 1."""
    return float(np.fft.irfft2(a.edges * np.conj(b.edges), s=(_HEIGHT, _WIDTH)).max())


def _differ(a: _Look, b: _Look) -> bool:
    return colour_change(a, b) > COLOUR_CHANGE and edge_match(a, b) < EDGE_MATCH
