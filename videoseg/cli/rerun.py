"""``videoseg rerun``: everything after the model once more, from the log of a finished run."""

from __future__ import annotations

import time
from collections.abc import Sequence
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
from videoseg.cli.options.prompts import MarkOptions, Text
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import Assign
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.jobs.rerun import Finished

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
    text: Text = None,
    marks: MarkOptions,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Frame of boxes, points and masks: 12.5 or 250f."),
    ] = None,
    source: Moved = None,
    two_pass: Annotated[
        bool,
        typer.Option("--two-pass", help="Look at the whole run first, then follow the objects."),
    ] = False,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted rerun with new prompts.")
    ] = False,
    yes: Yes = False,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Track, smooth and write a finished run again without running the model.

    With new prompts the model is asked about what they change: a box, point or mask that has the
    label of an object corrects it, any other one is a new object.
    """
    from videoseg.cli._summary import count, print_summary
    from videoseg.jobs.rerun import Finished

    begun = time.perf_counter()
    flags = {"write": write} if write else {}
    messages.set_up()
    settings = [*edges.assignments(), *(assign or ())]
    run = Finished(folder, flags=flags, assignments=settings, location=source, two_pass=two_pass)
    asks = _add(run, text or (), marks, at)
    if asks:
        ask_consent(run.config, str(folder), lambda: run.frame_count, yes=yes)
    quiet, mode = messages.quiet, report.progress
    reads = [] if marks.prompts is None else [str(marks.prompts)]
    with (
        run.job() as job,
        Progress(job.frame_count, job.clock, quiet=quiet, name=str(folder), mode=mode) as shown,
    ):
        summary = run.rerun(
            job,
            out or folder,
            overwrite=overwrite,
            resume=resume,
            on_frame=shown.show,
            reads=reads,
        )
    if asks and not quiet and not speaks_json():
        asked = summary.frames - summary.known
        tell(f"the model was asked about {asked} of {count(summary.frames, 'frame')}", err=True)
    print_summary(summary, time.perf_counter() - begun, as_json=report.as_json, quiet=quiet)
    if asks:
        end_if_stopped(summary)


def _add(run: Finished, texts: Sequence[str], marks: MarkOptions, at: str | None) -> bool:
    """Add prompts to a run; whether there are any.

    Raises:
        PromptError: One does not fit.
        UsageError: There is a place and nothing that lies there.
    """
    if at is not None and not marks.marked:
        raise UsageError("--at says on which frame --box, --point or --mask lies; give one of them")
    if not texts and not marks.any_given():
        return False
    run.add(marks.with_texts(texts, 0 if at is None else run.index_of(at)))
    return True
