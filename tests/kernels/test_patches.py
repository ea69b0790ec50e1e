"""Compiled code finds of patches what the Python code finds."""

from __future__ import annotations

import ctypes

import cv2
import numpy as np
import pytest

from videoseg.geometry.arrays import FloatMap
from videoseg.kernels.patches import patches_of
from videoseg.motion import patches


@pytest.mark.parametrize("size", [(8, 8), (9, 40), (60, 90)])
def test_compiled_code_finds_the_same_bytes(
    size: tuple[int, int], library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of motions that lead out of the picture, and far away."""
    rng = np.random.default_rng(5)
    noise = cv2.GaussianBlur(rng.random(size, np.float32), (0, 0), 2)
    before = np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)
    after = np.roll(before, (1, -2), (0, 1)) // 2 + np.uint8(40)
    start = rng.normal(0, 2, (*size, 2)).astype(np.float32)
    start[4, 4] = (-500, 1e4)
    near = rng.random(size) < 0.2
    near[0, 0] = True

    def found(kernel: object) -> FloatMap:
        monkeypatch.setattr(patches, "patches_kernel", lambda: kernel)
        return patches.refined(start, before, after, near)

    compiled = found(patches_of(library))
    assert compiled.tobytes() == found(None).tobytes()
    assert compiled.tobytes() != start.tobytes()
