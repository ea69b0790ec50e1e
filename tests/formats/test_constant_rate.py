"""Frames at uneven times lie on a timeline of constant rate, one on each number."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from videoseg.formats.constant_rate import ConstantRate
from videoseg.types import Scene, StreamInfo

MILLISECONDS = Fraction(1, 1000)


def placed(rate: Fraction | None, times: list[int]) -> tuple[ConstantRate, list[list[int]]]:
    info = StreamInfo("a", 8, 8, MILLISECONDS, rate)
    numbers = ConstantRate(info, 1001)
    return numbers, [
        list(numbers.place(Scene("a", index, pts, MILLISECONDS))) for index, pts in enumerate(times)
    ]


def test_even_frames_have_a_number_each() -> None:
    rate = Fraction(24000, 1001)
    numbers, given = placed(rate, [round(1000 * n / rate) for n in range(3000)])
    assert given == [[1001 + n] for n in range(3000)]
    assert numbers.note() is None


def test_holes_are_filled_and_collisions_dropped() -> None:
    numbers, given = placed(Fraction(10), [0, 100, 130, 420, 500])
    assert given == [[1001], [1002], [], [1003, 1004, 1005], [1006]]
    assert (numbers.repeated, numbers.dropped, numbers.missing) == (2, 1, 0)
    assert numbers.note() == (
        "a: frames do not come at the even times of 10 a second; numbers that repeat the frame "
        "before: 2; frames left out, since another has their number: 1"
    )


def test_a_run_may_begin_late() -> None:
    _, given = placed(Fraction(10), [700, 800])
    assert given == [[1008], [1009]]


def test_a_jump_in_time_does_not_fill_the_disk() -> None:
    numbers, given = placed(Fraction(1000), [0, 10**9])
    assert given[1] == [1001 + 10**9]
    assert numbers.missing == 10**9 - 1
    assert "without a file, in long gaps: 999999999" in str(numbers.note())


def test_without_a_rate_every_frame_counts() -> None:
    _, given = placed(None, [0, 5, 900])
    assert given == [[1001], [1002], [1003]]


@given(st.lists(st.integers(0, 5000), min_size=1).map(sorted))
def test_no_number_is_given_twice_nor_left_out(times: list[int]) -> None:
    numbers, given = placed(Fraction(25), times)
    flat = [number for each in given for number in each]
    assert flat == list(range(flat[0], flat[0] + len(flat)))
    assert len(flat) == len(times) + numbers.repeated - numbers.dropped
