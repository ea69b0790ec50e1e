"""Ranges of one clip answered in processes of this machine (``jobs.ranges``)."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing import connection, get_context
from typing import TYPE_CHECKING, Self, TypeAlias

from videoseg.errors import ModelError
from videoseg.jobs.processes import Failure, Said, Send, WorkerProcess, gpus_of
from videoseg.jobs.ranges import Answerer, AnswerRange, AskedRun, Crew, CrewFor, Loaded

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

_PATIENCE = 2.0
"""Seconds that a process has to end before it is killed; it has nothing to clean up."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """A range has been answered."""


_Message: TypeAlias = str | _Answered | Loaded | Failure | logging.LogRecord
"""What a process sends: a line, and what it has come to."""


class RangeWorkers(AbstractContextManager["RangeWorkers"]):
    """Processes that answer ranges, each with a model of its own (``ranges.Elsewhere``).

    A thread takes what they send, and hands each the next range as soon as it is done with one.
    Leaving the context ends all of them.

    Args:
        run: What they must know.
        jobs: How many there are.
        gpus: GPUs of each of them (``processes.gpus_of``).

    Attributes:
        ahead: Ranges that are handed over beyond the one whose answers are taken.
    """

    def __init__(self, run: AskedRun, jobs: int, gpus: float = 0.0) -> None:
        self._gpus = gpus
        self.ahead = 2 * jobs
        self._run = run
        self._jobs = jobs
        self._workers: list[_Worker] = []
        self._waiting: deque[_Lines] = deque()
        self._lock = threading.Lock()
        self._loaded = _Loading()
        self._fault: Failure | None = None
        self._said = Said()
        self._bell, self._ring = get_context("spawn").Pipe(duplex=False)
        self._thread = threading.Thread(target=self._listen, name="videoseg-ranges", daemon=True)

    def __enter__(self) -> Self:
        for number in range(self._jobs):
            gpus = gpus_of(number, self._gpus)
            self._workers.append(_Worker(WorkerProcess(_serve, self._jobs, gpus)))
            self._workers[-1].process.send(self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ring.send(None)
        self._thread.join()
        for worker in self._workers:
            worker.process.stop()
        for worker in self._workers:
            worker.process.join(_PATIENCE)
        self._ring.close()
        self._bell.close()

    def loaded(self) -> Loaded:
        """Wait until a model is loaded; what it has to say of the prompts.

        Raises:
            VideosegError: It cannot be.
        """
        return self._loaded.wait()

    def begin(self, asked: AnswerRange) -> Iterator[str]:
        """Have a range answered, and return at once; iterating waits for the lines."""
        lines = _Lines(asked)
        with self._lock:
            if self._fault is not None:
                lines.end(self._fault)
            else:
                self._waiting.append(lines)
                self._hand_out()
        return lines

    def _hand_out(self) -> None:
        for worker in self._workers:
            if worker.is_idle and self._waiting:
                worker.give(self._waiting.popleft())

    def _listen(self) -> None:
        """What the thread does: take messages until the bell is rung."""
        pipes = {worker.process.pipe: worker for worker in self._workers}
        while self._bell not in (ready := connection.wait([self._bell, *pipes])):
            for pipe in ready:
                worker = pipes[pipe]  # type: ignore[index]
                if not self._heard(worker):
                    del pipes[worker.process.pipe]

    def _heard(self, worker: _Worker) -> bool:
        """Take in a message; False where the process has died."""
        try:
            message: _Message = worker.process.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_PATIENCE)
            reason = f"a process that answers frames {worker.process.death}"
            self._give_up(Failure.of(ModelError(f"{reason}; fewer (--jobs) need less")))
            return False
        if isinstance(message, str):
            worker.take(message)
        elif isinstance(message, logging.LogRecord):
            self._said.show(message)
        elif isinstance(message, Failure) and worker.lines is None:
            self._give_up(message)
        else:
            if isinstance(message, Loaded):
                self._loaded.set(message)
            with self._lock:
                worker.end(message if isinstance(message, Failure) else None)
                self._hand_out()
        return True

    def _give_up(self, fault: Failure) -> None:
        """Let everybody who waits know that not all of it will be answered."""
        with self._lock:
            self._fault = fault
            self._loaded.set(fault)
            for worker in self._workers:
                worker.end(fault)
                worker.is_idle = False
            while self._waiting:
                self._waiting.popleft().end(fault)


def crew_of(jobs: int, gpus: float) -> CrewFor:
    """Processes of this machine as a crew, with so many GPUs each; none for what is one's work."""

    def crew(run: AskedRun) -> Crew | None:
        return None if run.in_one_go else RangeWorkers(run, jobs, gpus)

    return crew


@dataclass(slots=True)
class _Worker:
    """A process that answers ranges, seen from the one that hands them out.

    Attributes:
        process: The process.
        lines: Of the range that it is at.
        is_idle: Whether it waits for a range; not before its model is loaded.
    """

    process: WorkerProcess
    lines: _Lines | None = None
    is_idle: bool = False

    def give(self, lines: _Lines) -> None:
        """Hand over a range."""
        self.lines, self.is_idle = lines, False
        self.process.send(lines.asked)

    def take(self, line: str) -> None:
        """Pass on a line."""
        if self.lines is not None:
            self.lines.add(line)

    def end(self, failure: Failure | None) -> None:
        """It is done with what it was at."""
        if self.lines is not None:
            self.lines.end(failure)
        self.lines, self.is_idle = None, True


class _Lines(Iterator[str]):
    """The lines of a range, as they come; an error comes in its place."""

    def __init__(self, asked: AnswerRange) -> None:
        self.asked = asked
        self._queue: queue.SimpleQueue[str | Failure | None] = queue.SimpleQueue()

    def add(self, line: str) -> None:
        """The next one has come."""
        self._queue.put(line)

    def end(self, failure: Failure | None) -> None:
        """No more will come."""
        self._queue.put(failure)

    def __next__(self) -> str:
        item = self._queue.get()
        if isinstance(item, str):
            return item
        self._queue.put(item)
        if item is not None:
            item.reraise()
        raise StopIteration


@dataclass(slots=True)
class _Loading:
    """Waits for what the first model says; the others say the same."""

    _said: Loaded | Failure | None = None
    _there: threading.Event = field(default_factory=threading.Event)

    def set(self, said: Loaded | Failure) -> None:
        """It is loaded, or cannot be."""
        if self._said is None:
            self._said = said
            self._there.set()

    def wait(self) -> Loaded:
        """What it said.

        Raises:
            VideosegError: It cannot be loaded.
        """
        self._there.wait()
        if isinstance(self._said, Failure):
            self._said.reraise()
        assert isinstance(self._said, Loaded)  # noqa: S101
        return self._said


def _serve(pipe: Connection, send: Send) -> None:
    """What a process does: load the model, and answer one range after another."""
    run: AskedRun = pipe.recv()
    try:
        answerer = Answerer(run)
    except (Exception, SystemExit) as error:  # a plug-in may call sys.exit
        send(Failure.of(error))
        return
    with answerer:
        send(answerer.loaded)
        while True:
            _answer(answerer, pipe.recv(), send)


def _answer(answerer: Answerer, asked: AnswerRange, send: Send) -> None:
    lines = answerer.answer(asked)
    while True:
        try:
            line = next(lines, None)
        except (Exception, SystemExit) as error:  # as above
            send(Failure.of(error))
            return
        send(_Answered() if line is None else line)
        if line is None:
            return
