"""Arrays that outlines are made of, as the modules here name them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
"""x and y last."""
Values = npt.NDArray[np.float64]
Complex = npt.NDArray[np.complex128]
"""x + i y."""
Indices = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def ranges(begins: Indices, counts: Indices) -> tuple[Indices, Indices]:
    """Which range each number is of, and the numbers ``begin`` to ``begin + count`` of each."""
    which = np.repeat(np.arange(len(counts)), counts)
    offsets = begins - (np.cumsum(counts) - counts)
    return which, np.arange(len(which)) + offsets[which]
