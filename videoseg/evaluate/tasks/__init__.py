"""Tasks: what is asked of a model and how its answers are measured. A file exports ``TASKS``.

To add one, write a file with a dataclass that fits ``Task`` and export it by name.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

from videoseg.errors import ConfigError, nearest
from videoseg.evaluate.answers import Answer
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.samples import Media
from videoseg.evaluate.settings import made
from videoseg.evaluate.tables import Figure, Row
from videoseg.types import PromptKind


class Task(Protocol):
    """A dataclass whose fields are settings. ``ask`` needs the model, ``score`` does not."""

    name: ClassVar[str]
    media: ClassVar[Media]
    worst: ClassVar[str]
    """The column by which the worst cases are chosen, lowest first."""

    @property
    def kinds(self) -> frozenset[PromptKind]:
        """The kinds of prompt that the model must take."""
        ...

    @property
    def figures(self) -> Sequence[Figure]:
        """The metrics of its table."""
        ...

    def ask(self, sample: Any, driver: Driver) -> Iterable[Answer]:
        """Ask everything about one sample.

        Raises:
            SourceError: The sample's picture or truth is broken.
        """
        ...

    def score(self, sample: Any, answers: Sequence[Answer]) -> Iterable[Row]:
        """Measure the answers against the truth.

        Raises:
            SourceError: The sample's truth is broken.
        """
        ...


@runtime_checkable
class WithCurve(Protocol):
    """A task whose answers also give a trade-off over a threshold."""

    def curve(self, rows: Sequence[Row]) -> Sequence[Mapping[str, float]]:
        """The points of the trade-off, each with the same names."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A task that knows how much it will ask."""

    def questions(self, sample: Any) -> int:
        """Questions about one sample; reads neither pictures nor masks."""
        ...


@functools.cache
def task_classes() -> Mapping[str, type[Any]]:
    """All tasks: name to class."""
    tasks: dict[str, type[Any]] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            tasks.update(importlib.import_module(f"{__name__}.{module.name}").TASKS)
    return tasks


def open_task(name: str, settings: Mapping[str, Any] | None = None) -> Task:
    """The task of this name.

    Raises:
        ConfigError: No task has that name, or a setting does not fit.
    """
    known = task_classes()
    if name not in known:
        raise ConfigError(f"no task is called {name!r}; {nearest(name, known)}")
    task: Task = made(known[name], "task", {}, settings or {})
    return task
