"""The threads of every run: one that reads ahead, and those that write behind; and a stopwatch.

All are bounded, hand every error to the caller, and end when the caller leaves, whatever happened.
OpenCV is kept from adding its own.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, Self, TypeVar

from videoseg.system.closing import close_if_able

T = TypeVar("T")

_POLL_SECONDS = 0.05
"""How often a blocked thread looks whether the other side has left."""


class _End:
    """Marks the end of a queue, with the error that ended it if one did."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def read_ahead(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield ``items``, taken by a thread of their own at most ``depth`` ahead of the caller.

    An error in ``items`` is raised here, after all items before it. Closing this generator ends the
    thread, which closes ``items`` if that is a generator.
    """
    ready: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
    left = threading.Event()

    def put(item: T | _End) -> bool:
        while not left.is_set():
            try:
                ready.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        iterator = iter(items)
        end = _End()
        try:
            for item in iterator:
                if not put(item):
                    return
        except BaseException as error:  # handed to the caller, whatever it is
            end = _End(error)
        finally:
            fault = _closed(iterator)
            put(end if fault is None or end.error is not None else _End(fault))

    thread = threading.Thread(target=work, name="videoseg-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        left.set()
        thread.join()


def _closed(iterator: object) -> Exception | None:
    """Close it if it can be closed; what that raises, which somebody waits for."""
    try:
        close_if_able(iterator)
    except Exception as error:
        return error
    return None


class _LeftError(Exception):
    """The caller left with an error: what is waiting is dropped."""


class WorkBehind(AbstractContextManager["WorkBehind[T]"], Generic[T]):
    """Runs ``work`` on items in a thread of its own, at most ``depth`` behind the caller.

    Leaving the context without an error waits until ``work`` is done; leaving it with one drops
    what is waiting, and ``work`` is interrupted where it asks for the next item. An error of
    ``work`` is raised by the next ``put`` or on leaving.
    """

    def __init__(self, work: Callable[[Iterator[T]], object], depth: int) -> None:
        self._do = work
        self._waiting: queue.Queue[T | _End] = queue.Queue(maxsize=depth)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="videoseg-write-behind")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def put(self, item: T) -> None:
        """Hand over an item; waits while ``depth`` items are waiting."""
        self._offer(item)
        if self._error is not None:
            raise self._error

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None:
            while not self._waiting.empty():
                try:
                    self._waiting.get_nowait()
                except queue.Empty:
                    break
        self._offer(_End(None if error is None else _LeftError()))
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _offer(self, item: T | _End) -> None:
        while self._thread.is_alive():
            try:
                self._waiting.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return

    def _items(self) -> Iterator[T]:
        while not isinstance(item := self._waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def _work(self) -> None:
        try:
            self._do(self._items())
        except _LeftError:
            pass
        except BaseException as error:  # handed to the caller, whatever it is
            self._error = error


class WriteBehind(WorkBehind[T]):
    """Calls ``consume`` on items in a thread of its own, as ``WorkBehind`` does."""

    def __init__(self, consume: Callable[[T], None], depth: int) -> None:
        def each(items: Iterator[T]) -> None:
            for item in items:
                consume(item)

        super().__init__(each, depth)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Within, Ctrl-C waits: what has to be done as a whole is done, then it interrupts.

    Only the main thread is ever interrupted, so in others this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    waiting: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if waiting:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def first_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """Within, the first Ctrl-C calls ``stop`` and ends nothing itself; the next interrupts.

    Only the main thread is ever interrupted, so in others this does nothing.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return

    def ask_to_stop(_: int, __: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def opencv_unthreaded() -> Iterator[None]:
    """Within, OpenCV works in the thread that calls it, and nowhere else.

    What a run asks of it is small: its threads spin longer while they wait for each other than the
    work takes, on cores that the threads of the run, the decoder and the encoder keep busy.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


THREADS = "OMP_NUM_THREADS"
"""The variable by which libraries that compute are told how many threads they may use."""


def granted_threads() -> int:
    """Threads that ``OMP_NUM_THREADS`` grants, for libraries that do not read it; 0 = not said."""
    first = os.environ.get(THREADS, "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


NOT_WORK = frozenset({"wait", "load model"})
"""Stages of a stopwatch that do nothing for a frame."""


class Stopwatch:
    """Adds up the seconds spent in named stages, each thread for itself.

    A stage inside another is counted for the inner one only, so the sums of one thread add up to
    the time it worked.

    Attributes:
        seconds: Spent so far, by stage.
        alone: The stage that has the whole run to itself at this time, or None.
        on_alone: Called when one begins.
        on_ahead: Called with the number of frames that were looked at ahead of their turn, and with
            how many there are.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.alone: str | None = None
        self.on_alone: Callable[[], None] = lambda: None
        self.on_ahead: Callable[[int, int], None] = lambda _, __: None
        self._lock = threading.Lock()
        self._open = threading.local()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Count the time spent inside the context for ``stage``."""
        stack: list[tuple[str, float]] = self._open.__dict__.setdefault("stack", [])
        start = time.perf_counter()
        if stack:
            outer, since = stack[-1]
            self._add(outer, start - since)
        stack.append((stage, start))
        try:
            yield
        finally:
            _, since = stack.pop()
            end = time.perf_counter()
            self._add(stage, end - since)
            if stack:
                stack[-1] = (stack[-1][0], end)

    @contextmanager
    def measure_alone(self, stage: str) -> Iterator[None]:
        """As ``measure``, for a stage beside which nothing else of the run is done."""
        self.alone = stage
        self.on_alone()
        try:
            with self.measure(stage):
                yield
        finally:
            self.alone = None

    def each(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Yield ``items``, counting the time it takes to get each for ``stage``."""
        iterator = iter(items)
        try:
            while True:
                with self.measure(stage):
                    try:
                        item = next(iterator)
                    except StopIteration:
                        return
                yield item
        finally:
            close_if_able(iterator)

    @property
    def slowest(self) -> str | None:
        """Name of the stage that has taken most time for frames; None before any."""
        spent = {name: each for name, each in self.seconds.copy().items() if name not in NOT_WORK}
        return max(spent, key=lambda name: spent[name], default=None)

    def _add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
