"""``videoseg rerun``: everything after the model once more, from the log of a finished run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from videoseg.cli._progress import Progress
from videoseg.cli.options.edges import EdgeOptions
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.outputs import Moved, Outputs, Overwrite
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import Assign

EPILOG = """
Examples:

videoseg rerun out/ --set tracking.iou.smoothing=0.9 --overwrite

videoseg rerun out/ --set tracking.iou.max_gap_frames=8 -o out-bridged/

videoseg rerun out/ --two-pass -o out-two/
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("rerun", epilog=EPILOG)(rerun)


@expand_groups
def rerun(
    *,
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Output folder (default: OUT itself).")
    ] = None,
    write: Outputs = None,
    edges: EdgeOptions,
    assign: Assign = None,
    source: Moved = None,
    two_pass: Annotated[
        bool,
        typer.Option("--two-pass", help="Look at the whole run first, then follow the objects."),
    ] = False,
    overwrite: Overwrite = False,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Track, smooth and write a finished run again without running the model."""
    from videoseg.cli._summary import print_summary
    from videoseg.jobs.rerun import Finished

    begun = time.perf_counter()
    flags = {"write": write} if write else {}
    messages.set_up()
    settings = [*edges.assignments(), *(assign or ())]
    run = Finished(folder, flags=flags, assignments=settings, location=source, two_pass=two_pass)
    quiet, mode = messages.quiet, report.progress
    with (
        run.job() as job,
        Progress(job.frame_count, job.clock, quiet=quiet, name=str(folder), mode=mode) as shown,
    ):
        summary = run.rerun(job, out or folder, overwrite=overwrite, on_frame=shown.show)
    print_summary(summary, time.perf_counter() - begun, as_json=report.as_json, quiet=quiet)
