"""A few threads for work whose order does not matter, such as one file each."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

from videoseg.system.threads import granted_threads

T = TypeVar("T")
R = TypeVar("R")

_MOST_THREADS = 8
"""Threads where nobody says how many; compressing does not keep more of them busy."""
_WAITING_EACH = 2
"""Tasks that may wait for each thread."""


def core_count() -> int:
    """Cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def usual_threads() -> int:
    """Threads to use where nobody says how many: those granted, else one for each core."""
    return min(granted_threads() or core_count(), _MOST_THREADS)


class Team:
    """Does one thing with many items in threads; the answers are in order.

    Threads begin with the first call and end with ``close``, or when the team is forgotten.

    Args:
        name: What threads are called, for debuggers.
        threads: How many; one does everything where it is asked for, without a thread.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._name, self._threads = name, threads
        self._pool: ThreadPoolExecutor | None = None

    def each(self, work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """What work makes of each item; an error is raised once all are done or dropped."""
        waiting = list(items)
        if self._threads < 2 or len(waiting) < 2:
            return [work(item) for item in waiting]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, f"videoseg-{self._name}")
        return list(self._pool.map(work, waiting))

    def close(self) -> None:
        """End the threads; a later call begins others."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


class InOrder(AbstractContextManager["InOrder[T, R]"], Generic[T, R]):
    """Makes something of each item, several at once in threads; what is made comes in order.

    Few items wait, so that what they hold stays bounded. An error comes in the place of what would
    have been made. Leaving the context drops what waits and ends the threads.

    Args:
        work: What makes it.
        threads: How many; with one, everything is made where it is handed over, without a thread.
        name: What threads are called, for debuggers.
    """

    def __init__(self, work: Callable[[T], R], threads: int, name: str) -> None:
        self._work = work
        self._pool = ThreadPoolExecutor(threads, f"videoseg-{name}") if threads > 1 else None
        self._most = threads * (1 + _WAITING_EACH)
        self._begun: deque[Future[R]] = deque()

    def put(self, item: T) -> Iterator[R]:
        """Hand over an item; gives what is made by now, and waits for it while many wait."""
        if self._pool is None:
            yield self._work(item)
            return
        self._begun.append(self._pool.submit(self._work, item))
        while self._begun and (len(self._begun) > self._most or self._begun[0].done()):
            yield self._begun.popleft().result()

    def rest(self) -> Iterator[R]:
        """Wait for what is not made yet."""
        while self._begun:
            yield self._begun.popleft().result()

    def each(self, items: Iterable[T]) -> Iterator[R]:
        """Hand over one item after another; gives all that is made of them."""
        for item in items:
            yield from self.put(item)
        yield from self.rest()

    def __exit__(self, *_: object) -> None:
        self._begun.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


class Turns:
    """Work that is done one after another, whichever threads do it.

    It has to be begun in the order in which it was asked for, as ``InOrder`` and ``Workers`` do.
    """

    def __init__(self) -> None:
        self._last: threading.Event | None = None

    def next(self, work: Callable[[], R]) -> Callable[[], R]:
        """The same work, which waits for what was asked for before, even if that fails."""
        before, self._last = self._last, threading.Event()
        done = self._last

        def in_turn() -> R:
            try:
                if before is not None:
                    before.wait()
                return work()
            finally:
                done.set()

        return in_turn


class Workers:
    """Does tasks in threads; few of them wait, so that what they hold stays bounded.

    An error of a task is raised by a later call, of ``wait`` at the latest. All calls must come
    from one thread at a time.

    Args:
        threads: How many; one does its tasks where they are handed over, without a thread.
        name: What threads are called, for debuggers.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(threads, f"videoseg-{name}") if threads > 1 else None
        self._most = threads * (1 + _WAITING_EACH)
        self._begun: set[Future[object]] = set()

    def submit(self, task: Callable[[], object]) -> None:
        """Hand over a task; waits while many wait."""
        if self._pool is None:
            task()
            return
        self._collect(self._most - 1)
        self._begun.add(self._pool.submit(task))

    def wait(self) -> None:
        """Wait until all tasks are done; more may follow."""
        self._collect(0)

    def close(self) -> None:
        """Drop the tasks that wait and end the threads. A second call does nothing."""
        self._begun.clear()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _collect(self, left: int) -> None:
        """Take back those that are done, until no more than ``left`` are not."""
        while len(self._begun) > left:
            done, self._begun = wait(self._begun, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
