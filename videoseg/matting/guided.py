"""Soft edges from the colours on both sides of an edge, and a guided filter.

Known pixels on either side, further from the edge than the band is wide, give a mean colour and its
spread near each pixel of the band. A pixel's matte is where its colour lies between the two means:
the value that is most probable if both colours vary as they do, and if the mask is right but for a
little (a Bayesian estimate as in Chuang et al., "A Bayesian approach to digital matting", CVPR
2001, with one Gaussian a side and the mask's own edge as the prior). A guided filter (He et al.,
"Guided image filtering", ECCV 2010) takes out the noise; its guide is how far colours lie from one
mean to the other, so that it keeps just the edges that the matte has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.geometry.arrays import FloatMap
from videoseg.types import EdgeWindow

ROUNDS = 2
"""Estimates, each with the spread of colours at the one before."""
NOISE = 2e-4
"""Variance that every colour has, of values from 0 to 1."""
MASK_TRUST = 512.0
"""Weight of the mask against colours that differ by one deviation, at a band of one pixel."""
TRUST_LIMITS = (16.0, 256.0)
"""Least and largest weight of the mask: a wider band means a vaguer mask, which counts less."""
SEEN_SHARE = 1e-4
"""Share of a neighbourhood that must be known for its colours to count."""
CELLS = 3
"""Cells that a neighbourhood of known colours reaches to each side; they are means of pixels."""
GUIDE_RADII = (1, 2)
"""Radius, pixels, of the guided filter: of a narrow band, and of one from ``WIDE`` on."""
WIDE = 6.0
"""Half width, pixels, of a band that is wide."""
GUIDE_EPSILON = 4e-3
"""Variance of the guide, 1 from mean to mean, below which it is taken for even."""
GUIDE_LIMITS = (-0.5, 1.5)
"""Colours beyond either mean guide as these do."""

Colours: TypeAlias = npt.NDArray[np.float32]
"""float32 (h, w, 3) or (N, 3), 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Side:
    """Known colours near each pixel of the band.

    Attributes:
        mean: float32 (N, 3).
        spread: float32 (N, 3), variance.
        seen: bool (N,), whether there are any.
    """

    mean: Colours
    spread: Colours
    seen: npt.NDArray[np.bool_]


@dataclass
class Guided:
    """Soft edges from the picture's own colours; needs no further package."""

    def alpha(self, window: EdgeWindow) -> FloatMap:
        """See ``protocols.Matter``."""
        band = np.abs(window.distance) < window.softness
        prior = window.coverage
        if not band.any():
            return prior
        estimate, guide = self._by_colours(window, band, prior[band])
        # Outside the band the mask is right; the filter must see that.
        values, guides = prior, (window.distance > 0).astype(np.float32)
        values[band], guides[band] = estimate, guide
        radius = GUIDE_RADII[window.softness >= WIDE]
        filtered = guided_filter(guides, values, radius, GUIDE_EPSILON)
        return np.asarray(np.clip(filtered, 0, 1), dtype=np.float32)

    def _by_colours(
        self, window: EdgeWindow, band: npt.NDArray[np.bool_], prior: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Mattes of the band's pixels, and where their colours lie from outside (0) to inside (1).

        Both float32 (N,).
        """
        colour = window.image[band]
        cell = max(1, (math.ceil(2 * window.softness) + 2) // CELLS)
        inner = _side(window.image, window.distance >= window.softness, band, cell)
        outer = _side(window.image, window.distance <= -window.softness, band, cell)
        both = inner.seen & outer.seen
        apart = inner.mean - outer.mean
        lies, size = (colour - outer.mean) * apart, apart * apart
        trust = np.float32(np.clip(MASK_TRUST / window.softness, *TRUST_LIMITS))
        alpha = prior
        for _ in range(ROUNDS):
            share = alpha[:, None]
            spread = share**2 * inner.spread + (1 - share) ** 2 * outer.spread + np.float32(NOISE)
            along, weight = ((each / spread).sum(axis=1) * both for each in (lies, size))
            alpha = np.clip((along + trust * prior) / (weight + trust), 0, 1)
        guide = np.where(weight > 0, along / np.maximum(weight, np.float32(1e-6)), prior)
        return alpha, np.clip(guide, *GUIDE_LIMITS).astype(np.float32)


def _side(
    image: Colours, known: npt.NDArray[np.bool_], band: npt.NDArray[np.bool_], cell: int
) -> _Side:
    """The known colours near each pixel of the band."""
    import cv2

    height, width = known.shape
    small = (-(-width // cell), -(-height // cell))
    weight = known.astype(np.float32)
    shown = image * weight[..., None]

    def near(values: FloatMap) -> FloatMap:
        reduced = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
        side = (2 * CELLS + 1, 2 * CELLS + 1)
        mean = cv2.blur(reduced, side, borderType=cv2.BORDER_REFLECT)
        full = cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(full[band], dtype=np.float32)

    seen = near(weight)
    scale = (1 / np.maximum(seen, np.float32(1e-6)))[:, None]
    mean = np.asarray(near(shown) * scale, dtype=np.float32)
    spread = near(shown * image) * scale - mean * mean
    positive = np.asarray(np.maximum(spread, 0), dtype=np.float32)
    return _Side(mean, positive, seen > SEEN_SHARE)


def guided_filter(guide: FloatMap, values: FloatMap, radius: int, epsilon: float) -> FloatMap:
    """Values smoothed within a square, but for where the guide has an edge; float32 (h, w).

    Args:
        guide: float32 (h, w).
        values: float32 (h, w).
        radius: Half the side of the square, pixels.
        epsilon: Variance of the guide below which it is taken for even.
    """
    mean, level = _mean(guide, radius), _mean(values, radius)
    together = _mean(guide * values, radius) - mean * level
    variance = _mean(guide * guide, radius) - mean * mean
    slope = np.asarray(together / (variance + np.float32(epsilon)), dtype=np.float32)
    offset = np.asarray(level - slope * mean, dtype=np.float32)
    return np.asarray(_mean(slope, radius) * guide + _mean(offset, radius), dtype=np.float32)


def _mean(values: FloatMap, radius: int) -> FloatMap:
    import cv2

    side = 2 * radius + 1
    mean = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return np.asarray(mean, dtype=np.float32)


PARTS = {"guided": Guided}
