"""What a run says when it has ended: lines on stderr, one document on stdout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from videoseg.cli._logging import speaks_json, write_event
from videoseg.cli._summary import NOT_LOOKED_FOR, as_plain, count, print_review, print_times
from videoseg.cli._terminal import tell

if TYPE_CHECKING:
    from videoseg.jobs.batch import Outcome
    from videoseg.runlog.summary import Summary

_HEADINGS = ("input", "state", "frames", "objects", "seconds", "reason")


def print_outcome(outcome: Outcome) -> None:
    """What one run found, how long it took and what it wrote; or that it was there already."""
    summary = outcome.summary
    assert summary is not None  # noqa: S101 - what fails alone is raised
    if speaks_json():
        write_event("summary", **as_json(outcome))
        return
    if summary.known == summary.frames:
        tell(f"nothing to do: {summary.out} is complete already", err=True)
    for note in outcome.notes:
        tell(f"note: {note}", err=True)
    _print_found(summary, outcome.task.config.run.model)
    print_review(summary)
    print_times(summary, outcome.seconds)


def _print_found(summary: Summary, model: str) -> None:
    from videoseg import registry
    from videoseg.jobs.model_messages import models_that_could

    missing, refused = summary.not_found, {each.prompt for each in summary.refused}
    for place, (prompt, tracks, outlines) in enumerate(
        zip(summary.prompts, summary.tracks, summary.instances, strict=True)
    ):
        if place in refused:
            tell(f"{prompt.label}: {NOT_LOOKED_FOR}", err=True)
        elif prompt in missing:
            tell(
                f"not found: {prompt.label} (on none of {count(summary.frames, 'frame')}); "
                "try other words, or point at it with --box or --point; "
                f"{models_that_could(registry.card(model))}",
                err=True,
            )
        else:
            found = f"{count(tracks, 'object')}, {count(outlines, 'outline')}"
            tell(f"{prompt.label}: {found}", err=True)


def print_table(outcomes: Sequence[Outcome], begun: int) -> None:
    """One row for each input that has ended, and how many of ``begun`` ended how."""
    rows = [_HEADINGS, *map(_row, outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if 2 <= number <= 4 else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        tell("  ".join(cells).rstrip(), err=True)
    counts = tally(outcomes)
    counts["not finished"] = begun - len(outcomes)
    ended = ", ".join(f"{number} {state}" for state, number in counts.items() if number)
    tell(f"{count(begun, 'input')}: {ended}", err=True)


def tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many ended in each state."""
    counts = {"done": 0, "skipped": 0, "failed": 0}
    for outcome in outcomes:
        counts[outcome.state] += 1
    return counts


def as_json(outcome: Outcome) -> dict[str, object]:
    """An outcome as plain JSON values."""
    head: dict[str, object] = {"input": outcome.task.location, "state": outcome.state}
    if outcome.summary is None:
        out = str(outcome.task.out)
        return {**head, "out": out, "reason": outcome.reason}
    return {**head, **as_plain(outcome.summary, outcome.seconds)}


def _lacking(summary: Summary) -> str:
    """What was not found, and what was not looked for."""
    missing = ", ".join(prompt.label for prompt in summary.not_found)
    refused = ", ".join(each.label for each in summary.refused)
    parts = (f"not found: {missing}" if missing else "", f"not known: {refused}" if refused else "")
    return "; ".join(filter(None, parts))


def _row(outcome: Outcome) -> tuple[str, ...]:
    frames = objects = ""
    reason = outcome.reason
    if outcome.summary is not None:
        frames, objects = str(outcome.summary.frames), str(sum(outcome.summary.tracks))
        reason = _lacking(outcome.summary) or "; ".join(outcome.notes)
        if outcome.summary.stopped is not None:
            reason = f"stopped: {outcome.summary.stopped}"
    seconds = f"{outcome.seconds:.1f}"
    cells = (outcome.task.location, outcome.state, frames, objects, seconds, reason)
    return tuple("".join(c if c.isprintable() else "?" for c in cell) for cell in cells)
