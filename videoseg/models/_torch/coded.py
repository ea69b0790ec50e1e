"""Frames as their film codes them, where the device can make of them what the CPU has made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.colour import is_full_range, swscale_matrix, takes_short_cut
from videoseg.formats.images.orientation import UPRIGHT, orientation_of
from videoseg.networks.yuv import Coding
from videoseg.types import Frame

_LAYOUTS = frozenset({"yuv420p", "yuvj420p"})


def coding_of(frames: Sequence[Frame]) -> Coding | None:
    """How all of some frames are coded; None where they differ, or are to be taken as RGB."""
    found = {_coding(frame) for frame in frames}
    return found.pop() if len(found) == 1 else None


def _coding(frame: Frame) -> Coding | None:
    native, size = frame.native, (frame.width, frame.height)
    layout = getattr(getattr(native, "format", None), "name", None)
    if layout not in _LAYOUTS or size[0] % 2 or not takes_short_cut(native, size):
        return None
    if orientation_of(native) != UPRIGHT:
        return None
    coding = Coding(*size, swscale_matrix(native), is_full_range(native))
    return coding if coding.known else None


def copy_coded(frame: Frame, coding: Coding, into: npt.NDArray[np.uint8]) -> None:
    """Copy a frame's planes, one after the other, into an array (``coding.size``,)."""
    for part, plane in zip(coding.parts, frame.native.planes, strict=True):
        rows = into[part].reshape(plane.height, plane.width)
        np.copyto(rows, _rows(plane)[:, : plane.width])


def _rows(plane: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
