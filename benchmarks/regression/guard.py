"""Measures checks and compares them, question by question, with what is committed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import videoseg
from benchmarks.regression.checks import Check
from videoseg.evaluate.candidates import Candidate
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.metrics.intervals import Interval
from videoseg.evaluate.tables import Entry, Row, differences, summarise
from videoseg.evaluate.tasks import open_task

COMMITTED = Path(__file__).with_name("committed")
"""Folder of the figures that are in the repository."""
LEAST = 0.002
"""Difference below which a figure is the same, whatever its interval: other processors round
otherwise. Shares, and pixels for jumps of outlines."""
_DIGITS = 6
Verdict: TypeAlias = Literal["better", "worse", "same"]


@dataclass(frozen=True)
class Outcome:
    """One figure beside what is committed.

    Attributes:
        check: Name of the check.
        figure: Group and figure.
        verdict: What became of it.
        value: As it is now.
        difference: Now less committed, paired.
    """

    check: str
    figure: str
    verdict: Verdict
    value: float
    difference: Interval


def guard(
    checks: Sequence[Check],
    data: Path | None,
    model: Candidate,
    committed: Path,
    *,
    update: bool,
    say: Callable[[str], None],
) -> list[Outcome]:
    """Measure the checks whose data is there, and compare them with what is committed.

    Args:
        checks: What to measure.
        data: The folder of data sets, or None.
        model: Whom to ask.
        committed: The folder of committed figures.
        update: Write what was measured there instead of comparing.
        say: Called with each line for the reader.
    """
    outcomes = []
    for check in checks:
        source = check.open(data)
        if source is None:
            where = "no folder of data is given" if data is None else f"not in {data}"
            say(f"{check.name}: not measured: {check.folder} is {where}; {check.origin}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            task = open_task(check.task, check.settings)
            result = evaluate(source, task, model, Path(folder) / "run", limit=check.limit)
        file = committed / f"{check.name.replace(' ', '-')}.json"
        if update:
            _write(result, file, check)
            say(f"{check.name}: {len(result.rows)} questions written to {file}")
            continue
        found = _compared(check, result, file, say)
        for outcome in found:
            say(_line(outcome))
        outcomes += found
    return outcomes


def _compared(
    check: Check, result: Result, file: Path, say: Callable[[str], None]
) -> list[Outcome]:
    if not file.is_file():
        say(f"{check.name}: nothing is committed to compare with ({file})")
        return []
    there = json.loads(file.read_text(encoding="utf-8"))
    if there["truth"] != result.identity["data"]["truth"]:
        say(f"{check.name}: not compared: the committed figures are of other data")
        return []
    figures = open_task(check.task, check.settings).figures
    before = [Row.from_json(row) for row in there["rows"]]
    now = [_rounded(row) for row in result.rows]
    values = {(e.group, e.figure): e.interval.value for e in summarise(now, figures)}
    higher = {figure.name: figure.higher_is_better for figure in figures}
    found = {(entry.group, entry.figure): entry for entry in differences(now, before, figures)}
    return [
        Outcome(
            check.name,
            " ".join(watched),
            _verdict(found[watched], higher=higher[watched[1]]),
            values[watched],
            found[watched].interval,
        )
        for watched in check.watched
        if watched in found
    ]


def _verdict(entry: Entry, *, higher: bool) -> Verdict:
    change = entry.interval.value
    if abs(change) < LEAST or not entry.interval.excludes(0):
        return "same"
    return "better" if (change > 0) == higher else "worse"


def _line(outcome: Outcome) -> str:
    change = outcome.difference
    return (
        f"{outcome.check}: {outcome.figure} {outcome.value:.3f}: {outcome.verdict} "
        f"({change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}], n = {change.units})"
    )


def _write(result: Result, file: Path, check: Check) -> None:
    """One line for each question, so that a change can be read."""
    head = {
        "videoseg": videoseg.__version__,
        "measured": [str(session) for session in result.sessions],
        "model": result.identity["model"]["name"],
        "task": check.task,
        "truth": result.identity["data"]["truth"],
        "figures": _figures(result, check),
    }
    rows = [json.dumps(_rounded(row).to_json(), ensure_ascii=False) for row in result.rows]
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    listed = ",\n".join(rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{text},\n "rows": [\n{listed}\n ]\n}}\n', encoding="utf-8")


def _figures(result: Result, check: Check) -> Mapping[str, Any]:
    """What the rows give, for people who read the file."""
    return {
        f"{entry.group} {entry.figure}": {
            "value": round(entry.interval.value, 4),
            "low": round(entry.interval.low, 4),
            "high": round(entry.interval.high, 4),
            "n": entry.n,
        }
        for entry in result.entries
        if (entry.group, entry.figure) in check.watched
    }


def _rounded(row: Row) -> Row:
    """As it is committed, so that what is measured again is the same to the last digit."""
    values = {name: round(value, _DIGITS) for name, value in row.values.items()}
    return Row(row.unit, row.question, row.label, row.groups, values)
