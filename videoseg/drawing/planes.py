"""How the planes of a picture hold colour: RGB, or Y'CbCr with the constants of ITU-T H.273."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
"""uint8 (H, W): one plane of a picture, or a window of one."""

LUMA_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""matrix_coefficients -> weights of red and blue in luma (H.273, table 4)."""


@dataclass(frozen=True, slots=True, eq=False)
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

    @functools.lru_cache(maxsize=256)  # noqa: B019 - there is one of these per stream
    def whole(self, rgb: tuple[int, int, int]) -> tuple[int, int, int]:
        """Samples of one colour, rounded."""
        first, second, third = (round(value) for value in self.of(rgb).tolist())
        return first, second, third


RGB = Samples((1, 1, 1), np.eye(3), np.zeros(3))


def yuv420(red_weight: float, blue_weight: float, *, full_range: bool) -> Samples:
    """Y'CbCr 4:2:0 of 8 bits (ITU-T H.273, 8.3) from the weights of red and blue in luma."""
    luma = np.array([red_weight, 1 - red_weight - blue_weight, blue_weight])
    towards_blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue_weight))
    towards_red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red_weight))
    luma_range, chroma_range, black = (255, 255, 0) if full_range else (219, 224, 16)
    rows = [luma_range * luma, chroma_range * towards_blue, chroma_range * towards_red]
    return Samples((1, 2, 2), np.stack(rows) / 255, np.array([black, 128, 128]))
