"""Frames have the numbers that media programs give them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from videoseg.formats.frame_numbers import number_of, rate_of, timelines
from videoseg.types import Scene, StreamInfo

NTSC = Fraction(24000, 1001)


def info(rate: Fraction | None = NTSC, base: Fraction = 1 / NTSC, **more: object) -> StreamInfo:
    return StreamInfo("a", 64, 48, base, rate, **more)  # type: ignore[arg-type]


def scene(index: int, pts: int, base: Fraction = 1 / NTSC) -> Scene:
    return Scene("a", index, pts, base)


@pytest.mark.parametrize("index", [0, 1, 1000, 172_799])
def test_a_frame_at_its_time_has_the_number_of_its_place(index: int) -> None:
    assert number_of(scene(index, index), info(), 1001) == 1001 + index


@pytest.mark.parametrize("index", [0, 1, 7, 1000, 172_799])
def test_times_that_a_container_rounds_do_not_shift_numbers(index: int) -> None:
    milliseconds = Fraction(1, 1000)
    pts = round(index / NTSC / milliseconds)
    rounded = scene(index, pts, milliseconds)
    assert number_of(rounded, info(base=milliseconds), 1001) == 1001 + index


def test_a_stream_that_starts_late_has_the_first_number_at_its_first_frame() -> None:
    assert number_of(scene(0, 90), info(start_pts=90), 1001) == 1001


def test_a_stream_without_a_rate_is_numbered_by_its_frames() -> None:
    unknown = info(None)
    assert number_of(scene(3, 5000), unknown, 1) == 4
    assert rate_of(unknown) == 25


def test_uneven_frames_lie_where_their_time_is() -> None:
    base = Fraction(1, 1000)
    even = info(Fraction(10), base)
    found = timelines(
        [scene(n, pts, base) for n, pts in enumerate([0, 100, 340, 360])],
        {"a": even},
        "shot",
        1001,
    )["a"]
    assert found.numbers == {0: 1001, 1: 1002, 2: 1004, 3: 1005}
    assert found.uneven
    assert found.last == 1005


def test_every_second_frame_is_even() -> None:
    found = timelines([scene(n, n) for n in (4, 6, 8)], {"a": info()}, "shot", 1001)["a"]
    assert found.numbers == {4: 1005, 6: 1007, 8: 1009}
    assert not found.uneven


def test_numbers_of_the_source_are_kept_on_request() -> None:
    source = info(start_number=86_400)
    assert timelines([scene(0, 0)], {"a": source}, "source", 1001)["a"].numbers == {0: 86_400}
