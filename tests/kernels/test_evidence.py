"""Compiled code finds the evidence of motion that the Python code finds."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from videoseg.geometry.arrays import FloatMap
from videoseg.kernels.evidence import Evidence, evidence_of
from videoseg.motion import evidence
from videoseg.motion.flow import Flow


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 5), (40, 63)])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("everywhere", [False, True])
def test_compiled_code_finds_the_same_bytes(
    size: tuple[int, int],
    inverted: bool,
    everywhere: bool,
    library: ctypes.CDLL,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also of motions that lead out of the picture, and far away."""
    rng = np.random.default_rng(3)
    before, after = (rng.integers(0, 40, size, np.uint8) for _ in range(2))
    backward = rng.normal(0, 2, (*size, 2)).astype(np.float32)
    backward[-1, -1] = (-500, 1e4)
    near = None if everywhere else rng.random(size) < 0.2
    flow, slope = Flow(backward, 4 * size[1], 4 * size[0]), evidence.slope_of(after)

    def found(kernel: Evidence | None) -> FloatMap:
        monkeypatch.setattr(evidence, "evidence_kernel", lambda: kernel)
        made = evidence.motion_between(flow, before, after, slope, near, inverted=inverted)
        return made.evidence

    compiled = found(evidence_of(library))
    assert compiled.tobytes() == found(None).tobytes()
    assert min(size) == 1 or compiled[..., 2].any()
