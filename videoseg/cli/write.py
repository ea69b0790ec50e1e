"""``videoseg write``: more outputs of a finished run, from its log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from videoseg.cli._common import AsJson, Assign, Moved, Overwrite, Quiet

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
        list[str], typer.Option(metavar="NAME", help="Output to make; repeat for several.")
    ],
    assign: Assign = None,
    source: Moved = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write more outputs of what a finished run has drawn; nothing is found or tracked anew."""
    from videoseg.cli._progress import Progress
    from videoseg.cli._summary import say_summary
    from videoseg.redo import Finished
    from videoseg.threads import Stopwatch

    run = Finished(folder, assignments=assign or (), location=source)
    clock = Stopwatch()
    with Progress(run.frame_count, clock, quiet=quiet) as progress:
        summary = run.write(write, overwrite=overwrite, clock=clock, on_frame=progress.show)
    say_summary(summary, as_json=as_json, quiet=quiet)
