"""Flow from patches is fine about the places that are named, right elsewhere, and may be far."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from videoseg.geometry.arrays import ByteMap, FloatMap
from videoseg.motion.flow import flow_of_greys
from videoseg.motion.patch_flow import flow_about

HEIGHT, WIDTH = 181, 320


def texture(seed: int) -> ByteMap:
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH), np.float32), (0, 0), 3)
    return np.interp(noise, (noise.min(), noise.max()), (10, 240)).astype(np.uint8)


def moved(picture: ByteMap, matrix: FloatMap) -> ByteMap:
    size = (WIDTH, HEIGHT)
    return np.asarray(cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REFLECT))


@pytest.mark.parametrize("shift", [(0.4, -0.7), (9.5, 4.25), (-14.0, 8.5)])
def test_a_shift_is_found_everywhere(shift: tuple[float, float]) -> None:
    before = texture(1)
    after = moved(before, np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32))
    near = np.zeros((HEIGHT, WIDTH), np.bool_)
    near[60:120, 100:200] = True
    off = np.linalg.norm(flow_about(before, after, near) + np.array(shift, np.float32), axis=2)
    assert np.median(off[near]) < 0.08
    assert np.percentile(off[near], 95) < 0.3
    inner = off[40:-40, 40:-40]
    assert np.median(inner) < 0.3


def test_motion_is_as_near_the_truth_as_that_of_dense_inverse_search() -> None:
    """Of a picture that turns and grows, where it is named."""
    before = texture(2)
    matrix = np.asarray(cv2.getRotationMatrix2D((150, 90), 3, 1.03), np.float32)
    after = moved(before, matrix)
    near = np.zeros((HEIGHT, WIDTH), np.bool_)
    near[40:140, 60:260] = True
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    back = np.asarray(cv2.invertAffineTransform(matrix), np.float32)
    truth = np.stack([x, y, np.ones_like(x)], axis=2) @ back.T - np.stack([x, y], axis=2)
    dense = flow_of_greys(before, after, frame_width=WIDTH, frame_height=HEIGHT, finest=0)
    found, rival = (
        np.linalg.norm(each - truth, axis=2)[near].mean()
        for each in (flow_about(before, after, near), dense.backward)
    )
    assert found < 0.15
    assert found < 1.2 * rival


def test_small_pictures_have_motion_too() -> None:
    before, near = texture(3)[:9, :12], np.ones((9, 12), np.bool_)
    assert np.abs(flow_about(before, before, near)).max() < 0.01
