"""Motion refined in patches is right to a fraction of a pixel, and only where it is asked for."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from videoseg.geometry.arrays import ByteMap
from videoseg.motion import patches
from videoseg.motion.frame_pairs import FramePyramid, around_edges, flow_to
from videoseg.types import Mask

HEIGHT, WIDTH = 60, 90


def pictures(shift: tuple[float, float], brighter: int = 0) -> tuple[ByteMap, ByteMap]:
    """A texture, and what of it is seen after it has moved, perhaps in other light."""
    rng = np.random.default_rng(4)
    noise = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH), np.float32), (0, 0), 2)
    grey = np.interp(noise, (noise.min(), noise.max()), (20, 200))
    matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    moved = cv2.warpAffine(grey, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
    before, after = (np.rint(each).astype(np.uint8) for each in (grey, moved + brighter))
    return before, after


@pytest.mark.parametrize("brighter", [0, 30])
def test_a_motion_is_found_to_a_fraction_of_a_pixel(brighter: int) -> None:
    before, after = pictures((1.3, -0.6), brighter)
    start = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    near = np.zeros((HEIGHT, WIDTH), np.bool_)
    near[20:40, 20:50] = True
    found = patches.refined(start, before, after, near)
    off = found[near] - np.array([-1.3, 0.6], np.float32)
    assert np.median(np.abs(off)) < 0.1
    assert not found[:10].any()


def test_what_is_near_edges_is_near_edges() -> None:
    bitmap = np.ones((200, 300), np.bool_)
    near = around_edges([Mask(400, 200, 1280, 720, bitmap)], (180, 320))
    assert near[50, 100:175].all()
    assert near[50:100, 100].all()
    assert not near[75, 135:140].any()  # far inside
    assert not near[20].any()
    assert not near[:, 60].any()


def test_what_is_too_thin_to_be_seen_has_edges() -> None:
    thin = around_edges([Mask(401, 201, 1280, 720, np.ones((1, 1), np.bool_))], (180, 320))
    assert thin[50, 100]


def test_motion_is_refined_where_objects_are_known() -> None:
    """And estimated closely everywhere where it is not known what there is."""
    before, after = (np.dstack([each] * 3) for each in pictures((2, 0)))
    mask = Mask(10, 10, WIDTH, HEIGHT, np.ones((30, 40), np.bool_))
    known = flow_to(FramePyramid.of(after, [mask]), FramePyramid.of(before, [mask]))
    unknown = flow_to(FramePyramid.of(after), FramePyramid.of(before, [mask]))
    assert known is not None
    assert unknown is not None
    assert np.abs(known.backward[10:40, 10] - (-2, 0)).mean() < 0.1
    assert np.abs(unknown.backward[10:40, 10] - (-2, 0)).mean() < 0.1
    assert known.backward.tobytes() != unknown.backward.tobytes()
