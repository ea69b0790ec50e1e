"""Views of the samples in FFmpeg's frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame

AnyPlane: TypeAlias = npt.NDArray[Any]
"""uint8 or uint16 (H, W); of packed samples (H, W * channels)."""


def planes_of(frame: VideoFrame) -> tuple[AnyPlane, ...]:
    """Views of a frame's planes without the padding of their rows, for samples of whole bytes."""
    form = frame.format
    bits = max(component.bits for component in form.components)
    kind = np.dtype(np.uint8 if bits <= 8 else ">u2" if form.is_big_endian else "<u2")
    planes: list[Any] = list(frame.planes)
    channels = len(form.components) if len(planes) == 1 else 1
    return tuple(
        np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)[
            : plane.height, : plane.width * channels
        ]
        for plane in planes
    )
