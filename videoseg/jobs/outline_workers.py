"""Outlines made in processes of this machine.

Curves are made by Python code, of which one process runs one thread at a time however many cores
there are. Each mask has its outline for itself, so the result is the same wherever it is made.
"""

from __future__ import annotations

import logging
import queue
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self, TypeAlias

from videoseg.errors import VideosegError
from videoseg.jobs.processes import Failure, Said, Send, WorkerProcess
from videoseg.outlines.vectorizer import Vectorizer
from videoseg.system.threads import opencv_unthreaded
from videoseg.types import Mask, Scene, Shape

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

_PATIENCE = 2.0
"""Seconds that a process has to end before it is killed; it has nothing to clean up."""

_Message: TypeAlias = list[Shape] | Failure | logging.LogRecord
"""What a process sends: the outlines it was asked for, or why there are none; and what it logs."""


class OutlineWorkers(AbstractContextManager["OutlineWorkers"]):
    """Processes that make the outlines of masks; leaving the context ends them.

    Args:
        vectorizer: How outlines are made.
        jobs: How many processes there are.

    Attributes:
        jobs: As above; so many threads can be kept busy by ``vectorized``.
    """

    def __init__(self, vectorizer: Vectorizer, jobs: int) -> None:
        self.jobs = jobs
        self._vectorizer = vectorizer
        self._processes: list[WorkerProcess] = []
        self._idle: queue.SimpleQueue[WorkerProcess] = queue.SimpleQueue()
        self._said = Said()

    def __enter__(self) -> Self:
        for _ in range(self.jobs):
            process = WorkerProcess(_serve, self.jobs)
            process.send(self._vectorizer)
            self._processes.append(process)
            self._idle.put(process)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()
        for process in self._processes:
            process.join(_PATIENCE)

    def vectorized(self, scene: Scene) -> Scene:
        """What ``Vectorizer.vectorized`` gives; waits for a process that is idle.

        Raises:
            VideosegError: The process has died.
        """
        return self._vectorizer.vectorized(scene, self._outlines)

    def _outlines(self, masks: Sequence[Mask]) -> Sequence[Shape]:
        if not masks:
            return []
        process = self._idle.get()
        try:
            process.send(masks)
            return self._answer_of(process)
        finally:
            self._idle.put(process)

    def _answer_of(self, process: WorkerProcess) -> list[Shape]:
        while True:
            try:
                message: _Message = process.pipe.recv()
            except (EOFError, OSError) as error:
                process.join(_PATIENCE)
                reason = f"a process that makes outlines {process.death}"
                raise VideosegError(f"{reason}; fewer (--jobs) need less") from error
            if isinstance(message, Failure):
                message.reraise()
            elif isinstance(message, logging.LogRecord):
                self._said.show(message)
            else:
                return message


def _serve(pipe: Connection, send: Send) -> None:
    """What a process does: make the outlines of some masks, and of others."""
    vectorizer: Vectorizer = pipe.recv()
    with opencv_unthreaded():
        while True:
            masks: Sequence[Mask] = pipe.recv()
            try:
                made = vectorizer.outlines(masks)
            except Exception as error:  # raised where the outlines are waited for
                send(Failure.of(error))
            else:
                send(made)
