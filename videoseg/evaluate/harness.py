"""Measures one model on one task over one data set: asks what is not cached, scores, sums up."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import videoseg
from videoseg.errors import LimitReachedError, SourceError
from videoseg.evaluate.answers import Answer
from videoseg.evaluate.cache import Cache, digest_of
from videoseg.evaluate.candidates import Candidate, digest_of_files
from videoseg.evaluate.development_data import Overlap, seen_before
from videoseg.evaluate.driver import Driver
from videoseg.evaluate.machine import Session
from videoseg.evaluate.metrics.latency import Latency, latency
from videoseg.evaluate.samples import DataSet, Sample
from videoseg.evaluate.tables import Entry, Row, summarise
from videoseg.evaluate.tasks import Task, WithCurve
from videoseg.runlog.fingerprint import plain

WORST_CASES = 12
"""Cases on the contact sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Worst:
    """A case for the contact sheet: a row with its picture, and the sample it came from."""

    value: float
    sample: Sample
    row: Row


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What was measured.

    Attributes:
        identity: What was asked of whom about which data.
        sessions: When and on what machines the answers were given.
        rows: One per question.
        entries: The table.
        curve: Points of a trade-off, empty where the task has none.
        latency: Of the calls of the model; None where none was timed.
        seconds_per_sample: Time in the model for all questions about a sample, mean.
        samples: Samples that were measured.
        cost_per_question: US dollars, mean; None where that is not known.
        spent: US dollars in all, what was paid for answers that were lost included.
        stopped: Why it ended before the data did; None if it did not.
        seen: How many of the samples development used before, by what was done with them.
        skipped: What was wrong with data that was skipped, one line each.
        worst: Cases for the contact sheet, worst first.
    """

    identity: Mapping[str, Any]
    sessions: Sequence[Session]
    rows: Sequence[Row]
    entries: Sequence[Entry]
    curve: Sequence[Mapping[str, float]]
    latency: Latency | None
    seconds_per_sample: float
    samples: int
    skipped: Sequence[str]
    worst: Sequence[Worst]
    cost_per_question: float | None = None
    spent: float = 0.0
    stopped: str | None = None
    seen: Sequence[Overlap] = ()


@dataclass
class _Broken:
    """Called with what is wrong with data; raises it unless such data is to be skipped."""

    skip: bool
    skipped: list[str] = field(default_factory=list)

    def __call__(self, error: SourceError) -> None:
        if not self.skip:
            raise error
        self.skipped.append(str(error))


@dataclass
class _Collected:
    """What is kept while samples go by: no picture but those of the worst cases."""

    rows: list[Row] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    costs: list[float | None] = field(default_factory=list)
    samples: int = 0
    worst: list[tuple[float, int, Worst]] = field(default_factory=list)
    sessions: Sequence[Session] = ()
    spent: float = 0.0
    stopped: LimitReachedError | None = None

    def add(self, sample: Sample, rows: Sequence[Row], answers: Sequence[Answer], by: str) -> None:
        self.samples += 1
        asked = [answer for answer in answers if answer.refused is None]
        self.seconds += [answer.seconds for answer in asked]
        self.costs += [answer.cost for answer in asked]
        self._keep_worst(sample, rows, by)
        self.rows += [dataclasses.replace(row, picture=None) for row in rows]

    @property
    def cost_per_question(self) -> float | None:
        """US dollars, mean; None where that of one question is not known."""
        known = [cost for cost in self.costs if cost is not None]
        return sum(known) / len(known) if known and len(known) == len(self.costs) else None

    def _keep_worst(self, sample: Sample, rows: Sequence[Row], by: str) -> None:
        """At most one case of a sample, so that one bad picture does not fill the sheet."""
        shown = [(row.value(by), row) for row in rows if row.picture is not None]
        measured = [(value, row) for value, row in shown if value is not None]
        if measured:
            value, row = min(measured, key=lambda case: case[0])
            entry = (-value, -self.samples, Worst(value, sample, row))
            keep = heapq.heappush if len(self.worst) < WORST_CASES else heapq.heappushpop
            keep(self.worst, entry)


def evaluate(
    data_set: DataSet,
    task: Task,
    model: Candidate,
    out: Path,
    *,
    limit: int | None = None,
    skip_broken: bool = False,
    at_once: int = 1,
    on_sample: Callable[[int], None] = lambda _: None,
) -> Result:
    """Measure; answers that the folder ``out`` holds already are not asked again.

    Args:
        data_set: The data.
        task: What is asked and measured.
        model: Whom to ask.
        out: The run folder, which keeps the answers.
        limit: Take only the first samples.
        skip_broken: Count broken data and go on instead of refusing it.
        at_once: Questions about one image that a service is asked at once.
        on_sample: Called with the number of samples done.

    Raises:
        PromptError: The model does not take what the task asks.
        SourceError: Data is broken, or nothing was left to measure.
        OutputExistsError: ``out`` holds answers to something else.
        LimitReachedError: A limit forbids even the first sample; later, what is done counts.
        VideosegError: The model fails, or ``out`` cannot be written.
    """
    _check(data_set, task, model)
    broken = _Broken(skip_broken)
    identity = identity_of(data_set, task, model)
    collected = _Collected()
    cache, driver = Cache(out, identity, at_once), Driver(model.make, model.tracker, at_once)
    with cache, driver:
        try:
            for sample in _unlike(data_set.samples(broken), broken):
                if limit is not None and collected.samples >= limit:
                    break
                if _collect(collected, sample, task, cache, driver, broken):
                    on_sample(collected.samples)
        except LimitReachedError as error:
            collected.stopped = error
        collected.sessions, collected.spent = cache.sessions, cache.spent
    if not collected.rows:
        nothing = SourceError(f"{data_set.path}: nothing in it fits the task {task.name!r}")
        raise collected.stopped or nothing
    seen = seen_before({row.unit for row in collected.rows}, data_set.media, model.card.name)
    return _result(collected, task, identity, broken.skipped, seen)


def _check(data_set: DataSet, task: Task, model: Candidate) -> None:
    """Refuse a task that does not fit the data or the model."""
    if data_set.media != task.media:
        raise SourceError(f"{data_set.path} holds {data_set.media}; {task.name} needs {task.media}")
    model.check_kinds(task.kinds, f"task {task.name!r}")


def _collect(
    collected: _Collected, sample: Sample, task: Task, cache: Cache, driver: Driver, broken: _Broken
) -> bool:
    """Ask and score one sample; whether it was not broken."""
    try:
        answers, rows = _answered(sample, task, cache, driver)
    except SourceError as error:
        broken(error)
        return False
    collected.add(sample, rows, answers, task.worst)
    return True


def _answered(
    sample: Sample, task: Task, cache: Cache, driver: Driver
) -> tuple[Sequence[Answer], Sequence[Row]]:
    """The answers about a sample, asked for unless they are kept, and what they score."""
    if sample.key not in cache:
        before = driver.spent
        try:
            found = list(task.ask(sample, driver))
        except BaseException:
            # It is asked again as a whole, but what it took so far is paid for.
            after = driver.spent
            cache.note_lost(None if before is None or after is None else after - before)
            raise
        cache.append(sample.key, found)
    answers = cache.read(sample.key)
    return answers, list(task.score(sample, answers))


def _result(
    collected: _Collected,
    task: Task,
    identity: Mapping[str, Any],
    skipped: Sequence[str],
    seen: Sequence[Overlap],
) -> Result:
    """The sums of what was collected from at least one sample."""
    rows, seconds = collected.rows, collected.seconds
    return Result(
        identity=identity,
        sessions=collected.sessions,
        rows=rows,
        entries=summarise(rows, task.figures),
        curve=task.curve(rows) if isinstance(task, WithCurve) else (),
        latency=latency(seconds) if seconds else None,
        seconds_per_sample=sum(seconds) / collected.samples,
        samples=collected.samples,
        skipped=skipped,
        cost_per_question=collected.cost_per_question,
        spent=collected.spent,
        stopped=None if collected.stopped is None else str(collected.stopped),
        seen=seen,
        worst=[case for *_, case in sorted(collected.worst, reverse=True, key=lambda c: c[:2])],
    )


def identity_of(data_set: DataSet, task: Task, model: Candidate) -> dict[str, Any]:
    """What was asked of whom about which data, as plain JSON values; not where the data lies."""
    settings = {name: value for name, value in plain(data_set).items() if name != "path"}
    package = Path(videoseg.__file__).parent
    rooms = package / "stages", package / "motion"
    stages = sorted(file for room in rooms for file in room.rglob("*.py"))
    followed = {"tracker": model.tracker_identity()} if getattr(task, "tracked", False) else {}
    return {
        **followed,
        "data": {
            "name": data_set.path.resolve().name,
            "layout": data_set.name,
            "settings": settings,
            "truth": digest_of(data_set),
        },
        "task": {"name": task.name, "settings": plain(task)},
        "model": model.identity(),
        "videoseg": videoseg.__version__,
        "stages": digest_of_files(stages) if task.media == "videos" else "not used",
    }


def _unlike(
    samples: Iterator[Sample], on_broken: Callable[[SourceError], None]
) -> Iterator[Sample]:
    """The samples, without those whose name another had before: their answers would be mixed up."""
    seen: set[str] = set()
    for sample in samples:
        if sample.key in seen:
            on_broken(SourceError(f"two samples are called {sample.key!r}"))
            continue
        seen.add(sample.key)
        yield sample
