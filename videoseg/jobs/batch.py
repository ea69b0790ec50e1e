"""Many inputs: the same run on each, one after another (``workers.py``: several at once).

An input that fails does not stop the others. What would fail for every input alike (a phrase that
the model does not know, a missing model, a setting that does not fit) ends all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from videoseg.config.run_config import RunConfig
from videoseg.errors import (
    ConfigError,
    MissingDependencyError,
    UnknownPhraseError,
    VideosegError,
    refusal_of,
)
from videoseg.jobs.job import Job
from videoseg.jobs.ranges import CrewFor
from videoseg.pipeline import Tally
from videoseg.protocols import Segmenter
from videoseg.registry import blamed, release
from videoseg.runlog.summary import Summary
from videoseg.types import Prompt

TaskStatus: TypeAlias = Literal["done", "skipped", "failed"]
OnFrame: TypeAlias = Callable[[Tally], None]
Watch: TypeAlias = Callable[[Job], AbstractContextManager[OnFrame]]
"""Called with a run that begins; what its context gives is called after every frame."""

_FOR_ALL = (ConfigError, MissingDependencyError, UnknownPhraseError)
"""Errors that every input would meet."""


@dataclass(frozen=True, slots=True)
class Task:
    """One input and where its results go.

    Attributes:
        location: The input.
        out: The output folder, or its address in object storage.
        prompts: What is asked.
        config: The settings.
        overwrite: Whether results of an earlier run are replaced.
        skip_existing: Whether an input is left out whose finished run is in ``out`` already.
        resume: Whether to go on with what an interrupted run has left in ``out``.
        reads: What else is read and must not be replaced: other inputs, files of prompts.
    """

    location: str
    out: Path | str
    prompts: tuple[Prompt, ...]
    config: RunConfig
    overwrite: bool = False
    skip_existing: bool = False
    resume: bool = False
    reads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task.

    Attributes:
        task: The task.
        state: ``done``, ``skipped`` (was there already) or ``failed``.
        seconds: How long it took.
        summary: What the run did, now or earlier, where it is done.
        reason: Why it failed, in one line.
        notes: What the source had to say.
    """

    task: Task
    state: TaskStatus
    seconds: float
    summary: Summary | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


def attempt(
    task: Task,
    watch: Watch,
    model: Segmenter | None = None,
    *,
    jobs: int = 1,
    crew: CrewFor | None = None,
) -> Outcome:
    """Do one task, with up to ``jobs`` processes, or a crew elsewhere, that answer its frames.

    Raises:
        VideosegError: Whatever is wrong with it.
        OutputExistsError: ``skip_existing`` is set, and ``out`` holds another run.
    """
    begun = time.perf_counter()
    with Job(task.location, task.prompts, task.config, model=model) as job:
        earlier = job.finished(task.out, overwrite=task.overwrite) if task.skip_existing else None
        if earlier is not None:
            return Outcome(task, "skipped", time.perf_counter() - begun, earlier)
        with watch(job) as on_frame:
            summary = job.run(
                task.out,
                overwrite=task.overwrite,
                resume=task.resume,
                on_frame=on_frame,
                reads=task.reads,
                jobs=jobs,
                crew=crew,
            )
        return Outcome(task, "done", time.perf_counter() - begun, summary, notes=job.notes)


class Series(AbstractContextManager["Series"]):
    """Does tasks one after another with one model, which is made anew after a failure."""

    def __init__(self) -> None:
        self._model: Segmenter | None = None

    def __exit__(self, *_: object) -> None:
        if self._model is not None:
            release(self._model, "the model")
            self._model = None

    def settle(self, task: Task, watch: Watch) -> Outcome:
        """Do a task; what is wrong with this input becomes its outcome.

        Raises:
            ConfigError: A setting does not fit, for any input.
            MissingDependencyError: The model or a package is missing.
            UnknownPhraseError: The model cannot ground a phrase.
        """
        begun = time.perf_counter()
        if self._model is None:
            self._model = task.config.part("models", task.config.run.model)
        try:
            return attempt(task, watch, self._model)
        except _FOR_ALL:
            raise
        except (Exception, SystemExit) as error:  # a plug-in may call sys.exit
            self.__exit__()
            return failed(task, begun, error)


def one_by_one(tasks: Sequence[Task], watch: Watch) -> Generator[Outcome, None, None]:
    """Do tasks in this process, in their order."""
    with Series() as series:
        for task in tasks:
            yield series.settle(task, watch)


def failed(task: Task, begun: float, error: BaseException) -> Outcome:
    """The outcome of a task that was begun at a time of ``perf_counter`` and ended in an error."""
    return Outcome(task, "failed", time.perf_counter() - begun, reason=_reason(error))


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, VideosegError):
        return text
    refused = refusal_of(error)
    by = blamed(error)
    failed = "unexpected" if by is None else f"{by} failed:"
    return refused or f"{failed} {type(error).__name__}: {text}"
