"""What the table would take, before anything is asked: questions, dollars, hours, missing data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from videoseg.errors import SourceError
from videoseg.evaluate.cache import taken_in
from videoseg.evaluate.leaderboard.published import EVERY_SET, published_for
from videoseg.evaluate.leaderboard.readiness import Entrant
from videoseg.evaluate.leaderboard.rows import ROWS, DataRow
from videoseg.evaluate.leaderboard.run import open_row
from videoseg.evaluate.tasks import Counting, open_task

SECONDS = "average time per image, s"
"""How published tables call the mean time of one question about one image."""
COST = "cost per 1,000 images, $"
"""How they call what a thousand of these cost."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to ask of one data set.

    Attributes:
        row: The data set.
        images: Images of it.
        questions: What is asked of each model about them.
    """

    row: DataRow
    images: int
    questions: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What one model would take for all that is there.

    Attributes:
        model: Its name.
        lacks: Why it cannot be asked; None where it can.
        questions: Questions that are not answered yet.
        seconds: Seconds for them, one after another; None where nothing says how long one takes.
        cost: US dollars for them; None where nothing says what one costs.
        basis: What seconds and cost rest on.
    """

    model: str
    lacks: str | None
    questions: int
    seconds: float | None
    cost: float | None
    basis: str


def extents(
    data: Path, *, limit: int | None = None, rows: Sequence[DataRow] = ROWS
) -> list[Extent]:
    """How much there is to ask of the data sets that are there; reads no picture.

    Raises:
        SourceError: A data set that is there cannot be read.
    """
    found = []
    for row in rows:
        if row.missing(data):
            continue
        task = open_task(row.task, row.task_settings)
        images = questions = 0
        for sample in open_row(data, row).samples(_refuse):
            if limit is not None and images >= limit:
                break
            images += 1
            questions += task.questions(sample) if isinstance(task, Counting) else 1
        found.append(Extent(row, images, questions))
    return found


def forecast(entrant: Entrant, there: Sequence[Extent], out: Path) -> Forecast:
    """What a model would take; by what it took for answers kept below ``out``, or as published."""
    asked = sum(each.questions for each in there)
    runs = [out / each.row.run_name / entrant.name for each in there]
    kept = [taken_in(run) for run in runs]
    done = sum(each.answers for each in kept)
    left = max(0, asked - done)
    if done:
        seconds = sum(each.seconds for each in kept) / done
        cost = sum(each.cost for each in kept) / done if all(e.priced for e in kept) else None
        spent = None if cost is None else left * cost
        basis = f"what {done:,} answers in {out} took"
        return Forecast(entrant.name, entrant.lacks, left, left * seconds, spent, basis)
    times = published_for(entrant.name, EVERY_SET, SECONDS)
    costs = published_for(entrant.name, EVERY_SET, COST)
    return Forecast(
        entrant.name,
        entrant.lacks,
        left,
        left * times[0].value if times else None,
        left * costs[0].value / 1000 if costs else None,
        times[0].source if times else "",
    )


def _refuse(error: SourceError) -> None:
    raise error


def missing_lines(data: Path, rows: Sequence[DataRow] = ROWS) -> list[str]:
    """What data is missing, with the exact layout that is expected; empty where all is there."""
    lines = []
    for row in rows:
        gone = row.missing(data)
        if gone:
            lines.append(f"{row.name} is missing ({row.origin}):")
            lines += [
                f"  {' or '.join(str(data / pattern) for pattern in each.patterns)}  {each.what}"
                for each in gone
            ]
    return lines
