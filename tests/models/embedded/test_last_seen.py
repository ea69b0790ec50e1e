"""The expected size and place of a followed object."""

from __future__ import annotations

import numpy as np
import pytest

from videoseg.geometry.masks import bounding_box
from videoseg.models.embedded.memory.last_seen import LastSeen
from videoseg.types import Mask

WIDTH, HEIGHT = 200, 100


def _box(x: int, y: int, across: int, down: int) -> Mask:
    return Mask(x, y, WIDTH, HEIGHT, np.ones((down, across), dtype=np.bool_))


def test_what_shows_in_part_is_expected_whole_for_a_while() -> None:
    seen = LastSeen.of(_box(50, 20, 40, 40))
    part = _box(50, 20, 40, 20)
    assert not seen.is_partial(_box(50, 20, 40, 30))
    assert seen.is_partial(part)
    seen.seen(part)
    assert seen.is_partial(part)
    for _ in range(60):
        seen.seen(part)
    assert not seen.is_partial(part)


def test_what_comes_nearer_or_goes_away_is_expected_so() -> None:
    seen = LastSeen.of(_box(50, 20, 40, 40))
    seen.zoomed(_box(50, 20, 40, 40), _box(50, 20, 39, 39))
    assert seen.size == pytest.approx(39)
    seen.zoomed(_box(50, 20, 40, 40), _box(50, 20, 10, 10))
    assert seen.size > 39 * 0.95


def test_the_box_of_the_whole_holds_the_part_and_ends_with_the_frame() -> None:
    seen = LastSeen.of(_box(50, 20, 40, 60))
    x1, y1, x2, y2 = bounding_box(seen.box_around(_box(60, 25, 10, 10), 1.0))
    assert (x1, y1) == (45, 0)
    assert abs(x2 - x1 - 40) <= 1
    assert y2 in (60, 61)
    wide = seen.box_around(_box(10, 30, 180, 10), 1.0)
    assert (wide.x, wide.x + wide.bitmap.shape[1]) == (10, 191)
    assert bounding_box(seen.surroundings(9.0, WIDTH, HEIGHT)) == (0, 0, WIDTH, HEIGHT)


def test_a_place_beyond_the_frame_leaves_a_box() -> None:
    seen = LastSeen(10.0, 1.0, 1.0, 500.0, -50.0, 10.0)
    assert bounding_box(seen.surroundings(2.0, WIDTH, HEIGHT)) == (199, 0, 200, 1)


def test_what_grows_without_the_camera_is_doubted() -> None:
    seen = LastSeen.of(_box(50, 20, 40, 40))
    assert seen.doubt(_box(50, 20, 40, 40)) == seen.doubt(_box(50, 20, 20, 20)) == 0.5
    assert seen.doubt(_box(50, 20, 44, 44)) == 1
    seen.seen(_box(50, 20, 44, 44))
    assert seen.doubt(_box(50, 20, 44, 44)) == 1
    for side in (41, 42, 43, 44):
        seen.zoomed(_box(50, 20, side - 1, side - 1), _box(50, 20, side, side))
    assert seen.doubt(_box(50, 20, 44, 44)) == 0.5


def test_it_is_kept_and_restored() -> None:
    seen = LastSeen.of(_box(50, 20, 40, 40))
    seen.seen(None)
    seen.is_placed = False
    assert LastSeen.restored(seen.snapshot()) == seen
    seen.seen(_box(10, 10, 20, 20))
    assert seen.is_placed
    assert seen.missed == 0
