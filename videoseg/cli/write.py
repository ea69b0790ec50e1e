"""``videoseg write``: more outputs of a finished run, from its log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._progress import Progress
from videoseg.cli.options.edges import EdgeOptions
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.outputs import NAMES, Moved, Overwrite
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import Assign
from videoseg.errors import SourceError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig

EPILOG = """
Examples:

videoseg write out/ --write overlay,animated-svg

videoseg write out/ --write svg --set writers.svg.precision=3 --overwrite
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("write", epilog=EPILOG)(write)


@expand_groups
def write(
    *,
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")],
    write: Annotated[list[str], NAMES],
    edges: EdgeOptions,
    assign: Assign = None,
    source: Moved = None,
    overwrite: Overwrite = False,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Write more outputs of a finished run without finding or tracking again."""
    from videoseg.cli._summary import print_summary
    from videoseg.jobs.rerun import Finished
    from videoseg.system.threads import Stopwatch

    begun = time.perf_counter()
    messages.set_up()
    settings = [*edges.assignments(), *(assign or ())]
    run = Finished(folder, assignments=settings, location=source)
    clock, quiet, mode = Stopwatch(), messages.quiet, report.progress
    with Progress(run.frame_count, clock, quiet=quiet, name=str(folder), mode=mode) as shown:
        try:
            summary = run.write(write, overwrite=overwrite, clock=clock, on_frame=shown.show)
        except SourceError as error:
            if drawn := _drawn(write, run.config):
                error.add_note(f"its frames are needed for {', '.join(drawn)}")
            raise
    print_summary(summary, time.perf_counter() - begun, as_json=report.as_json, quiet=quiet)


def _drawn(names: Sequence[str], config: RunConfig) -> list[str]:
    """Those outputs that are made of the input's frames."""
    from videoseg.config.tables import output_kind
    from videoseg.protocols import Writer

    parts = {name: config.part(output_kind(name), name) for name in names}
    return [name for name, part in parts.items() if isinstance(part, Writer) and part.needs_image]
