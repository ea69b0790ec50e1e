"""Reading ahead and writing behind never hang, whoever fails or leaves first."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import cv2
import pytest

from tests.support.waiting import PATIENCE, until
from videoseg.system.threads import (
    Stopwatch,
    WorkBehind,
    WriteBehind,
    opencv_unthreaded,
    read_ahead,
)


class BoomError(Exception):
    pass


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = {*threading.enumerate()}
    yield
    assert {*threading.enumerate()} <= before


def test_items_arrive_in_order() -> None:
    assert list(read_ahead(range(100), depth=3)) == list(range(100))


def test_an_error_arrives_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise BoomError

    ahead = read_ahead(failing(), depth=1)
    assert next(ahead) == 1
    assert next(ahead) == 2
    with pytest.raises(BoomError):
        next(ahead)


def test_leaving_early_closes_the_source() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    ahead = read_ahead(endless(), depth=2)
    next(ahead)
    ahead.close()
    assert closed.is_set()


def test_it_stays_at_most_depth_ahead() -> None:
    taken: list[int] = []

    def counting() -> Iterator[int]:
        for n in range(50):
            taken.append(n)
            yield n

    ahead = read_ahead(counting(), depth=4)
    next(ahead)
    time.sleep(0.2)
    # The four in the queue, the one handed out, and the one in the thread's hand.
    assert len(taken) <= 6
    ahead.close()


def test_everything_is_consumed_before_leaving() -> None:
    seen: list[int] = []
    with WriteBehind(seen.append, depth=2) as behind:
        for n in range(20):
            behind.put(n)
    assert seen == list(range(20))


def test_a_failing_consumer_fails_the_caller() -> None:
    def fail(_: int) -> None:
        raise BoomError

    with pytest.raises(BoomError), WriteBehind(fail, depth=1) as behind:
        for n in range(1000):
            behind.put(n)


def test_a_consumer_that_fails_on_the_last_item_fails_the_caller() -> None:
    def fail(_: int) -> None:
        time.sleep(0.05)
        raise BoomError

    with pytest.raises(BoomError), WriteBehind(fail, depth=4) as behind:
        behind.put(1)


def test_work_ends_with_its_last_item_and_not_where_the_caller_fails() -> None:
    """What an error interrupts must not take what came so far for all there is."""
    ended: list[list[int]] = []

    def work(items: Iterator[int]) -> None:
        ended.append(list(items))

    with WorkBehind(work, depth=2) as behind:
        for number in range(5):
            behind.put(number)
    assert ended == [[0, 1, 2, 3, 4]]
    with pytest.raises(BoomError), WorkBehind(work, depth=2) as behind:
        behind.put(0)
        raise BoomError
    assert len(ended) == 1


def test_an_error_of_the_caller_drops_what_waits() -> None:
    seen: list[int] = []
    begun, all_put = threading.Event(), threading.Event()

    def slow(item: int) -> None:
        begun.set()
        all_put.wait(PATIENCE)
        until(lambda: behind._waiting.qsize() <= 1)  # the end mark is all that may be left
        seen.append(item)

    with pytest.raises(BoomError), WriteBehind(slow, depth=8) as behind:
        for n in range(8):
            behind.put(n)
        begun.wait(PATIENCE)
        all_put.set()
        raise BoomError
    assert seen == [0]


class Clock:
    """A clock that goes on only when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr("videoseg.system.threads.time.perf_counter", ours)
    return ours


def test_inner_stages_are_not_counted_twice(clock: Clock) -> None:
    watch = Stopwatch()
    with watch.measure("outer"):
        clock.now += 1
        with watch.measure("inner"):
            clock.now += 10
        clock.now += 2
    assert watch.seconds == {"outer": 3, "inner": 10}


def test_each_counts_getting_not_using(clock: Clock) -> None:
    def slow() -> Iterator[int]:
        for n in range(3):
            clock.now += 1
            yield n

    watch = Stopwatch()
    for _ in watch.each("get", slow()):
        clock.now += 100
    assert watch.seconds == {"get": 3}


def test_opencv_gets_its_threads_back() -> None:
    before = cv2.getNumThreads()
    with pytest.raises(BoomError), opencv_unthreaded():
        assert cv2.getNumThreads() == 1
        raise BoomError
    assert cv2.getNumThreads() == before
