"""Shot cuts: where one frame has nothing to do with the one before.

Two measures on a small image must agree. The colour histogram ignores where things are, so pans and
moving objects hardly change it; the best match of the edges under any shift ignores brightness, so
lamps and fades hardly change it. A flash upsets both, but only for a moment: a suspected cut is
kept open for a few frames, and is none if one of them continues the shot before it.

Soft pictures have no edges to match, and their colours may be alike. But they change little from
frame to frame, so there a picture that the one before does not explain stands out: not by other
light, and not by something that moves in front.
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
SOFT = 5.0
"""Soft pictures have a mean gradient up to this, levels a pixel of the small image."""
RESIDUAL_GROWTH = 3.5
"""At a cut between soft pictures the residual is more than this many times its usual value."""
MIN_RESIDUAL = 0.5
"""Least residual that counts as usual, levels."""
MAX_CORRELATION = 0.95
"""Highest correlation of two soft pictures across a cut."""
MAX_STILL_SHARE = 0.4
"""Highest share of pixels that stay the same across a cut between soft pictures."""
STILL_LEVELS = 2.0
"""A pixel that changes by no more than this, levels, beside a change of light, stays the same."""
_MAX_RESIDUALS = 8
"""Number of latest residuals of a shot that tell its usual one, at most."""
_MIN_RESIDUALS = 2
"""Number of residuals before which a shot's usual one is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class _FrameFeatures:
    """What a frame looks like.

    Attributes:
        colours: A histogram, normed.
        edges: The spectrum of its edges, normed.
        small: float32 (h, w, 3), the frame itself.
        slope: Its mean slope, levels a pixel.
    """

    colours: npt.NDArray[np.float32]
    edges: npt.NDArray[np.complex64]
    small: npt.NDArray[np.float32]
    slope: float


@dataclass(slots=True)
class CutDetector:
    """Tells for each frame of a stream, at most ``patience`` frames later, if a shot starts there.

    Attributes:
        patience: Frames a suspected cut is kept open to see whether it was a flash.
    """

    patience: int = 2
    _previous: _FrameFeatures | None = field(init=False, repr=False, default=None)
    _suspected: deque[_FrameFeatures] = field(init=False, repr=False, default_factory=deque)
    _residuals: deque[float] = field(
        init=False, repr=False, default_factory=lambda: deque(maxlen=_MAX_RESIDUALS)
    )

    def push(self, image: RgbImage) -> list[bool]:
        """Take the next frame, of any size; give the verdicts on the frames now decided, in order.

        The first frame of a stream starts no new shot.
        """
        features = _features_of(image)
        if self._previous is None or not self._is_cut(self._previous, features):
            verdicts = [False] * (len(self._suspected) + 1)
            self._continue_shot(features)
            self._suspected.clear()
            return verdicts
        self._suspected.append(features)
        return self._decide(self.patience)

    def flush(self) -> list[bool]:
        """Give the verdicts on the frames still open; the stream ends."""
        return self._decide(0)

    def judges_like(self, other: CutDetector) -> bool:
        """Whether both will judge all frames to come alike, if the last one was the same."""
        return self._residuals == other._residuals and not (self._suspected or other._suspected)

    def _decide(self, patience: int) -> list[bool]:
        """Close suspected cuts that are older than ``patience`` frames."""
        verdicts: list[bool] = []
        while len(self._suspected) > patience:
            features = self._suspected.popleft()
            verdicts.append(self._previous is None or self._is_cut(self._previous, features))
            if verdicts[-1]:
                self._previous = None
                self._residuals.clear()
            self._continue_shot(features)
            # What follows the cut is judged as the new shot's own frames.
            while self._suspected and not self._is_cut(features, self._suspected[0]):
                features = self._suspected.popleft()
                self._continue_shot(features)
                verdicts.append(False)
        return verdicts

    def _continue_shot(self, features: _FrameFeatures) -> None:
        """Take the next frame of a shot."""
        if self._previous is not None and max(self._previous.slope, features.slope) <= SOFT:
            self._residuals.append(correlation_and_residual(self._previous, features)[1])
        self._previous = features

    def _is_cut(self, a: _FrameFeatures, b: _FrameFeatures) -> bool:
        """Whether a frame has nothing to do with the one before."""
        if colour_change(a, b) > COLOUR_CHANGE and edge_match(a, b) < EDGE_MATCH:
            return True
        if max(a.slope, b.slope) > SOFT or len(self._residuals) < _MIN_RESIDUALS:
            return False
        correlation, residual = correlation_and_residual(a, b)
        usual = max(MIN_RESIDUAL, *self._residuals)
        return (
            correlation < MAX_CORRELATION
            and residual > RESIDUAL_GROWTH * usual
            and still_share(a, b) < MAX_STILL_SHARE
        )


_WIDTH = 64
"""Width of the small image, pixels."""
_HEIGHT = 48
"""Height of the small image, pixels."""
_BINS = 8
"""Bins of the histogram along each of red, green and blue."""


def _features_of(image: RgbImage) -> _FrameFeatures:
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
    slope = float(strength.mean()) / 8  # Sobel's weights sum up to so much
    strength -= strength.mean()
    norm = float(np.sqrt((strength**2).sum())) or 1.0
    edges = np.fft.rfft2(strength / norm).astype(np.complex64)
    return _FrameFeatures(colours / colours.sum(), edges, small.astype(np.float32), slope)


def _blurred(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    wide = np.concatenate(
        [values.take([0], axis), values, values.take([-1], axis)], axis=axis, dtype=np.float32
    )
    count = values.shape[axis]
    parts = [wide.take(range(start, start + count), axis) for start in range(3)]
    return np.asarray((parts[0] + 2 * parts[1] + parts[2]) / 4, dtype=np.float32)


def colour_change(a: _FrameFeatures, b: _FrameFeatures) -> float:
    """Share of colour mass that differs, in [0, 1]."""
    return float(1 - np.minimum(a.colours, b.colours).sum())


def edge_match(a: _FrameFeatures, b: _FrameFeatures) -> float:
    """Correlation of the edges under the best shift, at most 1."""
    return float(np.fft.irfft2(a.edges * np.conj(b.edges), s=(_HEIGHT, _WIDTH)).max())


def correlation_and_residual(a: _FrameFeatures, b: _FrameFeatures) -> tuple[float, float]:
    """Correlation of two pictures, and what remains of the second, levels, in the first's light."""
    one, other = (features.small - features.small.mean(axis=(0, 1)) for features in (a, b))
    own, both = float((one * one).sum()), float((one * other).sum())
    unexplained = other - both / max(own, 1e-6) * one
    correlation = both / max(np.sqrt(own * float((other * other).sum())), 1e-6)
    return float(correlation), float(np.sqrt((unexplained * unexplained).mean()))


def still_share(a: _FrameFeatures, b: _FrameFeatures) -> float:
    """Share of the pixels that are the same, as most pixels change."""
    change = b.small - a.small
    off = np.abs(change - np.median(change, axis=(0, 1))).max(axis=2)
    return float((off <= STILL_LEVELS).mean())
