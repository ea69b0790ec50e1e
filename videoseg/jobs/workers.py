"""Many inputs at once, in processes.

Each process does one task after another and says how far it is; what it logs comes out here.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection, resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.errors import (
    ConfigError,
    MissingDependencyError,
    UnknownPhraseError,
    VideosegError,
)
from videoseg.jobs.batch import OnFrame, Outcome, Series, Task
from videoseg.jobs.job import Job
from videoseg.pipeline import Tally
from videoseg.system.threads import THREADS, granted_threads
from videoseg.system.workers import core_count

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

_PATIENCE = 20.0
"""Seconds that a process has to clean up before it is killed."""
_NEWS_EVERY = 0.2
"""Least seconds between two messages about how far a run is."""


@dataclass(frozen=True, slots=True)
class News:
    """How far a run in another process is.

    Attributes:
        task: What is being done.
        frames: Frames written.
        total: Frames in all, where known.
    """

    task: Task
    frames: int
    total: int | None


def at_once(
    tasks: Sequence[Task], jobs: int, on_news: Callable[[News], None]
) -> Generator[Outcome, None, None]:
    """Do tasks in ``jobs`` processes; yields outcomes as they come.

    Each process may use its share of the cores, and keeps its model from input to input. One that
    is killed costs the input it was at. Closing this generator, or Ctrl-C, ends all of them; what
    they had not finished leaves nothing behind.

    Raises:
        ConfigError, MissingDependencyError: As ``Series.settle``; an unknown phrase is the latter.
    """
    waiting = deque(tasks)
    workers: list[_Worker] = []
    said: set[str] = set()
    missing = _missing_parents(tasks)
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                workers.append(_Worker(jobs))
                workers[-1].give(waiting.popleft())
            for worker in _with_news(workers):
                outcome = _heard(worker, on_news, said)
                if outcome is None:
                    continue
                if waiting and worker.lives:
                    worker.give(waiting.popleft())
                else:
                    worker.dismiss()
                    workers.remove(worker)
                yield outcome
    finally:
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join()
        # Each process removes what it made, but not what another was still in.
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _heard(worker: _Worker, on_news: Callable[[News], None], said: set[str]) -> Outcome | None:
    """Take in a message of a worker; an outcome is for the caller.

    Raises:
        VideosegError: What would fail for every input.
    """
    message = worker.receive()
    if isinstance(message, VideosegError):
        raise message
    if isinstance(message, Outcome):
        return message
    if isinstance(message, News):
        on_news(message)
    elif message.msg not in said:  # every process has the same to say about a phrase
        said.add(message.msg)
        logging.getLogger(message.name).handle(message)
    return None


def _missing_parents(tasks: Sequence[Task]) -> list[Path]:
    """Folders above the output folders that are not there yet, the innermost first."""
    above = {parent for task in tasks for parent in task.out.parents}
    return sorted(
        (folder for folder in above if not folder.exists()),
        key=lambda folder: -len(folder.parts),
    )


class _Worker:
    """A process that does tasks, seen from the one that hands them out."""

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _threads_shared(jobs), _interrupts_held():
            self._process.start()
        theirs.close()
        self._task: Task | None = None
        self._begun = 0.0
        self.lives = True

    @property
    def pipe(self) -> Connection:
        """Where its messages come from."""
        return self._pipe

    def give(self, task: Task) -> None:
        """Hand over the next task; a process that has died says so in ``receive``."""
        self._task, self._begun = task, time.perf_counter()
        with suppress(OSError):
            self._pipe.send(task)

    def receive(self) -> Outcome | News | logging.LogRecord | VideosegError:
        """The next message, or the outcome of the task during which the process died."""
        assert self._task is not None  # noqa: S101 - only a busy one has anything to say
        try:
            message: Outcome | News | logging.LogRecord | VideosegError = self._pipe.recv()
        except (EOFError, OSError):
            self.lives = False
            self.join()
            spent = time.perf_counter() - self._begun
            reason = f"its process {_death(self._process.exitcode)}"
            return Outcome(self._task, "failed", spent, reason=reason)
        return message

    def dismiss(self) -> None:
        """Let it end, as there is nothing left to do."""
        self.stop()
        self.join()

    def stop(self) -> None:
        """Let it leave what it is doing: what it has to say next is heard by nobody."""
        self._pipe.close()

    def join(self) -> None:
        """Wait until it has ended; kill it if it does not."""
        self._process.join(_PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _with_news(workers: Sequence[_Worker]) -> list[_Worker]:
    ready = connection.wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in ready]


def _serve(pipe: Connection) -> None:
    """What a process does: tasks, until there are no more or nobody is there to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held back from the start
    with suppress(EOFError, OSError):
        _do_all(pipe)


def _do_all(pipe: Connection) -> None:
    sending = threading.Lock()

    def send(message: object) -> None:
        with sending:
            pipe.send(message)

    logging.basicConfig(handlers=[_Forwarding(send)], level=logging.WARNING, force=True)
    with Series() as series:
        while True:
            task: Task = pipe.recv()
            try:
                send(series.settle(task, functools.partial(_telling, send, task)))
            except ConfigError as error:
                send(ConfigError(str(error)))
            except (MissingDependencyError, UnknownPhraseError) as error:
                send(MissingDependencyError(str(error)))


@contextmanager
def _telling(send: Callable[[object], None], task: Task, job: Job) -> Iterator[OnFrame]:
    """Sends news now and then. Fails where nobody listens, so that a run ends with its parent."""
    last = 0.0

    def tell(tally: Tally) -> None:
        nonlocal last
        if time.monotonic() - last >= _NEWS_EVERY:
            last = time.monotonic()
            send(News(task, tally.frames, job.frame_count))

    yield tell


class _Forwarding(logging.Handler):
    """Sends what is logged to the process that shows it."""

    def __init__(self, send: Callable[[object], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record with its text put together, for its arguments may not travel."""
        with suppress(OSError):
            text = record.getMessage()
            self._send(logging.LogRecord(record.name, record.levelno, "", 0, text, None, None))


@contextmanager
def _threads_shared(jobs: int) -> Iterator[None]:
    """Within, a process that starts may use its share of the cores alone."""
    share = max(1, core_count() // jobs)
    before = os.environ.get(THREADS)
    os.environ[THREADS] = str(min(share, granted_threads() or share))
    try:
        yield
    finally:
        if before is None:
            del os.environ[THREADS]
        else:
            os.environ[THREADS] = before


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Within, Ctrl-C waits; a process that starts leaves it to its parent for good."""
    if sys.platform == "win32":  # where signals cannot be held
        yield
        return
    resource_tracker.ensure_running()  # which would let them through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _death(exitcode: int | None) -> str:
    if exitcode is None or exitcode >= 0:
        return f"ended with code {exitcode}"
    if -exitcode == getattr(signal, "SIGKILL", None):
        return "was killed, as the system does when memory runs out"
    return f"was ended by signal {-exitcode}"
