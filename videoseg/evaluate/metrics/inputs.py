"""The forms in which a mask may be handed to a metric."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from videoseg.geometry import masks
from videoseg.types import Bitmap, Mask

MaskLike: TypeAlias = Mask | Bitmap | None
"""A cropped mask, a bool (H, W) bitmap of the whole frame, or None where there is nothing."""


def as_mask(value: MaskLike, *, ignore: Bitmap | None = None) -> Mask | None:
    """The same pixels as a Mask without logits, less those to ignore; None where none are left.

    Args:
        value: The mask in any form.
        ignore: bool (H, W), True where pixels do not count (void), or None.

    Raises:
        ValueError: A bitmap is not bool (H, W), or ``ignore`` is of another size.
    """
    if value is None:
        return None
    if isinstance(value, np.ndarray):
        if value.dtype != np.bool_ or value.ndim != 2:
            raise ValueError(f"a bitmap is bool (H, W), got {value.dtype = } {value.shape = }")
        value = masks.from_bitmap(value)
        if value is None:
            return None
    if ignore is None:
        return value
    if ignore.dtype != np.bool_ or ignore.shape != (value.frame_height, value.frame_width):
        raise ValueError(
            f"ignored pixels are bool ({value.frame_height}, {value.frame_width}), "
            f"got {ignore.dtype = } {ignore.shape = }"
        )
    x1, y1, x2, y2 = value.crop
    kept = value.bitmap & ~ignore[y1:y2, x1:x2]
    if not kept.any():
        return None
    return Mask(value.x, value.y, value.frame_width, value.frame_height, kept)


def as_pair(
    predicted: MaskLike, truth: MaskLike, *, ignore: Bitmap | None = None
) -> tuple[Mask | None, Mask | None]:
    """Both masks without the pixels to ignore.

    Raises:
        ValueError: They lie in frames of different sizes, or are malformed (see ``as_mask``).
    """
    first, second = as_mask(predicted, ignore=ignore), as_mask(truth, ignore=ignore)
    if first is not None and second is not None:
        sizes = [(mask.frame_width, mask.frame_height) for mask in (first, second)]
        if sizes[0] != sizes[1]:
            raise ValueError(f"masks lie in frames of different sizes: {sizes[0]} and {sizes[1]}")
    return first, second
