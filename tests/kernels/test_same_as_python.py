"""Compiled code gives what the Python code gives, byte for byte."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from videoseg.kernels.library import library
from videoseg.motion.distance_fields import Motion
from videoseg.motion.flow import Flow
from videoseg.outlines import trace as traced
from videoseg.tracking.smoothing import blend, jitter
from videoseg.tracking.smoothing.jitter import Jitter
from videoseg.types import Bitmap, Mask

WIDTH, HEIGHT = 480, 270
pytestmark = pytest.mark.skipif(library() is None, reason="needs a C compiler")


def blob(rng: np.random.Generator, size: float, place: tuple[float, float]) -> Mask:
    """A bumpy object with a rough edge about a place, perhaps over the frame's border."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    radius = size * (1 + 0.2 * np.cos(3 * angles)) + rng.normal(0, 1.5, 60)
    points = place + np.stack([np.cos(angles), 0.7 * np.sin(angles)], 1) * radius[:, None]
    full = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.fillPoly(full, [points.astype(np.int32)], 1)
    full[int(HEIGHT / 2), int(WIDTH / 2)] = 1
    made = Mask.from_array(full.astype(np.bool_))
    assert made is not None
    return made


def motion(rng: np.random.Generator) -> Motion:
    """A motion of some pixels, of which some is not to be trusted."""
    shape = (HEIGHT // 3, WIDTH // 3)
    backward = cv2.GaussianBlur(rng.normal(0, 5, (*shape, 2)).astype(np.float32), (15, 15), 4)
    places = np.dstack(np.meshgrid(*(np.arange(size, dtype=np.float32) for size in shape[::-1])))
    trust = rng.uniform(0, 1, shape).astype(np.float32)
    evidence = np.dstack([places + backward, trust]).astype(np.float32)
    return Motion(Flow(backward, WIDTH, HEIGHT), evidence)


def steps(seed: int, size: float) -> list[object]:
    """All that smoothing some frames gives: masks, and what is remembered."""
    rng = np.random.default_rng(seed)
    place = tuple(rng.uniform((0, 0), (WIDTH, HEIGHT)).tolist())
    observed = [blend.Observation.of(blob(rng, size, place)) for _ in range(5)]
    motions = [(motion(rng), motion(rng)) for _ in observed]
    state = None
    found: list[object] = []
    for n, present in enumerate(observed[:-1]):
        following = (observed[n + 1], motions[n + 1][1]) if n % 3 else None
        mask, state = blend.smooth_mask(
            state, motions[n][0], present, following, back=motions[n][1], strength=0.9
        )
        found += [mask.crop, mask.bitmap.tobytes(), state.field.values.tobytes()]
        found += [mask is not present.mask]
        found += [dataclasses.astuple(state.jitter)]
        # So much is seldom learned in so few frames.
        state = dataclasses.replace(state, jitter=Jitter(9.0, 1.0, 0.1))
    return found


@pytest.mark.parametrize("size", [4, 20, 60, 150, 400])
@pytest.mark.parametrize("seed", range(4))
def test_smoothing(seed: int, size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = steps(seed, size)
    for module in (blend, jitter):
        monkeypatch.setattr(module, "smoothing_kernel", lambda: None)
    assert compiled == steps(seed, size)


def test_edges_of_these_masks_are_moved() -> None:
    assert all(any(each is True for each in steps(seed, 60)) for seed in range(4))


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_tracing(bitmap: Bitmap) -> None:
    bitmap[0, 0] = True
    compiled = traced.trace([bitmap])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traced, "cycles_kernel", lambda: None)
        python = traced.trace([bitmap])
    for field in dataclasses.fields(compiled):
        one: npt.NDArray[np.int64] = getattr(compiled, field.name)
        np.testing.assert_array_equal(one, getattr(python, field.name))
