"""Writes what was measured, for people and for programs.

``results.md``, ``results.csv`` and ``results.json`` hold the table; ``rows.jsonl`` every question;
``curve.csv`` the trade-off, where there is one; ``worst.png`` the worst cases.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from videoseg.evaluate.development_data import MARK
from videoseg.evaluate.harness import Result
from videoseg.evaluate.metrics.latency import cost_per_thousand
from videoseg.evaluate.sheet import draw_sheet
from videoseg.evaluate.tables import Entry, figure_text
from videoseg.system.output_files import writing

RESULTS = "results"
"""Name, without an ending, of the files that hold the results."""
ROWS = "rows.jsonl"
"""Name of the file with one line for each measured object."""
CURVE = "curve.csv"
"""Name of the file that holds a curve, where a task has one."""
WORST = "worst.png"
"""Name of the picture of the worst results."""
_FALSE_ALARMS = (0.02, 0.05, 0.1, 0.2)
"""False-alarm rates at which the table shows the trade-off."""


def write_report(result: Result, out: Path, price_per_hour: float | None = None) -> None:
    """Write everything into the run folder.

    Args:
        result: What was measured.
        out: The run folder.
        price_per_hour: Of the machine, to say what a thousand samples cost; None = not said.

    Raises:
        OutputError: A file cannot be written.
        SourceError: A picture of the contact sheet cannot be read.
    """
    write_text(out / f"{RESULTS}.md", markdown(result, price_per_hour))
    write_text(out / f"{RESULTS}.csv", table_csv(result.entries))
    write_text(out / f"{RESULTS}.json", json_text(as_json(result)))
    rows = (row.to_json() for row in result.rows)
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    write_text(out / ROWS, "".join(f"{line}\n" for line in lines))
    if result.curve:
        write_text(out / CURVE, _csv(list(result.curve[0]), [[*p.values()] for p in result.curve]))
    if result.worst:
        draw_sheet(result.worst, out / WORST)


def markdown(result: Result, price_per_hour: float | None = None) -> str:
    """The report as people read it; arguments as of ``write_report``."""
    identity = result.identity
    data, task, model = identity["data"], identity["task"], identity["model"]
    lines = [
        f"# {task['name']} on {data['name']}: {model['name']}",
        "",
        f"- data: {data['name']}, layout {data['layout']}{_settings(data['settings'])}, "
        f"{result.samples} samples, {len(result.rows)} questions, truth {data['truth'][:12]}",
        f"- task: {task['name']}{_settings(task['settings'])}",
        f"- model: {model['name']}{_settings(model['settings'])}, videoseg {identity['videoseg']}",
        *(f"- asked: {session}" for session in result.sessions),
    ]
    lines += [f"- {MARK} {seen.samples} of these samples: {seen.how}" for seen in result.seen]
    if result.stopped is not None:
        lines.append(f"- stopped before the data ended: {result.stopped}")
    if result.skipped:
        lines.append(f"- skipped as broken: {len(result.skipped)} ({result.skipped[0]} ...)")
    if result.latency is not None:
        times = result.latency
        lines.append(
            f"- time per question: median {times.p50:.3f} s, p90 {times.p90:.3f} s, "
            f"p95 {times.p95:.3f} s, p99 {times.p99:.3f} s, longest {times.maximum:.3f} s "
            f"(n = {times.count})"
        )
        spent = result.seconds_per_sample
        cost = ""
        if price_per_hour is not None:
            thousand = cost_per_thousand(spent, price_per_hour)
            cost = f"; {thousand:.2f} per 1,000 samples at {price_per_hour:g} per hour"
        lines.append(f"- time in the model per sample: {spent:.3f} s{cost}")
    if result.cost_per_question is not None:
        thousand = 1000 * result.cost_per_question
        lines.append(f"- service: ${thousand:.2f} per 1,000 questions; ${result.spent:.4f} in all")
    lines += ["", *tables(result.entries), *_trade_off(result.curve)]
    lines += ["", "In brackets: 95 % bootstrap interval over images or sequences (units)."]
    return "\n".join(lines) + "\n"


def tables(entries: Sequence[Entry]) -> list[str]:
    """Markdown tables, one for each set of groups that share their figures."""
    groups: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.group, {})[entry.figure] = entry
    blocks: dict[tuple[str, ...], list[str]] = {}
    for group, figures in groups.items():
        blocks.setdefault(tuple(figures), []).append(group)
    lines: list[str] = []
    for names, members in blocks.items():
        lines += [
            "",
            f"| | n | units | {' | '.join(names)} |",
            f"|---|---:|---:|{'---:|' * len(names)}",
        ]
        for group in members:
            cells = [cell(groups[group][name]) for name in names]
            first = groups[group][names[0]]
            lines.append(f"| {group} | {first.n} | {first.interval.units} | {' | '.join(cells)} |")
    return lines[1:]


def cell(entry: Entry) -> str:
    """A value with its interval as a table shows it."""
    interval = entry.interval
    if math.isnan(interval.low):
        return figure_text(interval.value)
    return (
        f"{figure_text(interval.value)} [{figure_text(interval.low)}, {figure_text(interval.high)}]"
    )


def as_json(result: Result) -> dict[str, Any]:
    """Everything but rows and pictures as plain JSON values; what is undefined is null."""
    return {
        "identity": result.identity,
        "sessions": [asdict(session) for session in result.sessions],
        "samples": result.samples,
        "questions": len(result.rows),
        "skipped": list(result.skipped),
        "latency_seconds": asdict(result.latency) if result.latency else None,
        "seconds_per_sample": result.seconds_per_sample,
        "cost_per_question": result.cost_per_question,
        "spent": result.spent,
        "stopped": result.stopped,
        "seen_before": [asdict(seen) for seen in result.seen],
        "table": entries_json(result.entries),
        "curve": list(result.curve),
    }


def entries_json(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Lines of a table as plain JSON values."""
    return [
        {
            "group": entry.group,
            "figure": entry.figure,
            "value": _defined(entry.interval.value),
            "low": _defined(entry.interval.low),
            "high": _defined(entry.interval.high),
            "n": entry.n,
            "units": entry.interval.units,
        }
        for entry in entries
    ]


def table_csv(entries: Sequence[Entry]) -> str:
    """Lines of a table as CSV; what is undefined is empty."""
    lines = entries_json(entries)
    names = ("group", "figure", "value", "low", "high", "n", "units")
    return _csv(names, [[line[name] for name in names] for line in lines])


def json_text(value: object) -> str:
    """JSON as the report's files hold it."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        OutputError: It cannot be written.
    """
    with writing(path):
        path.write_text(text, encoding="utf-8")


def _trade_off(curve: Sequence[Mapping[str, float]]) -> list[str]:
    """The trade-off at a few false-alarm rates: the laxest threshold that keeps within each."""
    lines = []
    for rate in _FALSE_ALARMS:
        within = [point for point in curve if point["false_alarm_rate"] <= rate]
        if within:
            point = within[-1]
            values = (point["threshold"], point["false_alarm_rate"], point["recall"])
            cells = " | ".join(figure_text(v) for v in (*values, point["mean_iou"], point["mcc"]))
            lines.append(f"| {rate:.0%} | {cells} |")
    if not lines:
        return []
    return [
        "",
        "Trade-off, one threshold for all names:",
        "",
        "| false alarms at most | threshold | false-alarm rate | found | mIoU of present | MCC |",
        "|---|---:|---:|---:|---:|---:|",
        *lines,
    ]


def _settings(settings: Mapping[str, Any]) -> str:
    text = ", ".join(f"{name}={value}" for name, value in settings.items() if value != "")
    return f" ({text})" if text else ""


def _csv(names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return file.getvalue()


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value
