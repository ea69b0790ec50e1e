"""Processes that are handed work over a pipe: how they begin, log, share the cores, and end."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, TypeAlias

from videoseg.errors import ModelError
from videoseg.registry import blame_on, blamed
from videoseg.system.threads import THREADS, granted_threads
from videoseg.system.workers import core_count

if TYPE_CHECKING:
    if sys.platform == "win32":
        from multiprocessing.connection import PipeConnection as Connection
    else:
        from multiprocessing.connection import Connection

_GPUS = "CUDA_VISIBLE_DEVICES"

Send: TypeAlias = Callable[[object], None]
"""Sends a message to the process that hands out work. Several threads may call it."""


class WorkerProcess:
    """A process, seen from the one that hands it work.

    It gets its share of the cores, leaves Ctrl-C to its parent, and ends with it.

    Args:
        serve: What it does: takes work with ``recv`` of its end of the pipe, and sends what becomes
            of it. A function of a module. It ends once nobody is at the other end.
        jobs: How many such processes there are.
        gpus: The GPUs that it sees, as CUDA is told them; empty: those that its parent sees.

    Attributes:
        pipe: Where its messages come from.
    """

    def __init__(
        self, serve: Callable[[Connection, Send], None], jobs: int, gpus: str = ""
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serving, args=(theirs, serve), daemon=True)
        share = max(1, core_count() // jobs)
        threads = {THREADS: str(min(share, granted_threads() or share))}
        with _environment(threads | ({_GPUS: gpus} if gpus else {})), _interrupts_held():
            self._process.start()
        theirs.close()

    def send(self, work: object) -> None:
        """Hand over work; one that has died says so where its messages are read."""
        with suppress(OSError):
            self.pipe.send(work)

    def stop(self) -> None:
        """Let it leave what it is doing: what it has to say next is heard by nobody."""
        self.pipe.close()

    def join(self, patience: float) -> None:
        """Wait so many seconds until it has ended; kill it if it does not."""
        self._process.join(patience)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def death(self) -> str:
        """How it ended, in a clause."""
        code = self._process.exitcode
        if code is None or code >= 0:
            return f"ended with code {code}"
        if -code == getattr(signal, "SIGKILL", None):
            return "was killed, as the system does when memory runs out"
        return f"was ended by signal {-code}"


def _serving(pipe: Connection, serve: Callable[[Connection, Send], None]) -> None:
    """What a process does: work, until there is no more or nobody is there to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be held back from the start
    sending = threading.Lock()

    def send(message: object) -> None:
        with sending:
            pipe.send(message)

    logging.basicConfig(handlers=[Forwarding(send)], level=logging.WARNING, force=True)
    with suppress(EOFError, OSError):
        serve(pipe, send)


class Forwarding(logging.Handler):
    """Sends what is logged to the process that shows it."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record with its text put together, for its arguments may not travel."""
        with suppress(OSError):
            text = record.getMessage()
            self._send(logging.LogRecord(record.name, record.levelno, "", 0, text, None, None))


class Said:
    """Shows what processes log, each line once: every one has the same to say about a phrase."""

    def __init__(self) -> None:
        self._lines: set[str] = set()

    def show(self, record: logging.LogRecord) -> None:
        """Show a record that was sent here."""
        if record.msg not in self._lines:
            self._lines.add(record.msg)
            logging.getLogger(record.name).handle(record)


class RemoteTraceback(Exception):  # noqa: N818
    """Where an error was raised in another process, as text; the cause of that error here."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error on its way to another process.

    Attributes:
        pickled: The error, or one that says the same where it cannot travel.
        trace: Where it was raised, for people.
    """

    pickled: bytes
    trace: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """An error that was caught."""
        trace = "".join(traceback.format_exception(error))
        blame_on(error, blamed(error))
        return cls(_pickled(error), trace)

    def reraise(self) -> None:
        """Raise it.

        Raises:
            BaseException: As it was raised there.
        """
        error: BaseException = pickle.loads(self.pickled)  # noqa: S301 - from our own process
        raise error from RemoteTraceback(self.trace)


def _pickled(error: BaseException) -> bytes:
    """An error as bytes; of one that cannot be taken apart and put together its name and text."""
    parts = (type(error), error.args, error.__dict__)
    for made in (error, _Rebuilt(*parts)):
        with suppress(Exception):
            data = pickle.dumps(made)
            if type(pickle.loads(data)) is type(error):  # noqa: S301 - made a line above
                return data
    return pickle.dumps(ModelError(f"{type(error).__name__}: {error}"))


class _Rebuilt:
    """Pickles as an error whose class is made with other arguments than it keeps."""

    def __init__(self, *parts: Any) -> None:
        self._parts = parts

    def __reduce__(self) -> tuple[Callable[..., BaseException], tuple[Any, ...]]:
        return _rebuilt, self._parts


def _rebuilt(
    cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]
) -> BaseException:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


def gpus_of(number: int, each: float) -> str:
    """The GPUs of a process, as CUDA is told them; empty where none are shared out.

    Args:
        number: Which of the processes, from 0.
        each: GPUs of each of them; half a one is shared by two.
    """
    if not each:
        return ""
    seen = [name for name in os.environ.get(_GPUS, "").split(",") if name]
    first = int(number * each)
    numbers = range(first, first + max(1, int(each)))
    return ",".join(seen[each % len(seen)] if seen else str(each) for each in numbers)


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Within, a process that starts has these variables."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


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
