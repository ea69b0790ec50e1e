"""The table as people and programs read it: ours beside what is published, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import videoseg
from videoseg.evaluate.development_data import MARK
from videoseg.evaluate.leaderboard.cells import Cell, Speed, speed_of
from videoseg.evaluate.leaderboard.forecast import COST, SECONDS, Extent, Forecast
from videoseg.evaluate.leaderboard.published import EVERY_SET, Published, published, published_for
from videoseg.evaluate.leaderboard.rows import DataRow
from videoseg.evaluate.report import as_json
from videoseg.evaluate.tables import Entry


def table_markdown(
    cells: Sequence[Cell], models: Sequence[str], price_per_hour: float | None
) -> str:
    """The whole table; percent, with 95 % intervals over images."""
    sources = list(dict.fromkeys(one.source for one in published() if one.model in models))
    speeds = {name: speed_of(_of(cells, name), price_per_hour) for name in models}
    lines = [
        "# Image segmentation by words",
        "",
        f"- videoseg {videoseg.__version__}; ours in per cent with 95 % bootstrap intervals over "
        "images; in brackets behind a published figure its source",
        *(f"- measured: {session}" for session in _sessions(cells)),
        "",
        f"| data | metric | {' | '.join(f'{name} | published' for name in models)} |",
        f"|---|---|{'---:|---|' * len(models)}",
    ]
    for row, metric in _lines(cells, models):
        found = [
            f"{_ours(cells, name, row, metric)} | {_theirs(name, row.name, metric, sources)}"
            for name in models
        ]
        lines.append(f"| {row.name} | {metric} | {' | '.join(found)} |")
    for metric in (SECONDS, COST):
        found = [
            f"{_speed(speeds[name], metric)} | {_theirs(name, EVERY_SET, metric, sources)}"
            for name in models
        ]
        lines.append(f"| | {metric} | {' | '.join(found)} |")
    lines += ["", *_notes(cells, speeds), "", "Published:", ""]
    lines += [f"{number}. {source}" for number, source in enumerate(sources, 1)]
    return "\n".join(lines) + "\n"


def table_json(
    cells: Sequence[Cell], models: Sequence[str], price_per_hour: float | None
) -> dict[str, Any]:
    """The same as plain JSON values."""
    speeds = {name: speed_of(_of(cells, name), price_per_hour) for name in models}
    return {
        "videoseg": videoseg.__version__,
        "cells": [_cell_json(cell) for cell in cells],
        "speed": {name: asdict(speed) if speed else None for name, speed in speeds.items()},
        "published": [asdict(one) for one in published() if one.model in models],
    }


def forecast_lines(
    there: Sequence[Extent], found: Sequence[Forecast], missing: Sequence[str]
) -> list[str]:
    """What a dry run says."""
    lines = [
        f"{each.row.name}: {each.images:,} images, {each.questions:,} questions a model"
        for each in there
    ]
    for one in found:
        if one.lacks is not None:
            lines.append(f"{one.model}: not measured: {one.lacks}")
            continue
        hours = "time not known" if one.seconds is None else f"about {_duration(one.seconds)}"
        cost = "no price known" if one.cost is None else f"about ${one.cost:,.2f}"
        basis = f" ({one.basis})" if one.basis else ""
        lines.append(f"{one.model}: {one.questions:,} questions to ask, {hours}, {cost}{basis}")
    return [*lines, *missing]


def forecast_json(
    there: Sequence[Extent], found: Sequence[Forecast], missing: Sequence[str]
) -> dict[str, Any]:
    """What a dry run says, as plain JSON values."""
    return {
        "data": [
            {"name": each.row.name, "images": each.images, "questions": each.questions}
            for each in there
        ],
        "models": [asdict(one) for one in found],
        "missing": list(missing),
    }


def _lines(cells: Sequence[Cell], models: Sequence[str]) -> Iterable[tuple[DataRow, str]]:
    """Every data set with every metric that we measure or that is published for it."""
    for row in dict.fromkeys(cell.row.name for cell in cells):
        data = next(cell.row for cell in cells if cell.row.name == row)
        metrics = [shown.metric for shown in data.shown]
        theirs = [p.metric for p in published() if p.data == row and p.model in models]
        for metric in dict.fromkeys([*metrics, *theirs]):
            yield data, metric


def _ours(cells: Sequence[Cell], model: str, row: DataRow, metric: str) -> str:
    for cell in _of(cells, model):
        if cell.row.name == row.name:
            for shown in row.shown:
                entry = cell.entry(shown) if shown.metric == metric else None
                if entry is not None:
                    return _percent(entry) + (MARK if cell.seen else "")
    return "-"


def _theirs(model: str, data: str, metric: str, sources: Sequence[str]) -> str:
    found: Sequence[Published] = published_for(model, data, metric)
    digits = 2 if metric == COST else 1
    shown = [f"{one.value:.{digits}f} [{sources.index(one.source) + 1}]" for one in found]
    return "; ".join(shown) or "-"


def _speed(speed: Speed | None, metric: str) -> str:
    if speed is None:
        return "-"
    if metric == SECONDS:
        return f"{speed.seconds:.3g}"
    return "-" if speed.cost is None else f"{speed.cost:.2f}"


def _notes(cells: Sequence[Cell], speeds: Mapping[str, Speed | None]) -> list[str]:
    """How many questions each figure rests on, and why figures are missing."""
    lines = []
    for cell in cells:
        if cell.result is not None:
            lines.append(
                f"- {cell.model} on {cell.row.name}: n = {len(cell.result.rows)} questions, "
                f"{cell.result.samples} images"
            )
            lines += [f"  {MARK} {seen.samples} of these images: {seen.how}" for seen in cell.seen]
            if cell.reason is not None:
                lines.append(f"  not all of it: {cell.reason}")
    reasons: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.result is None and cell.reason is not None:
            reasons.setdefault((cell.model, cell.reason), []).append(cell.row.name)
    lines += [
        f"- {model} was not measured on {', '.join(names)}: {reason}"
        for (model, reason), names in reasons.items()
    ]
    lines += [
        f"- {model}: time and cost are of one question about one image, mean of "
        f"{speed.questions}; cost: {speed.basis}"
        for model, speed in speeds.items()
        if speed is not None
    ]
    return lines


def _cell_json(cell: Cell) -> dict[str, Any]:
    return {
        "model": cell.model,
        "data": cell.row.name,
        "reason": cell.reason,
        "result": as_json(cell.result) if cell.result else None,
    }


def _sessions(cells: Sequence[Cell]) -> list[str]:
    results = [cell.result for cell in cells if cell.result is not None]
    return list(dict.fromkeys(str(session) for one in results for session in one.sessions))


def _of(cells: Sequence[Cell], model: str) -> list[Cell]:
    return [cell for cell in cells if cell.model == model]


def _percent(entry: Entry) -> str:
    interval = entry.interval
    if math.isnan(interval.value):
        return "-"
    if math.isnan(interval.low):
        return f"{100 * interval.value:.1f}"
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
