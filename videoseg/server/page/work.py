"""One piece of work at a time, on a thread of its own: with progress, and a way to stop it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from videoseg.errors import UsageError, VideosegError, refusal_of
from videoseg.pipeline import Tally
from videoseg.registry import blamed
from videoseg.system.threads import Stopwatch

Status: TypeAlias = Literal["running", "paused", "stopping", "done", "failed", "stopped"]
_LATELY_SECONDS = 15.0


class StoppedError(Exception):
    """Raised in the thread that works, to end it: somebody has stopped it."""


@dataclass
class Work:
    """What is being done, and how far it is; ``step`` is called by the thread that does it.

    Attributes:
        kind: ``run``, ``recompute`` or ``export``.
        title: For people.
        status: How it is.
        total: Frames in all, where known.
        clock: How long its stages take.
        reason: Why it failed.
        result: What it has made.
    """

    kind: str
    title: str
    status: Status = "running"
    total: int | None = None
    clock: Stopwatch = field(default_factory=Stopwatch)
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    _frames: int = 0
    _objects: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _lately: deque[tuple[float, int]] = field(default_factory=deque)
    _may_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._may_go.set()
        self._lately.append((self._begun, 0))

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in ("done", "failed", "stopped")

    def step(self, tally: Tally) -> None:
        """A frame is done; waits here while it is paused.

        Raises:
            StoppedError: Somebody has stopped it.
        """
        self._frames = tally.frames
        self._objects = sum(len(ids) for ids in tally.tracks)
        self._lately.append((time.monotonic(), tally.frames))
        while len(self._lately) > 2 and self._lately[-1][0] - self._lately[0][0] > _LATELY_SECONDS:
            self._lately.popleft()
        if not self._may_go.is_set():
            self._may_go.wait()
            self._lately.clear()
            self._lately.append((time.monotonic(), tally.frames))
        if self.status == "stopping":
            raise StoppedError

    def pause(self) -> None:
        """Have it wait after the frame that it is at."""
        if self.status == "running":
            self._may_go.clear()
            self.status = "paused"

    def go_on(self) -> None:
        """Have it go on."""
        if self.status == "paused":
            self.status = "running"
            self._may_go.set()

    def stop(self) -> None:
        """Have it end after the frame that it is at."""
        if not self.is_over:
            self.status = "stopping"
            self._may_go.set()

    def to_json(self) -> dict[str, Any]:
        """How far it is."""
        (since, before), (now, frames) = self._lately[0], self._lately[-1]
        rate = (frames - before) / (now - since) if now > since and frames > before else None
        left = None if self.total is None else max(0, self.total - frames)
        return {
            "kind": self.kind,
            "title": self.title,
            "status": self.status,
            "frames": self._frames,
            "total": self.total,
            "objects": self._objects,
            "rate": rate,
            "eta": None if rate is None or left is None else left / rate,
            "elapsed": time.monotonic() - self._begun,
            "slowest": self.clock.slowest,
            "reason": self.reason,
            "result": self.result,
        }


class Worker:
    """Does one piece of work after another; none while one is under way."""

    def __init__(self) -> None:
        self.work: Work | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, work: Work, do: Callable[[Work], dict[str, Any]]) -> Work:
        """Start ``do``, whose result is kept in the work.

        Raises:
            UsageError: Something else is under way.
        """
        with self._lock:
            if self.work is not None and not self.work.is_over:
                raise UsageError(f"{self.work.title} is under way; wait, or cancel it first")
            self.work = work
            args = (work, do)
            self._thread = threading.Thread(target=_run, args=args, name=f"videoseg-{work.kind}")
            self._thread.start()
        return work

    def end(self) -> None:
        """Stop what is under way and wait for its end."""
        if self.work is not None:
            self.work.stop()
        if self._thread is not None:
            self._thread.join()


def _run(work: Work, do: Callable[[Work], dict[str, Any]]) -> None:
    try:
        work.result = do(work)
        work.status = "done"
    except StoppedError:
        work.status = "stopped"
    except BaseException as error:  # shown to who waits for it
        work.reason = sentence(error)
        work.result = {"error": type(error).__name__}
        work.status = "failed"


def sentence(error: BaseException) -> str:
    """What went wrong, in one line."""
    text = " ".join("; ".join((str(error), *getattr(error, "__notes__", ()))).split())
    if isinstance(error, VideosegError):
        return text
    by = blamed(error)
    failed = "unexpected" if by is None else f"{by} failed:"
    refused = refusal_of(error) if isinstance(error, Exception) else None
    return refused or f"{failed} {type(error).__name__}: {text}"
