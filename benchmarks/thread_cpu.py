"""CPU of each thread of this process while a context is open, by the thread's name."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from typing import Self


class ThreadCpu(AbstractContextManager["ThreadCpu"]):
    """Measures the CPU of threads, those that end meanwhile too.

    Attributes:
        seconds: By name of the thread, once the context is left. Others of the same name have a
            dash more each. Threads of libraries, which Python does not know, are not among them.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._begun: dict[threading.Thread, float] = {}
        self._run = threading.Thread.run
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._begun = {thread: _spent(thread) for thread in threading.enumerate()}
        run, end = self._run, self._end

        def measured(thread: threading.Thread) -> None:
            try:
                run(thread)
            finally:
                end(thread)

        setattr(threading.Thread, "run", measured)  # noqa: B010
        return self

    def __exit__(self, *_: object) -> None:
        setattr(threading.Thread, "run", self._run)  # noqa: B010
        for thread in threading.enumerate():
            self._end(thread)

    def _end(self, thread: threading.Thread) -> None:
        with self._lock:
            name = thread.name
            while name in self.seconds:
                name += "'"
            self.seconds[name] = _spent(thread) - self._begun.get(thread, 0.0)


def _spent(thread: threading.Thread) -> float:
    """Seconds of CPU that a running thread has taken."""
    assert thread.ident is not None
    if sys.platform != "linux":
        raise NotImplementedError("the CPU of a thread is told by Linux alone")
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
