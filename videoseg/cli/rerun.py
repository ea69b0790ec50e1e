"""``videoseg rerun``: everything after the model once more, from the log of a finished run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._logging import speaks_json
from videoseg.cli._progress import Progress
from videoseg.cli._terminal import tell
from videoseg.cli.options.edges import EdgeOptions
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import Yes, ask_consent, end_if_stopped
from videoseg.cli.options.outputs import Moved, Outputs, Overwrite
from videoseg.cli.options.prompts import AddedOptions
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import Assign

if TYPE_CHECKING:
    from videoseg.jobs.job import Job
    from videoseg.jobs.rerun import Finished
    from videoseg.pipeline import Tally
    from videoseg.runlog.summary import Summary

EPILOG = """
Examples:

videoseg rerun out/ --set tracking.iou.smoothing=0.9 --overwrite

videoseg rerun out/ --set tracking.iou.max_gap_frames=8 -o out-bridged/

videoseg rerun out/ --two-pass -o out-two/

videoseg rerun out/ --box 10,20,80,90 --at 200f --overwrite

videoseg rerun out/ --prompt "label=hand;point=200,150;at=40" -o out-hand/
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
    added: AddedOptions,
    source: Moved = None,
    two_pass: Annotated[
        bool,
        typer.Option("--two-pass", help="Look at the whole run first, then follow the objects."),
    ] = False,
    overwrite: Overwrite = False,
    yes: Yes = False,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Track, smooth and write a finished run again without running the model.

    With new prompts the model is asked about what they change: a box, point or mask that has the
    label of an object corrects it, any other one is a new object.
    """
    from videoseg.jobs.rerun import Finished

    flags = {"write": write} if write else {}
    messages.set_up()
    settings = [*edges.assignments(), *(assign or ())]
    run = Finished(folder, flags=flags, assignments=settings, location=source, two_pass=two_pass)
    if asks := added.add_to(run):
        ask_consent(run.config, str(folder), lambda: run.frame_count, yes=yes)
    reads = [] if added.prompts is None else [str(added.prompts)]

    def go_on(job: Job, on_frame: Callable[[Tally], None]) -> Summary:
        return run.rerun(
            job,
            out or folder,
            overwrite=overwrite,
            resume=added.resume,
            on_frame=on_frame,
            reads=reads,
        )

    summary = _followed(run, go_on, report, messages, asks=bool(asks))
    if asks:
        end_if_stopped(summary)


def _followed(
    run: Finished,
    go_on: Callable[[Job, Callable[[Tally], None]], Summary],
    report: ReportOptions,
    messages: MessageOptions,
    *,
    asks: bool,
) -> Summary:
    """Go on with a run, show how far it is, and say what became of it."""
    from videoseg.cli._summary import print_summary

    begun, quiet = time.perf_counter(), messages.quiet
    name, mode = str(run.folder), report.progress
    with (
        run.job() as job,
        Progress(job.frame_count, job.clock, quiet=quiet, name=name, mode=mode) as shown,
    ):
        summary = go_on(job, shown.show)
    if asks and not quiet:
        _say_asked(summary)
    print_summary(summary, time.perf_counter() - begun, as_json=report.as_json, quiet=quiet)
    return summary


def _say_asked(summary: Summary) -> None:
    """Say about how many frames the model was asked; JSON says it as ``known``."""
    from videoseg.cli._summary import count

    if not speaks_json():
        asked = summary.frames - summary.known
        tell(f"the model was asked about {asked} of {count(summary.frames, 'frame')}", err=True)
