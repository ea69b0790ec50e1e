"""Temporal instability: none for exact masks, still or moving; more for those that jump."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from videoseg.evaluate.metrics.stability import corrected_flow, jumps, temporal_instability
from videoseg.motion.flow import Flow, flow_between
from videoseg.types import Bitmap, RgbImage

HEIGHT, WIDTH = 120, 160


def texture(seed: int) -> RgbImage:
    """Smooth noise that optical flow can follow."""
    import cv2

    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.clip((smooth - 128) * 5 + 128, 0, 255).astype(np.uint8)


def square(x: int, y: int, side: int = 40) -> Bitmap:
    bitmap = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    bitmap[max(0, y) : max(0, y + side), max(0, x) : max(0, x + side)] = True
    return bitmap


def film(positions: list[tuple[int, int]]) -> tuple[list[Bitmap], list[Flow]]:
    """A textured square that moves over a still textured ground."""
    ground, surface = texture(1), texture(2)[:40, :40]
    images = []
    for x, y in positions:
        image = ground.copy()
        image[y : y + 40, x : x + 40] = surface
        images.append(image)
    flows = [flow_between(a, b) for a, b in pairwise(images)]
    return [square(x, y) for x, y in positions], flows


def flow_of(after: Bitmap, motion: tuple[int, int]) -> Flow:
    """What lies in ``after`` has moved by x, y; all else has not."""
    backward = np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)
    backward[after] = np.negative(motion)
    return Flow(backward, WIDTH, HEIGHT)


def still_flow() -> Flow:
    return Flow(np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32), WIDTH, HEIGHT)


def test_a_still_exact_mask_is_perfectly_stable() -> None:
    truth, flows = film([(50, 40)] * 4)
    result = temporal_instability(truth, truth, flows)
    assert result.predicted.tolist() == result.truth.tolist() == [0, 0, 0]
    assert result.excess == 0


def test_an_outline_that_grows_by_a_pixel_jumps_by_one() -> None:
    # 40 -> 42 px side: 42^2 - 40^2 = 164 px differ; outlines of 160 and 168 px: 1 px.
    grown = [square(50, 40), square(49, 39, 42), square(50, 40)]
    assert jumps(grown, [still_flow()] * 2).tolist() == [1, 1]


def test_a_moving_exact_mask_is_about_stable() -> None:
    truth, flows = film([(30 + 4 * i, 30 + 2 * i) for i in range(6)])
    moving = temporal_instability(truth, truth, flows)
    assert moving.excess == 0
    assert moving.truth.max() < 0.4
    # Without the motion taken off: 4 and 2 px over a 40 px square, 464 of 160.
    assert jumps(truth, [still_flow()] * 5) == pytest.approx([464 / 160] * 5)


def test_more_flicker_is_more_unstable() -> None:
    truth, flows = film([(30 + 4 * i, 30 + 2 * i) for i in range(6)])

    def excess(amplitude: int) -> float:
        grow = [amplitude * (i % 2) for i in range(6)]
        flickering = [
            square(30 + 4 * i - by, 30 + 2 * i - by, 40 + 2 * by) for i, by in enumerate(grow)
        ]
        return temporal_instability(flickering, truth, flows).excess

    values = [excess(amplitude) for amplitude in (0, 1, 2, 4)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[1] > 0.3
    assert values[3] == pytest.approx(4, abs=0.8)


def test_a_constant_error_is_not_instability() -> None:
    truth, _ = film([(30 + 4 * i, 30 + 2 * i) for i in range(6)])
    # The motion as it is: what optical flow makes of it near the edge is another matter.
    flows = [flow_of(after, (4, 2)) for after in truth[1:]]
    too_small = [square(30 + 4 * i + 3, 30 + 2 * i + 3, 34) for i in range(6)]
    assert temporal_instability(too_small, truth, flows).excess < 0.1


def test_the_true_outline_corrects_a_wrong_flow() -> None:
    # The flow says that nothing moves; 3 px are nearest to where the outline really was.
    before, now = square(50, 40), square(53, 40)
    assert jumps([before, now], [still_flow()]).tolist() == [240 / 160]
    motion = corrected_flow(still_flow(), before, now)
    assert jumps([before, now], [motion]) < 0.1
    assert corrected_flow(motion, None, now) is motion


def test_vanishing_counts_with_the_outline_that_is_there() -> None:
    # 1600 px over an outline of 160.
    there = square(50, 40)
    assert jumps([there, None, None, there], [still_flow()] * 3).tolist() == [10, 0, 10]


def test_what_comes_into_view_does_not_count() -> None:
    # Everything moves 10 px to the right; a square at the left border comes in with it.
    backward = np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)
    backward[..., 0] = -10
    flow = Flow(backward, WIDTH, HEIGHT)
    assert jumps([square(-20, 40), square(-10, 40)], [flow]).tolist() == [0]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        jumps([None], [])
    with pytest.raises(ValueError, match="do not fit"):
        jumps([None, None], [])
    with pytest.raises(ValueError, match="flow's frame"):
        jumps([None, np.ones((4, 4), dtype=np.bool_)], [still_flow()])
