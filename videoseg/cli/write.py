"""``videoseg write``: more outputs of a finished run, from its log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from videoseg.cli import _completion
from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._progress import Mode, Progress
from videoseg.cli.options.common import AsJson, Assign, Logs, Moved, Overwrite, Quiet, ShowProgress

EPILOG = """
Examples:

videoseg write out/ --write overlay

videoseg write out/ --write svg --set writers.svg.precision=3 --overwrite
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("write", epilog=EPILOG)(write)


def write(
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")],
    write: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Output to write; repeat for more.",
            autocompletion=_completion.outputs,
        ),
    ],
    assign: Assign = None,
    source: Moved = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    progress: ShowProgress = Mode.AUTO,
    log_format: Logs = LogFormat.TEXT,
    quiet: Quiet = False,
) -> None:
    """Write more outputs of a finished run without finding or tracking again."""
    from videoseg.cli._summary import say_summary
    from videoseg.jobs.rerun import Finished
    from videoseg.system.threads import Stopwatch

    begun = time.perf_counter()
    set_up(log_format, quiet=quiet)
    run = Finished(folder, assignments=assign or (), location=source)
    clock = Stopwatch()
    with Progress(run.frame_count, clock, quiet=quiet, name=str(folder), mode=progress) as shown:
        summary = run.write(write, overwrite=overwrite, clock=clock, on_frame=shown.show)
    say_summary(summary, time.perf_counter() - begun, as_json=as_json, quiet=quiet)
