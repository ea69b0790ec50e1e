"""``videoseg eval table``: several models over the public image sets, beside published figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._evaluation import print_file, progress, refuse_data
from videoseg.cli._exit_codes import PARTLY
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.evaluation import (
    AtOnce,
    Price,
    ResultsAsJson,
    SampleOptions,
    TableOptions,
)
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import Yes, ask_consent, without_cache
from videoseg.cli.options.report import Quiet
from videoseg.cli.options.settings import SettingOptions

if TYPE_CHECKING:
    from videoseg.evaluate.leaderboard.cells import Cell
    from videoseg.evaluate.leaderboard.readiness import Entrant

EPILOG = """
Example: videoseg eval table data/ --models embedded,moondream --max-cost 5 -o out/
"""


@expand_groups
def table(
    *,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder with refcoco, refcoco+, refcocog, refcoco-m and lvis."
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for runs and table.")] = Path(
        "table.eval"
    ),
    shown: TableOptions,
    samples: SampleOptions,
    at_once: AtOnce = 1,
    price: Price = None,
    given: SettingOptions,
    yes: Yes = False,
    as_json: ResultsAsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure models on the public image sets, beside published figures.

    Answers are kept, so that a table goes on where it was; what cannot be measured has a reason.
    """
    from videoseg.evaluate.leaderboard.forecast import missing_lines
    from videoseg.evaluate.leaderboard.run import measure_all

    refuse_data(out, data)
    entrants = _entrants(shown.models, given)
    if shown.dry_run:
        _forecast(data, entrants, out, limit=samples.limit, as_json=as_json)
        return
    for each in entrants:
        if each.lacks is None:
            ask_consent(each.config, str(data), lambda: samples.limit, yes=yes)
    with progress(quiet) as (on_start, on_sample):
        cells = measure_all(
            data,
            entrants,
            out,
            max_cost=shown.max_cost,
            at_once=at_once,
            **dataclasses.asdict(samples),
            on_start=on_start,
            on_sample=on_sample,
        )
    _write(cells, [each.name for each in entrants], out, price, as_json=as_json, quiet=quiet)
    if not quiet:
        tell(*missing_lines(data), err=True)
    _end(cells)


def _entrants(models: str, given: SettingOptions) -> list[Entrant]:
    """The models that are named, each with its settings."""
    from videoseg.errors import UsageError
    from videoseg.evaluate.leaderboard.readiness import entrant

    names = list(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    if not names:
        raise UsageError("--models names no model")
    # The run folders keep answers; a service's own cache would only spoil the times.
    return [entrant(without_cache(given.in_force(model=name))) for name in names]


def _forecast(
    data: Path, entrants: Sequence[Entrant], out: Path, *, limit: int | None, as_json: bool
) -> None:
    """Print what the table would take; nothing is asked."""
    from videoseg.evaluate.leaderboard.forecast import extents, forecast, missing_lines
    from videoseg.evaluate.leaderboard.markdown import forecast_json, forecast_lines

    there = extents(data, limit=limit)
    found = [forecast(each, there, out) for each in entrants]
    if as_json:
        print_json(forecast_json(there, found, missing_lines(data)))
    else:
        tell(*forecast_lines(there, found, missing_lines(data)))


def _write(
    cells: Sequence[Cell],
    models: Sequence[str],
    out: Path,
    price: float | None,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the table, if anything was measured, and print it."""
    from videoseg.errors import SourceError
    from videoseg.evaluate.leaderboard.markdown import table_json, table_markdown
    from videoseg.evaluate.report import json_text, write_text

    if all(cell.result is None for cell in cells):
        reasons = dict.fromkeys(f"{cell.model}: {cell.reason}" for cell in cells)
        raise SourceError(f"nothing could be measured; --dry-run says more ({'; '.join(reasons)})")
    shown = table_json(cells, models, price)
    write_text(out / "table.md", table_markdown(cells, models, price))
    write_text(out / "table.json", json_text(shown))
    if as_json:
        print_json(shown)
    elif not quiet:
        print_file(out / "table.md")


def _end(cells: Sequence[Cell]) -> None:
    """End with the exit code for what was stopped or skipped, or failed though it was there."""
    stopped = [cell for cell in cells if cell.result is not None and cell.reason is not None]
    failed = [cell for cell in cells if cell.failed]
    for cell in (*stopped, *failed):
        tell(f"videoseg: {cell.model} on {cell.row.name}: {cell.reason}", err=True)
    skipped = any(cell.result.skipped for cell in cells if cell.result is not None)
    if stopped or failed or skipped:
        raise typer.Exit(PARTLY)
