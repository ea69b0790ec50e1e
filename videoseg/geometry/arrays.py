"""Arrays by what they hold, as the modules above name them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from videoseg.types.shapes import Points

__all__ = [
    "ByteMap",
    "Complex",
    "Flags",
    "FloatMap",
    "Indices",
    "Points",
    "Values",
    "on_grid",
    "ranges",
]

Values: TypeAlias = npt.NDArray[np.float64]
"""float64 of any shape."""
Complex: TypeAlias = npt.NDArray[np.complex128]
"""complex128 of any shape: points as x + i y."""
Indices: TypeAlias = npt.NDArray[np.int64]
"""int64 of any shape."""
Flags: TypeAlias = npt.NDArray[np.bool_]
"""bool of any shape."""
ByteMap: TypeAlias = npt.NDArray[np.uint8]
"""uint8 (h, w)."""
FloatMap: TypeAlias = npt.NDArray[np.float32]
"""float32 (h, w), or several such maps: (c, h, w)."""


_GRID = 4096
"""Parts of 1 to which numbers are rounded before they are summed."""


def on_grid(values: npt.NDArray[np.floating]) -> Values:
    """Numbers to the nearest 1 / 4096: sums of them, and of their products, are exact.

    So they are the same in whatever order they are added up, as compiled code does it too.
    """
    return np.rint(values.astype(np.float64) * _GRID) * (1 / _GRID)


def ranges(begins: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """Which range each number is of, and the numbers ``begin`` to ``begin + count`` of each."""
    which = np.repeat(np.arange(len(counts)), counts)
    offsets = begins - (np.cumsum(counts) - counts)
    return which, np.arange(len(which)) + offsets[which]
