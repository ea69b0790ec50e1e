"""Work in several threads is done whole, bounded, and fails loudly."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.support.waiting import until
from videoseg.system.threads import THREADS
from videoseg.system.workers import InOrder, Team, Turns, Workers, usual_threads


class BoomError(Exception):
    pass


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = {*threading.enumerate()}
    yield
    assert {*threading.enumerate()} <= before


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_task_is_done(threads: int) -> None:
    done: list[int] = []
    workers = Workers(threads, "test")
    for number in range(50):
        workers.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    workers.wait()
    assert sorted(done) == list(range(50))
    workers.submit(lambda: done.append(50))
    workers.wait()
    assert len(done) == 51
    workers.close()
    workers.close()


def test_one_thread_is_the_caller() -> None:
    found: list[threading.Thread] = []
    workers = Workers(1, "test")
    workers.submit(lambda: found.append(threading.current_thread()))
    workers.close()
    assert found == [threading.current_thread()]


def test_few_tasks_wait() -> None:
    go = threading.Event()
    workers = Workers(2, "test")
    given: list[int] = []

    def give() -> None:
        for number in range(20):
            workers.submit(go.wait)
            given.append(number)

    giver = threading.Thread(target=give)
    giver.start()
    until(lambda: len(given) == 6)
    giver.join(0.1)
    assert len(given) == 6
    go.set()
    giver.join()
    workers.wait()
    workers.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_is_raised(threads: int) -> None:
    workers = Workers(threads, "test")

    def fail() -> None:
        raise BoomError

    with pytest.raises(BoomError):
        for _ in range(100):
            workers.submit(fail)
    workers.close()
    workers = Workers(threads, "test")
    with pytest.raises(BoomError):
        workers.submit(fail)
        workers.wait()
    workers.close()


def test_closing_drops_what_waits() -> None:
    go = threading.Event()
    done: list[int] = []
    workers = Workers(2, "test")
    for _ in range(2):
        workers.submit(go.wait)
    for number in range(3):
        workers.submit(lambda number=number: done.append(number))  # type: ignore[misc]
    closer = threading.Thread(target=workers.close)
    closer.start()
    closer.join(0.1)
    go.set()
    closer.join()
    assert done == []


def test_threads_are_as_many_as_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "3")
    assert usual_threads() == 3
    monkeypatch.setenv(THREADS, "64")
    assert usual_threads() == 8
    monkeypatch.delenv(THREADS)
    assert 1 <= usual_threads() <= 8


@pytest.mark.parametrize("threads", [1, 3])
def test_a_team_answers_in_order_and_hands_on_errors(threads: int) -> None:
    team = Team("test", threads)

    def slow(number: int) -> int:
        time.sleep(0.002 * (9 - number))
        if number == 9:
            raise ValueError("nine")
        return number * number

    for _ in range(2):
        assert team.each(slow, range(7)) == [0, 1, 4, 9, 16, 25, 36]
        team.close()
    with pytest.raises(ValueError, match="nine"):
        team.each(lambda number: slow(number if number < 7 else 9), range(9))
    team.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_made_at_once_comes_in_order(threads: int) -> None:
    before = {*threading.enumerate()}
    started = 0

    def slow(number: int) -> int:
        nonlocal started
        started += 1
        time.sleep(0.02 if number == 0 else 0)
        if number == 30:
            raise ValueError("thirty")
        return -number

    made: list[int] = []
    with InOrder(slow, threads, "test") as line:
        for number in range(30):
            made += line.put(number)
            assert started - len(made) <= 3 * threads + 1
        made += line.rest()
        assert made == [-number for number in range(30)]
        with pytest.raises(ValueError, match="thirty"):
            made += [*line.put(30), *line.rest()]
    assert {*threading.enumerate()} <= before


@pytest.mark.parametrize("threads", [1, 3])
def test_all_that_is_made_of_items_comes_in_order(threads: int) -> None:
    made: InOrder[int, int] = InOrder(lambda number: -number, threads, "test")
    with made as line:
        assert list(line.each(range(30))) == [-number for number in range(30)]
        assert list(line.each([])) == []


def test_turns_are_taken_one_after_another() -> None:
    turns = Turns()
    order: list[int] = []

    def note(number: int) -> None:
        order.append(number)
        time.sleep(0.02 if number == 0 else 0)
        order.append(number)
        if number == 3:
            raise ValueError("three")

    works = [turns.next(partial(note, number)) for number in range(6)]
    works_done: InOrder[Callable[[], None], None] = InOrder(lambda work: work(), 3, "test")
    with works_done as line, pytest.raises(ValueError, match="three"):
        list(line.each(works))
    taken = order[::2]
    assert taken == order[1::2]
    assert taken == [*range(len(taken))]
    assert len(taken) >= 4


def test_leaving_early_drops_what_waits() -> None:
    before = {*threading.enumerate()}
    with pytest.raises(KeyError), InOrder(time.sleep, 2, "test") as line:
        for _ in range(5):
            list(line.put(0.01))
        raise KeyError
    assert {*threading.enumerate()} <= before
