"""Many inputs at once, in processes.

Each process does one task after another and says how far it is; what it logs comes out here.
"""

from __future__ import annotations

import functools
import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
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
from videoseg.jobs.processes import Said, Send, WorkerProcess, gpus_of
from videoseg.pipeline import Tally

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
    tasks: Sequence[Task], jobs: int, on_news: Callable[[News], None], gpus: float = 0.0
) -> Generator[Outcome, None, None]:
    """Do tasks in ``jobs`` processes; yields outcomes as they come.

    Each process may use its share of the cores, and so many GPUs where they are shared out, and
    keeps its model from input to input. One that is killed costs the input it was at. Closing this
    generator, or Ctrl-C, ends all of them; what they had not finished leaves nothing behind.

    Raises:
        ConfigError, MissingDependencyError: As ``Series.settle``; an unknown phrase is the latter.
    """
    waiting = deque(tasks)
    workers: list[_Worker] = []
    said = Said()
    missing = _missing_parents(tasks)
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                taken = {worker.number for worker in workers}
                number = next(each for each in range(jobs) if each not in taken)
                workers.append(_Worker(number, jobs, gpus))
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


def _heard(worker: _Worker, on_news: Callable[[News], None], said: Said) -> Outcome | None:
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
    else:
        said.show(message)
    return None


def _missing_parents(tasks: Sequence[Task]) -> list[Path]:
    """Folders above the output folders that are not there yet, the innermost first."""
    above = {p for task in tasks if isinstance(task.out, Path) for p in task.out.parents}
    return sorted(
        (folder for folder in above if not folder.exists()),
        key=lambda folder: -len(folder.parts),
    )


class _Worker:
    """A process that does tasks, seen from the one that hands them out."""

    def __init__(self, number: int, jobs: int, gpus: float) -> None:
        self.number = number
        self._process = WorkerProcess(_do_all, jobs, gpus_of(number, gpus))
        self._task: Task | None = None
        self._begun = 0.0
        self.lives = True

    @property
    def pipe(self) -> Connection:
        """Where its messages come from."""
        return self._process.pipe

    def give(self, task: Task) -> None:
        """Hand over the next task; a process that has died says so in ``receive``."""
        self._task, self._begun = task, time.perf_counter()
        self._process.send(task)

    def receive(self) -> Outcome | News | logging.LogRecord | VideosegError:
        """The next message, or the outcome of the task during which the process died."""
        assert self._task is not None  # noqa: S101 - only a busy one has anything to say
        try:
            message: Outcome | News | logging.LogRecord | VideosegError = self.pipe.recv()
        except (EOFError, OSError):
            self.lives = False
            self.join()
            spent = time.perf_counter() - self._begun
            return Outcome(self._task, "failed", spent, reason=f"its process {self._process.death}")
        return message

    def dismiss(self) -> None:
        """Let it end, as there is nothing left to do."""
        self.stop()
        self.join()

    def stop(self) -> None:
        """Let it leave what it is doing: what it has to say next is heard by nobody."""
        self._process.stop()

    def join(self) -> None:
        """Wait until it has ended; kill it if it does not."""
        self._process.join(_PATIENCE)


def _with_news(workers: Sequence[_Worker]) -> list[_Worker]:
    ready = connection.wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in ready]


def _do_all(pipe: Connection, send: Send) -> None:
    """What a process does: one task after another."""
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
def _telling(send: Send, task: Task, job: Job) -> Iterator[OnFrame]:
    """Sends news now and then. Fails where nobody listens, so that a run ends with its parent."""
    last = 0.0

    def tell(tally: Tally) -> None:
        nonlocal last
        if time.monotonic() - last >= _NEWS_EVERY:
            last = time.monotonic()
            send(News(task, tally.frames, job.frame_count))

    yield tell
