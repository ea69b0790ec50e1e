"""The picture of a frame in all its depth, to be cut out."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.formats.images.colour import BT709, Converter
from videoseg.formats.images.hdr import HLG, PQ
from videoseg.formats.images.orientation import Orientation
from videoseg.types import Colour, Frame, StreamInfo

_BACKGROUND = "#000000"
"""For pictures without transparency, so it does not matter."""


def is_deep(info: StreamInfo, frame: Frame) -> bool:
    """Whether a stream's pictures are kept with 16 bits: deeper ones, and HDR."""
    wanted = info.bit_depth > 8 or info.colour.transfer in (PQ, HLG)
    return wanted and Plate(info, frame, deep=True).has_depth


def colour_of(info: StreamInfo, *, deep: bool) -> Colour:
    """Primaries and transfer of a stream's pictures; HDR that was mapped to 8 bits is BT.709."""
    if info.colour.transfer in (PQ, HLG) and not deep:
        return Colour(BT709, BT709)
    return info.colour


class Plate:
    """The picture of a frame, made when it is first asked for; many threads may ask.

    Args:
        info: Its stream.
        frame: The frame.
        deep: Whether to give 16 bits; samples of a frame that has 8 are widened.
    """

    def __init__(self, info: StreamInfo, frame: Frame, *, deep: bool) -> None:
        self._info = info
        self._frame = frame
        self._deep = deep
        self._lock = threading.Lock()
        self._rgb: npt.NDArray[Any] | None = None

    @property
    def has_depth(self) -> bool:
        """Whether the frame itself has more than 8 bits that can be had."""
        return self._deep_rgb() is not None

    def rgb(self) -> npt.NDArray[Any]:
        """uint8 or uint16 (H, W, 3), full range, upright; not to be changed."""
        with self._lock:
            if self._rgb is None:
                self._rgb = self._made()
            return self._rgb

    def _made(self) -> npt.NDArray[Any]:
        if not self._deep:
            return self._frame.image
        found = self._deep_rgb()
        return self._frame.image.astype(np.uint16) * 257 if found is None else found

    def _deep_rgb(self) -> npt.NDArray[np.uint16] | None:
        """From the decoder's own frame; None where there is none, or a transparent one."""
        from av import VideoFrame

        native, info = self._frame.native, self._info
        if isinstance(native, np.ndarray):
            bgr = native if native.dtype == np.uint16 and native.shape[2] == 3 else None
            return None if bgr is None else np.ascontiguousarray(bgr[..., ::-1])
        if not isinstance(native, VideoFrame):
            return None
        orientation = Orientation(info.rotation)
        width, height = info.width, info.height
        if orientation.sideways:
            width, height = height, width
        found = Converter(_BACKGROUND).deep(native, width, height)
        return None if found is None else np.asarray(orientation.applied(found))
