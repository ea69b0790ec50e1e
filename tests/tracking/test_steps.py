"""Motion between frames: looked at ahead, it is what looking at it when needed gives."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from videoseg.motion.flow import Flow
from videoseg.motion.frame_pairs import (
    MOTION_SIDE,
    SMALL_SIDE,
    FramePairMotion,
    FramePyramid,
    MotionPrefetcher,
)
from videoseg.types import RgbImage


def picture(seed: int, width: int = 160, height: int = 90) -> RgbImage:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (1, 2000), (160, 90), (641, 361), (1281, 2001), (3840, 2160)]
)
def test_pictures_are_small_and_keep_their_shape(width: int, height: int) -> None:
    made = FramePyramid.of(np.full((height, width, 3), 77, np.uint8))
    assert (made.frame_width, made.frame_height) == (width, height)
    for image, side in ((made.small, SMALL_SIDE), (made.grey, MOTION_SIDE)):
        assert max(image.shape[:2]) == min(side, max(width, height))
        assert abs(image.shape[1] - width * image.shape[0] / height) <= max(1, width / height)
        assert set(np.unique(image)) == {77}


def test_a_prefetcher_finds_what_is_found_without_it() -> None:
    pictures = [FramePyramid.of(picture(seed)) for seed in range(3)]
    prefetcher = MotionPrefetcher(with_trust=True)
    futures = [prefetcher.prefetch(each, needed=True) for each in pictures]
    assert futures[0] is None
    for future, before, after in zip(futures[1:], pictures, pictures[1:], strict=False):
        assert future is not None
        found, wanted = future.result(), FramePairMotion.between(before, after, with_trust=True)
        assert found is not None
        assert wanted is not None
        assert np.array_equal(found.flow.backward, wanted.flow.backward)
        for one, other in (
            (found.to_later, wanted.to_later),
            (found.to_earlier, wanted.to_earlier),
        ):
            assert one is not None
            assert other is not None
            assert np.array_equal(one.evidence, other.evidence)
    prefetcher.close()


def test_a_prefetcher_has_no_thread_where_nothing_is_needed() -> None:
    before = {*threading.enumerate()}
    prefetcher = MotionPrefetcher(with_trust=True)
    assert [prefetcher.prefetch(FramePyramid.of(picture(n)), needed=False) for n in range(3)] == [
        None
    ] * 3
    assert {*threading.enumerate()} <= before
    future = prefetcher.prefetch(FramePyramid.of(picture(3)), needed=True)
    assert future is not None
    assert future.result() is not None
    prefetcher.close()
    assert {*threading.enumerate()} <= before


def test_frames_of_another_size_are_not_compared() -> None:
    one, other = FramePyramid.of(picture(1)), FramePyramid.of(picture(1, 90, 160))
    assert FramePairMotion.between(one, other, with_trust=True) is None


def test_trust_is_only_looked_at_where_it_is_asked_for() -> None:
    step = FramePairMotion.between(
        FramePyramid.of(picture(1)), FramePyramid.of(picture(1)), with_trust=False
    )
    assert step is not None
    assert isinstance(step.flow, Flow)
    assert step.to_later is step.to_earlier is None
