"""When frames of a replay are due, and which go where too many wait; the clock is the test's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fractions import Fraction

import pytest

from tests.support.waiting import until
from videoseg.jobs.pacing import Drop, FrameQueue, Pacer

NTSC = [Fraction(1001 * index, 30000) for index in range(300)]


@dataclass
class HandClock:
    """A clock that moves when somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


def never() -> bool:
    return False


@pytest.mark.parametrize("rate", [0.25, 1.0, 3.0])
def test_frames_are_due_as_far_apart_as_their_times_over_the_rate(rate: float) -> None:
    clock = HandClock()
    pacer = Pacer(rate, clock)
    for seconds in NTSC:
        due = pacer.due(Fraction(7) + seconds)  # an input whose first time is not 0
        assert due == pytest.approx(1000 + float(seconds) / rate, abs=1e-9)
        pacer.wait(due, never)
        assert clock.time == pytest.approx(due, abs=1e-9)
    assert sum(clock.slept) == pytest.approx(float(NTSC[-1]) / rate, abs=1e-6)


def test_the_pace_begins_with_the_first_frame() -> None:
    clock = HandClock()
    pacer = Pacer(1, clock)
    clock.time = 1010
    assert pacer.due(Fraction(5)) == 1010
    clock.time = 1011
    assert pacer.due(Fraction(11, 2)) == 1010.5, "it is late, and stays due when it was"
    pacer.wait(1010.5, never)
    assert not clock.slept


def test_where_frames_are_waited_for_a_late_one_delays_all_that_follow() -> None:
    clock = HandClock()
    pacer = Pacer(1, clock, waits=True)
    assert pacer.due(Fraction(5)) == 1000
    assert pacer.due(Fraction(6)) == 1001, "it is there before its time"
    clock.time = 1010
    assert pacer.due(Fraction(7)) == 1010, "it was not there in time"
    assert pacer.due(Fraction(8)) == 1011
    assert pacer.due(Fraction(15, 2)) == 1010.5
    clock.time = 1010.75
    assert pacer.due(Fraction(15, 2)) == 1010.75, "of another camera, and a little late"
    assert pacer.due(Fraction(9)) == 1012, "which delays nothing"


def test_without_a_rate_every_frame_is_due_at_once() -> None:
    clock = HandClock()
    pacer = Pacer(0, clock)
    for step in range(4):
        clock.time = 1000 + step
        assert pacer.due(Fraction(100 * step)) == clock.time


def test_a_time_that_runs_backwards_is_due_at_once() -> None:
    clock = HandClock()
    pacer = Pacer(1, clock)
    pacer.due(Fraction(10))
    pacer.wait(pacer.due(Fraction(9)), never)
    assert not clock.slept


def test_times_that_begin_anew_go_on_from_the_latest() -> None:
    pacer = Pacer(2, HandClock())
    times = (0, 4, 10, 9.5, 12, 0, 4, 3.5, 20)
    due = [pacer.due(Fraction(each)) - 1000 for each in times]
    assert due == [0, 2, 5, 4.75, 6, 6, 8, 7.75, 16]


def test_times_of_another_clock_are_not_waited_for() -> None:
    pacer = Pacer(1, HandClock())
    times = (0, 1, 1_700_000_000, 1_700_000_001, 1_700_003_601)
    due = [pacer.due(Fraction(each)) - 1000 for each in times]
    assert due == [0, 1, 1, 2, 3602], "a gap of an hour is one of the input"


def test_a_wait_ends_when_the_replay_is_stopped() -> None:
    clock = HandClock()
    Pacer(1, clock).wait(clock.now() + 3600, lambda: clock.time > 1001)
    assert clock.time < 1001.1


def test_a_rate_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rate"):
        Pacer(-1, HandClock())


def left(queue: FrameQueue[int]) -> list[int]:
    queue.end()
    found = []
    while (item := queue.get()) is not None:
        found.append(item)
    return found


@pytest.mark.parametrize(
    ("drop", "size", "stay"),
    [
        ("oldest", 2, [5, 6]),
        ("newest", 2, [1, 2]),
        ("oldest", 1, [6]),
        ("newest", 9, [*range(1, 7)]),
    ],
)
def test_which_are_dropped(drop: Drop, size: int, stay: list[int]) -> None:
    queue = FrameQueue[int](size, drop)
    for item in range(1, 7):
        queue.put(item)
    assert (left(queue), queue.dropped) == (stay, 6 - len(stay))


@pytest.mark.parametrize(("drop", "stay"), [("oldest", [3, 6]), ("newest", [1, 3])])
def test_what_must_be_kept_is_kept(drop: Drop, stay: list[int]) -> None:
    queue = FrameQueue[int](2, drop, keeps=lambda item: item == 3)
    for item in range(1, 7):
        queue.put(item)
    assert (left(queue), queue.dropped) == (stay, 4)
    queue = FrameQueue[int](1, drop, keeps=lambda item: item < 3)
    for item in range(1, 7):
        queue.put(item)
    assert (left(queue), queue.dropped) == ([1, 2], 4)


@pytest.mark.parametrize(("drop", "stay"), [("oldest", [5, 15]), ("newest", [1, 11])])
def test_no_stream_loses_its_place_to_another(drop: Drop, stay: list[int]) -> None:
    queue = FrameQueue[int](1, drop, stream=lambda item: str(item // 10))
    for item in range(1, 6):
        queue.put(item)
        queue.put(10 + item)
    assert (left(queue), queue.dropped) == (stay, 8)


def test_where_nothing_is_dropped_the_feeder_waits() -> None:
    queue, brought = FrameQueue[int](2, "none"), list[int]()

    def feed() -> None:
        for item in range(1, 20):
            queue.put(item)
            brought.append(item)
        queue.end()

    thread = threading.Thread(target=feed)
    thread.start()
    until(lambda: len(brought) == 2)
    for item in range(1, 20):
        assert queue.get() == item
        assert len(brought) <= item + 2
    assert queue.get() is None
    thread.join()
    assert queue.dropped == 0


def test_an_error_comes_after_all_that_came_before_it() -> None:
    queue = FrameQueue[int](5, "oldest")
    queue.put(1)
    queue.end(OSError("the cable"))
    assert queue.get() == 1
    with pytest.raises(OSError, match="cable"):
        queue.get()


def test_a_stopped_queue_gives_nothing_and_holds_nobody_up() -> None:
    queue = FrameQueue[int](1, "none")
    queue.put(1)
    queue.stop()
    queue.put(2)  # would wait for ever
    assert queue.get() is None
    assert queue.stopped


def test_a_reader_that_leaves_has_not_stopped_it() -> None:
    queue = FrameQueue[int](1, "none")
    queue.leave()
    assert (queue.get(), queue.stopped, queue.closed) == (None, False, True)


def test_a_queue_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        FrameQueue[int](0, "oldest")
