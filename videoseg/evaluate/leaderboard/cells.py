"""What is known of one model on one data set, once it was measured, or of why it was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from videoseg.evaluate.development_data import Overlap
from videoseg.evaluate.harness import Result
from videoseg.evaluate.leaderboard.rows import DataRow, Shown
from videoseg.evaluate.metrics.latency import cost_per_thousand
from videoseg.evaluate.tables import Entry


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one data set.

    Attributes:
        model: Name of the model.
        row: The data set.
        result: What was measured; None where nothing was.
        reason: Why nothing was, or why not all.
        failed: Whether it was tried and could not be finished.
    """

    model: str
    row: DataRow
    result: Result | None = None
    reason: str | None = None
    failed: bool = False

    @property
    def seen(self) -> Sequence[Overlap]:
        """How many of the samples development used before."""
        return self.result.seen if self.result is not None else ()

    def entry(self, shown: Shown) -> Entry | None:
        """The line of the result that the table shows as this figure."""
        entries = self.result.entries if self.result is not None else ()
        return next((e for e in entries if (e.group, e.figure) == ("all", shown.figure)), None)


@dataclass(frozen=True, slots=True)
class Speed:
    """What one question about one image takes, mean over all that were asked.

    Attributes:
        questions: How many were asked.
        seconds: Mean time of one.
        cost: US dollars for a thousand; None where that is not known.
        basis: What the cost rests on.
    """

    questions: int
    seconds: float
    cost: float | None
    basis: str


def speed_of(cells: Sequence[Cell], price_per_hour: float | None) -> Speed | None:
    """Of all cells of one model; None where no question was timed."""
    results = [cell.result for cell in cells if cell.result is not None]
    timed = [(one, one.latency) for one in results if one.latency is not None]
    questions = sum(times.count for _, times in timed)
    if not questions:
        return None
    seconds = sum(times.mean * times.count for _, times in timed) / questions
    costs = [(one.cost_per_question, times.count) for one, times in timed]
    known = [cost * count for cost, count in costs if cost is not None]
    if len(known) == len(costs):
        return Speed(questions, seconds, 1000 * sum(known) / questions, "what the service charged")
    if price_per_hour is not None:
        cost = cost_per_thousand(seconds, price_per_hour)
        return Speed(questions, seconds, cost, f"a machine at ${price_per_hour:g} an hour")
    return Speed(questions, seconds, None, "say what an hour of this machine costs with --price")
