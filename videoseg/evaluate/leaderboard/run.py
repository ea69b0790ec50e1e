"""Measures every model on every data set of the table that is there, within one budget."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from videoseg.config.run_config import RunConfig
from videoseg.errors import LimitReachedError, OutputExistsError, VideosegError
from videoseg.evaluate.cache import spent_in
from videoseg.evaluate.candidates import Candidate
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.leaderboard.cells import Cell
from videoseg.evaluate.leaderboard.readiness import Entrant
from videoseg.evaluate.leaderboard.rows import ROWS, DataRow
from videoseg.evaluate.report import write_report
from videoseg.evaluate.samples import DataSet
from videoseg.evaluate.tasks import open_task
from videoseg.protocols import Metered, Segmenter


@dataclass(frozen=True, slots=True)
class Budget:
    """What all services of a table may cost together, earlier goes in the same folder included.

    Attributes:
        folder: The folder of the table's runs.
        most: US dollars; None = any.
    """

    folder: Path
    most: float | None

    def left(self) -> float | None:
        """US dollars that may still be spent."""
        if self.most is None:
            return None
        spent = sum(spent_in(run) for run in self.folder.glob("*/*") if run.is_dir())
        return self.most - spent

    def within(self, entrant: Entrant) -> Candidate:
        """The model, which stops before it spends more than is left when it is opened."""

        def make() -> Segmenter:
            model = entrant.candidate.make()
            left = self.left() if isinstance(model, Metered) else None
            if left is None:
                return model
            if left <= 0:
                raise LimitReachedError(f"the limit of ${self.most:g} is spent")
            limited: Segmenter = _limited(entrant.config, left).part("models", entrant.name)
            return limited

        return dataclasses.replace(entrant.candidate, make=make)


def measure_all(
    data: Path,
    entrants: Sequence[Entrant],
    out: Path,
    *,
    rows: Sequence[DataRow] = ROWS,
    max_cost: float | None = None,
    limit: int | None = None,
    skip_broken: bool = False,
    at_once: int = 1,
    on_start: Callable[[str], None] = lambda _: None,
    on_sample: Callable[[int], None] = lambda _: None,
) -> list[Cell]:
    """Measure; what is kept below ``out`` is not asked again.

    Args:
        data: The folder of data.
        entrants: The models.
        out: Where the run folders go, one for each data set and model.
        rows: The data sets.
        max_cost: US dollars that all services may take together; None = any.
        limit: Take only the first images of each data set.
        skip_broken: Count broken data and go on.
        at_once: Questions about one image that a service is asked at once.
        on_start: Called with the name of what is measured next.
        on_sample: Called with the number of images done in it.

    Returns:
        One for each model and data set, model by model. What fails is a reason in its cell, so
        that a service that is down, or a file that is broken, costs no other figure.

    Raises:
        OutputExistsError: A run folder holds answers to something else.
    """
    budget = Budget(out, max_cost)
    measure = functools.partial(
        evaluate, limit=limit, skip_broken=skip_broken, at_once=at_once, on_sample=on_sample
    )
    found = []
    for entrant in entrants:
        for row in rows:
            reason = _obstacle(data, row, entrant)
            if reason is not None:
                found.append(Cell(entrant.name, row, reason=reason))
                continue
            on_start(f"{row.name}: {entrant.name}")
            found.append(_measured(data, row, entrant, budget, measure))
    return found


def open_row(data: Path, row: DataRow) -> DataSet:
    """The data set of a row, whose files are there.

    Raises:
        SourceError: It cannot be read.
    """
    return open_data_set(data / row.folder, row.layout, row.settings(data))


def _obstacle(data: Path, row: DataRow, entrant: Entrant) -> str | None:
    """Why this is not even tried."""
    if entrant.lacks is not None:
        return entrant.lacks
    if row.missing(data):
        return f"{row.name} is not in {data}"
    try:
        entrant.candidate.check_kinds(open_task(row.task).kinds, f"task {row.task!r}")
    except VideosegError as error:
        return str(error)
    return None


def _measured(
    data: Path, row: DataRow, entrant: Entrant, budget: Budget, measure: Callable[..., Result]
) -> Cell:
    folder = budget.folder / row.run_name / entrant.name
    try:
        source, task = open_row(data, row), open_task(row.task, row.task_settings)
        result = measure(source, task, budget.within(entrant), folder)
        write_report(result, folder)
    except OutputExistsError:
        raise
    except VideosegError as error:
        return Cell(entrant.name, row, reason=str(error), failed=True)
    return Cell(entrant.name, row, result, result.stopped)


def _limited(config: RunConfig, cost: float) -> RunConfig:
    """Settings under which the model that they name may spend so much."""
    models = dict(config.tables.get("models", {}))
    models[config.run.model] = {**models.get(config.run.model, {}), "max_cost": cost}
    return dataclasses.replace(config, tables={**config.tables, "models": models})
