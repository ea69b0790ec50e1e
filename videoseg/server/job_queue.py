"""Jobs one after another, or a few at once: what waits, how far each is, and how it ends."""

from __future__ import annotations

import logging
import queue
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from videoseg.errors import VideosegError
from videoseg.jobs.batch import OnFrame, Series, Task
from videoseg.jobs.job import Job
from videoseg.pipeline import Tally
from videoseg.server.asgi import Refusal, RefusedError
from videoseg.server.job_schema import JobStatus, State

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.1
_IDLE_SECONDS = 60.0
"""After which the model of the jobs is let go of."""
_LAST_SECONDS = 10.0
"""For the frame at hand, when the server ends."""


class JobCancelledError(BaseException):
    """Ends a run from within, as Ctrl-C does; the model is kept for the next one."""


@dataclass(eq=False)
class QueuedJob:
    """One job.

    Attributes:
        id: Its name in addresses.
        task: What is done.
        name: Its input, as the client named it.
        upload: The file that came with it, removed at its end.
    """

    id: str
    task: Task
    name: str
    upload: Path | None = None
    _status: JobStatus = field(init=False)
    _cancelled: threading.Event = field(init=False, default_factory=threading.Event)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _begun: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._status = JobStatus(id=self.id, state="queued", input=self.name)

    @property
    def status(self) -> JobStatus:
        """How far it is."""
        with self._lock:
            found = self._status
            if self._begun is None or self.has_ended:
                return found
            spent = round(time.monotonic() - self._begun, 3)
            return found.model_copy(update={"seconds": spent})

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self._status.has_ended

    def cancel(self) -> None:
        """End it before it begins, or after the frame at hand."""
        self._cancelled.set()
        with self._lock:
            if self._status.state == "queued":
                self._status = self._status.model_copy(update={"state": "cancelled"})

    def begin(self) -> bool:
        """Whether it is to be done."""
        with self._lock:
            if self._status.state != "queued":
                return False
            self._begun = time.monotonic()
            self._status = self._status.model_copy(update={"state": "running"})
            return True

    def end(self, state: State, error: str | None = None, notes: tuple[str, ...] = ()) -> None:
        """Say what became of it."""
        spent = 0.0 if self._begun is None else round(time.monotonic() - self._begun, 3)
        changed = {"state": state, "error": error, "notes": list(notes), "seconds": spent}
        with self._lock:
            self._status = self._status.model_copy(update=changed)

    def as_named(self, text: str) -> str:
        """A message on one line that says no path of this machine."""
        for path, name in ((self.task.location, self.name), (str(self.task.out), self.id)):
            text = text.replace(path, name)
        return " ".join(text.split())

    @contextmanager
    def watch(self, job: Job) -> Iterator[OnFrame]:
        """Follow a run, and end it when it is cancelled."""
        self._progress(total=job.frame_count)
        self._stop_if_cancelled()

        def on_frame(tally: Tally) -> None:
            objects = sum(map(len, tally.tracks))
            self._progress(frames=tally.frames, objects=objects)
            self._stop_if_cancelled()

        yield on_frame

    def _progress(self, **changed: int | None) -> None:
        with self._lock:
            self._status = self._status.model_copy(update=changed)

    def _stop_if_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise JobCancelledError


class JobQueue:
    """The jobs of a server.

    Args:
        out: The folder of their folders.
        at_once: Jobs that are done at the same time, each with a model of its own.
        most_waiting: Jobs that may wait; further ones are refused.
        remembered: Jobs that are listed; the oldest that have ended are forgotten first, and their
            files are left.
    """

    def __init__(
        self, out: Path, *, at_once: int = 1, most_waiting: int = 16, remembered: int = 256
    ) -> None:
        self.out = out
        self._waiting: queue.Queue[QueuedJob] = queue.Queue(maxsize=most_waiting)
        self._remembered = max(remembered, most_waiting + at_once)
        self._jobs: dict[str, QueuedJob] = {}
        self._lock = threading.Lock()
        self.stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, name=f"videoseg-job-{number}", daemon=True)
            for number in range(at_once)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Cancel all jobs and end the threads."""
        self.stopping.set()
        for job in self.all():
            job.cancel()
        until = time.monotonic() + _LAST_SECONDS
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))
        for job in self.all():
            _remove_upload(job)

    def new_id(self) -> str:
        """A name that nobody can guess and no folder has."""
        return secrets.token_hex(8)

    def add(self, job: QueuedJob) -> None:
        """Let a job wait for its turn.

        Raises:
            RefusedError: Too many wait, or the server ends.
        """
        with self._lock:
            if self.stopping.is_set():
                raise RefusedError(Refusal(503, "the server ends; ask again later"))
            try:
                self._waiting.put_nowait(job)
            except queue.Full:
                raise _full() from None
            self._jobs[job.id] = job
            ended = [each for each in self._jobs.values() if each.has_ended]
            for each in ended[: max(0, len(self._jobs) - self._remembered)]:
                del self._jobs[each.id]

    def find(self, name: str) -> QueuedJob:
        """A job by its id.

        Raises:
            RefusedError: There is none.
        """
        with self._lock:
            found = self._jobs.get(name)
        if found is None:
            raise RefusedError(Refusal(404, "there is no such job; GET /jobs lists them"))
        return found

    def all(self) -> list[QueuedJob]:
        """All jobs, the oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def remove(self, job: QueuedJob) -> None:
        """Cancel a job; forget one that has ended, with its results."""
        if not job.has_ended:
            job.cancel()
            self._give_up_place(job)
            return
        with self._lock:
            self._jobs.pop(job.id, None)
        shutil.rmtree(job.task.out, ignore_errors=True)

    def check_room(self, coming: int) -> None:
        """Refuse a further job before its file has come.

        Args:
            coming: Jobs whose files are on their way.

        Raises:
            RefusedError: There will be no place for it.
        """
        if self._waiting.qsize() + coming >= self._waiting.maxsize:
            raise _full()

    def _give_up_place(self, job: QueuedJob) -> None:
        """Let others have the place of a job that was cancelled before its turn."""
        with self._waiting.mutex:
            if job not in self._waiting.queue:
                return
            self._waiting.queue.remove(job)
        _remove_upload(job)

    def count(self, state: State) -> int:
        """Jobs in a state."""
        return sum(job.status.state == state for job in self.all())

    def _work(self) -> None:
        while not self.stopping.is_set():
            job = self._next(_POLL_SECONDS)
            if job is None:
                continue
            with Series() as series:
                while job is not None:
                    self._do(job, series)
                    job = self._next(_IDLE_SECONDS)

    def _next(self, patience: float) -> QueuedJob | None:
        until = time.monotonic() + patience
        while not self.stopping.is_set() and time.monotonic() < until:
            try:
                return self._waiting.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
        return None

    def _do(self, job: QueuedJob, series: Series) -> None:
        if not job.begin():
            _remove_upload(job)
            return
        try:
            outcome = series.settle(job.task, job.watch)
        except JobCancelledError:
            job.end("cancelled")
        except VideosegError as error:
            job.end("failed", job.as_named(str(error)))
        except BaseException as error:
            _log.exception("a job failed: %s: %s", type(error).__name__, error)
            job.end("failed", "the server failed; its log says more")
        else:
            if outcome.state == "failed":
                job.end("failed", job.as_named(outcome.reason or ""))
            else:
                said = () if outcome.summary is None else outcome.summary.notes
                job.end("done", notes=(*said, *outcome.notes))
        finally:
            if job.status.state != "done":  # what is left to go on with is of no use to anybody
                shutil.rmtree(job.task.out, ignore_errors=True)
            _remove_upload(job)


def _full() -> RefusedError:
    return RefusedError(Refusal(503, "too many jobs wait; ask again later", {"retry-after": "10"}))


def _remove_upload(job: QueuedJob) -> None:
    if job.upload is not None:
        job.upload.unlink(missing_ok=True)
