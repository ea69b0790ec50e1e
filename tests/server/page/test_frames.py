"""Frames for a browser: each the one that was asked for, in any order, with bounded memory."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.support import media
from tests.support.waiting import until
from videoseg.config.run_config import load
from videoseg.errors import UsageError
from videoseg.jobs.inputs import Input
from videoseg.server.page import frames as page_frames
from videoseg.server.page import overview
from videoseg.server.page.frame_reader import FrameReader
from videoseg.server.page.frames import FrameService
from videoseg.server.page.leaving import GoneError
from videoseg.server.page.picture_cache import Kept
from videoseg.types import RgbImage

JUMPY = tuple(int(t) for t in np.cumsum(np.random.default_rng(3).integers(1, 90, 40)))
GROUPS = (("g", "12"), ("keyint_min", "12"), ("sc_threshold", "0"))


@contextmanager
def service(path: Path) -> Iterator[FrameService]:
    opened = Input.opened(str(path), load())
    try:
        with FrameService(opened) as made:
            yield made
    finally:
        opened.close()


def film() -> Path:
    return media.film(
        name="a.mp4",
        times=JUMPY,
        time_base=Fraction(1, 1000),
        options=GROUPS,
        width=128,
        height=96,
    )


def shown(jpeg: bytes) -> RgbImage:
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)


def test_every_frame_is_the_one_that_was_asked_for_in_any_order() -> None:
    order = [*np.random.default_rng(1).permutation(40).tolist(), 39, 38, 37, 0, 1, 2]
    with service(film()) as made:
        found = [(index, made.picture(index, 1)) for index in order]
    assert [media.read_index(shown(picture.jpeg)) for _, picture in found] == order
    assert [picture.seconds for _, picture in found] == [JUMPY[i] / 1000 for i in order]


def test_a_frame_is_upright_and_of_the_size_that_was_asked_for() -> None:
    with service(media.clip(frames=4, rotation=90, width=96, height=64)) as made:
        info = made.info
        sizes = [shown(made.picture(2, scale).jpeg).shape[:2] for scale in (1, 2, 4)]
    assert sizes == [(info.height // by, info.width // by) for by in (1, 2, 4)]


def test_a_scale_that_comes_later_is_of_the_same_frame() -> None:
    with service(film()) as made:
        first = made.picture(20, 1)
        small = made.picture(20, 2)
    large = cv2.resize(shown(first.jpeg), (64, 48), interpolation=cv2.INTER_AREA)
    assert small.seconds == first.seconds
    assert np.abs(large.astype(int) - shown(small.jpeg)).mean() < 8


def test_a_whole_frame_is_the_same_object_while_it_is_kept() -> None:
    with service(film()) as made:
        assert made.frame(7) is made.frame(7)
        assert made.frame(7).index == 7


@pytest.mark.parametrize("index", [40, -1, 10**9])
def test_a_frame_that_is_not_there_is_refused(index: int) -> None:
    with service(film()) as made, pytest.raises(UsageError, match=f"no frame {index}"):
        made.picture(index, 1)


def test_a_scale_that_is_not_offered_is_refused() -> None:
    with service(film()) as made, pytest.raises(UsageError, match="scale is one of 1, 2, 4, 8"):
        made.picture(0, 3)


def test_a_film_that_is_shorter_than_it_promises_ends_where_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with service(film()) as made:
        monkeypatch.setattr(made, "_end", 60)
        with pytest.raises(UsageError, match="no frame 50"):
            made.picture(50, 1)
        assert made.frame_count is not None
        assert made.frame_count <= 50
        assert media.read_index(shown(made.picture(39, 1).jpeg)) == 39


def test_frames_are_counted_where_the_container_does_not_say_how_many() -> None:
    path = media.film(name="a.ts", times=tuple(range(30)), options=GROUPS, width=96, height=64)
    with service(path) as made:
        assert made.info.frame_count is None
        until(lambda: made.frame_count == 30)
        assert media.read_index(shown(made.picture(29, 1).jpeg)) == 29


def test_what_is_kept_stays_within_its_bytes_and_forgets_what_was_not_asked_for() -> None:
    kept: Kept[int, str] = Kept(100)
    for number in range(10):
        kept.put(number, str(number), 30)
        kept.get(0)
    assert [number for number in range(10) if number in kept] == [0, 8, 9]
    kept.put(77, "large", 1000)
    assert [number for number in range(100) if number in kept] == [77]


def test_reading_ahead_keeps_no_more_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_frames, "_MOST_PICTURES", 20_000)
    monkeypatch.setattr(page_frames, "_MOST_FRAMES", 3 * 128 * 96 * 3)
    with service(film()) as made:
        for index in range(40):
            made.picture(index, 1)
        assert made._pictures._bytes <= 20_000
        assert made._frames._bytes <= 3 * 128 * 96 * 3


def test_the_service_ends_while_it_reads_ahead() -> None:
    with service(film()) as made:
        made.picture(0, 1)
    assert not any(thread.is_alive() for thread in made._threads)


@functools.cache
def _long() -> Path:
    return media.film(name="long.mp4", times=tuple(range(400)), options=GROUPS, width=96, height=64)


def test_a_late_frame_does_not_read_all_before_it() -> None:
    with service(_long()) as made:
        made.picture(399, 1)
        assert not any((index, 1) in made._pictures for index in range(250))


def test_a_near_picture_is_of_a_frame_near_by_and_later_of_the_very_one() -> None:
    with service(_long()) as made:
        made.picture(0, 1)
        found = made.near(200)
        assert abs(found.index - media.read_index(shown(found.jpeg))) == 0
        until(lambda: made.near(200).index == 200)
        assert media.read_index(shown(made.near(200).jpeg)) == 200


def test_small_pictures_of_everything_are_made_while_nobody_waits() -> None:
    with service(_long()) as made:
        made.picture(0, 1)
        until(lambda: all(made._overview.of(index) for index in range(400)))
        assert made._overview.nearest(317, 400).index == 317  # type: ignore[union-attr]


def test_an_input_that_is_long_is_looked_over_at_places_far_from_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(overview, "_READ_WHOLE", 100)
    monkeypatch.setattr(overview, "_PLACES", 8)
    monkeypatch.setattr(page_frames, "_AHEAD", 0)
    monkeypatch.setattr(page_frames, "_BEHIND", 0)
    assert list(overview.spread(400, 8)) == [0, 200, 100, 300, 50, 250, 150, 350]
    with service(_long()) as made:
        made.picture(0, 1)
        until(lambda: made._overview.of(350) is not None)
        assert made._overview.nearest(340, 400).index == 350  # type: ignore[union-attr]
        assert not made._overview.of(351)


def test_nothing_is_read_on_while_the_model_is_asked() -> None:
    with service(_long()) as made, made.undisturbed():
        made.picture(100, 1)
        assert (101, 1) not in made._pictures
        assert made._overview.of(2) is None
        assert made.picture(300, 1).index == 300


def test_who_does_not_wait_any_more_gets_nothing_and_keeps_nobody_waiting() -> None:
    with service(_long()) as made:
        made.picture(0, 1)
        with pytest.raises(GoneError):
            made.picture(399, 1, is_gone=lambda: True)
        assert made._wanted == []


def test_the_frame_that_is_looked_at_is_kept_while_those_around_it_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_frames, "_MOST_FRAMES", 8 * 96 * 64 * 3)
    with service(_long()) as made:
        made.picture(100, 1)
        frame = made.frame(100)
        until(lambda: (100 + page_frames._AHEAD, 1) in made._pictures)
        assert made.frame(100) is frame


def test_going_on_is_preferred_where_jumps_have_taken_long() -> None:
    reader = FrameReader(Input.opened(str(_long()), load()))
    try:
        assert reader.stride == 24
        assert [frame.index for frame in reader.to(3)] == [3]
        reader._step, reader._jump = 0.001, 0.2
        assert reader.stride == pytest.approx(200)
        assert next(reader.to(150)).index == 4
        assert [frame.index for frame in reader.to(120)][-1] == 120
    finally:
        reader.close()
