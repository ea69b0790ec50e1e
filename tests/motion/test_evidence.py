"""Motion is trusted where the pictures confirm it, and its inverse leads back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from videoseg.geometry.arrays import ByteMap
from videoseg.motion.evidence import motion_between, slope_of
from videoseg.motion.flow import Flow

WIDTH, HEIGHT = 160, 120


def texture() -> ByteMap:
    rng = np.random.default_rng(7)
    noise = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH), np.float32), (0, 0), 2)
    return np.interp(noise, (noise.min(), noise.max()), (0, 255)).astype(np.uint8)


def uniform(x: float, y: float) -> Flow:
    return Flow(np.full((HEIGHT, WIDTH, 2), (x, y), np.float32), 2 * WIDTH, 2 * HEIGHT)


def test_trust_is_low_where_the_picture_contradicts_the_motion() -> None:
    before = texture()
    after = np.roll(before, 3, axis=1)
    slope = slope_of(after)
    right, wrong = (
        motion_between(uniform(x, 0), before, after, slope).evidence[:, 10:-10, 2] for x in (-3, 3)
    )
    steep = slope[:, 10:-10] > 12
    assert right.min() > 0.99
    assert np.median(wrong[steep]) < 0.1


def test_trust_falls_as_an_exponential_does() -> None:
    """To 1/e where motion is off by 0.3 pixels of the flow."""
    x = np.arange(WIDTH, dtype=np.float32)
    ramp = np.tile((x + 20).astype(np.uint8), (HEIGHT, 1))
    slope = np.ones((HEIGHT, WIDTH), np.float32)
    for off in (0.0, 0.15, 0.3, 0.6):
        found = motion_between(uniform(off, 0), ramp, ramp, slope).evidence[:, 5:-5, 2]
        np.testing.assert_allclose(found, np.exp(-((off / 0.3) ** 2)), atol=0.02)


def test_nothing_is_trusted_where_nothing_is_compared() -> None:
    picture, near = texture(), np.zeros((HEIGHT, WIDTH), np.bool_)
    near[30:50, 0:20] = True
    found = motion_between(uniform(0, 0), picture, picture, slope_of(picture), near)
    assert (found.evidence[near][:, 2] == 1).all()
    assert not found.evidence[~near][:, 2].any()
    assert (found.scale_x, found.scale_y) == (2, 2)


def test_where_motion_is_compared_does_not_change_what_is_found() -> None:
    picture, near = texture(), np.zeros((HEIGHT, WIDTH), np.bool_)
    near[::7, ::5] = True
    flow, slope = uniform(0.5, -0.5), slope_of(picture)
    for inverted in (False, True):
        some, all_ = (
            motion_between(flow, picture, picture, slope, where, inverted=inverted).evidence
            for where in (near, None)
        )
        assert np.array_equal(some[near], all_[near])


def test_an_inverse_motion_leads_back() -> None:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    backward = np.stack([3 + np.sin(rows / 20), 2 + np.cos(columns / 20)], axis=2)
    flow, picture = Flow(backward.astype(np.float32), WIDTH, HEIGHT), texture()
    places = motion_between(flow, picture, picture, slope_of(picture), inverted=True).evidence
    for x, y in ((20, 20), (40, 30), (60, 40)):
        column, row = np.rint(places[y, x, :2]).astype(int)
        np.testing.assert_allclose(places[y, x, :2] + backward[row, column], (x, y), atol=0.1)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (45, 81)])
def test_slope_and_trust_do_not_depend_on_where_in_memory_arrays_are(
    height: int, width: int
) -> None:
    random = np.random.default_rng(0)
    before, after = (random.integers(0, 256, (height, width), np.uint8) for _ in range(2))
    flow = Flow(np.full((height, width, 2), 0.3, np.float32), width, height)
    # All are kept, so that each has a place of its own.
    slopes = [slope_of(after) for _ in range(40)]
    motions = [motion_between(flow, before, after, slope) for slope in slopes]
    assert all(np.array_equal(each, slopes[0]) for each in slopes)
    assert all(np.array_equal(each.evidence, motions[0].evidence) for each in motions)
