"""Two runs over the same questions: paired differences with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.errors import RunLogError, UsageError
from videoseg.evaluate.cache import read_identity
from videoseg.evaluate.report import ROWS, cell
from videoseg.evaluate.tables import Entry, Row, differences, summarise
from videoseg.evaluate.tasks import open_task

_WHERE_FILES_LIE = frozenset({"images", "json"})
"""Settings of data sets that say where files lie; the truth itself is told by its contents."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side.

    Attributes:
        first: Name of the first run's model.
        second: Name of the second's.
        common: Questions that both were asked.
        left_out: Questions that only one of them was asked.
        of_first: The first's figures over the common questions.
        of_second: The second's.
        difference: First less second, paired.
        better: For each figure, whether higher is better.
    """

    first: str
    second: str
    common: int
    left_out: int
    of_first: Sequence[Entry]
    of_second: Sequence[Entry]
    difference: Sequence[Entry]
    better: dict[str, bool]


def compare(first: Path, second: Path) -> Comparison:
    """Compare two run folders.

    Raises:
        RunLogError: One is no finished run.
        UsageError: They measured different tasks or data, or share no question.
    """
    a, b = read_identity(first), read_identity(second)
    if a["task"]["name"] != b["task"]["name"]:
        raise UsageError(
            f"{first} measured {a['task']['name']}, {second} measured {b['task']['name']}: "
            "only runs of one task can be compared"
        )
    _refuse_other_truth(first, a["data"], second, b["data"])
    figures = open_task(a["task"]["name"], a["task"]["settings"]).figures
    rows = [_rows(folder) for folder in (first, second)]
    keys = [{(row.unit, row.question) for row in found} for found in rows]
    common = keys[0] & keys[1]
    if not common:
        raise UsageError(f"{first} and {second} share no question")
    shared = [[row for row in found if (row.unit, row.question) in common] for found in rows]
    return Comparison(
        first=_called(a, b, first),
        second=_called(b, a, second),
        common=len(common),
        left_out=len(keys[0] ^ keys[1]),
        of_first=summarise(shared[0], figures),
        of_second=summarise(shared[1], figures),
        difference=differences(shared[0], shared[1], figures),
        better={figure.name: figure.higher_is_better for figure in figures},
    )


def _refuse_other_truth(
    first: Path, a: Mapping[str, Any], second: Path, b: Mapping[str, Any]
) -> None:
    """Refuse runs whose truth differs: other files, or the same files read in another way.

    Raises:
        UsageError: It does.
    """
    if a["truth"] != b["truth"]:
        raise UsageError(
            f"{first} and {second} were measured on different data: the files of the truth of "
            f"{a['name']} ({a['truth'][:12]}) and {b['name']} ({b['truth'][:12]}) differ"
        )
    if a["layout"] != b["layout"]:
        raise UsageError(
            f"{first} read the truth as {a['layout']}, {second} as {b['layout']}: measure one anew"
        )
    for key in sorted({*a["settings"], *b["settings"]} - _WHERE_FILES_LIE):
        mine, theirs = a["settings"].get(key), b["settings"].get(key)
        if mine != theirs:
            raise UsageError(
                f"{first} read the truth with data.{key} = {mine!r}, {second} with {theirs!r}: "
                "measure one anew"
            )


def comparison_markdown(found: Comparison) -> str:
    """The comparison as people read it, in Markdown."""
    values = [
        {(entry.group, entry.figure): entry for entry in entries}
        for entries in (found.of_first, found.of_second)
    ]
    lines = [
        f"A = {found.first}, B = {found.second}; {found.common} questions that both were asked"
        + (f", {found.left_out} left out" if found.left_out else ""),
        "",
        "| | figure | n | A | B | A - B (95 %) | better |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for entry in found.difference:
        key = (entry.group, entry.figure)
        sides = " | ".join(cell(side[key]) for side in values)
        lines.append(
            f"| {entry.group} | {entry.figure} | {entry.n} | {sides} | {cell(entry)} | "
            f"{_better(entry, found.better[entry.figure])} |"
        )
    lines += ["", "Better: the run that a 95 % interval without 0 speaks for; a dash = undecided."]
    return "\n".join(lines) + "\n"


def _better(entry: Entry, higher: bool) -> str:
    if not entry.interval.excludes(0):
        return "-"
    return "A" if (entry.interval.value > 0) == higher else "B"


def _rows(folder: Path) -> list[Row]:
    path = folder / ROWS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        values = [json.loads(line) for line in lines]
        return [Row.from_json(value) for value in values]
    except FileNotFoundError as error:
        raise RunLogError(f"{folder} holds no finished evaluation: no {ROWS}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RunLogError(f"{path} is damaged: {error}") from error


def _called(this: dict[str, Any], other: dict[str, Any], folder: Path) -> str:
    """The model's name, or the folder's where both runs are of one model."""
    same = this["model"]["name"] == other["model"]["name"]
    return str(folder) if same else str(this["model"]["name"])
