"""Several inputs at once, and what happens where there are results already."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from videoseg.cli.options.outputs import Overwrite


@dataclass(frozen=True)
class BatchOptions:
    """Which inputs there are beside those that are named, and how they are gone through."""

    input_list: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="File with one input per line; - reads standard input."
        ),
    ] = None
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes: for several inputs, so many at a time; for one, parts of it.",
        ),
    ] = 1
    overwrite: Overwrite = False
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run of the same command.")
    ] = False
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Skip inputs whose result from the same run exists."),
    ] = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show what would be done.")
    ] = False
