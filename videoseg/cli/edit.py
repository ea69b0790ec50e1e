"""``videoseg edit``: corrections of a finished run's tracks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from videoseg.cli._edits import as_plain, entry_lines, entry_text, older_line
from videoseg.cli._logging import speaks_json, write_event
from videoseg.cli._progress import Progress
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.outputs import Moved
from videoseg.cli.options.report import MessageOptions, ReportOptions

if TYPE_CHECKING:
    from videoseg.jobs.edits import RunEdits

EPILOG = """
OUT is the folder of a finished run, TRACK the id of a track in it: `videoseg info OUT` lists them.
Frames are given as 12.5 (seconds), 250f (frame), 1:02.5 or a timecode. An edit changes no output
that is there: it says which ones are older now, and --renew writes them again at once.

Examples:

videoseg edit out/ rename 3 "left hand"

videoseg edit out/ merge 3 7

videoseg edit out/ split 3 --at 120f

videoseg edit out/ delete 3 --from 40f --to 60f

videoseg edit out/ outline 3 --at 40f --svg-path "M10 10H50V40H10Z"

videoseg edit out/ undo
"""

Id: TypeAlias = Annotated[int, typer.Argument(metavar="TRACK", min=1, help="Id of a track.")]
At: TypeAlias = Annotated[str, typer.Option(metavar="TIME", help="The frame: 12.5 or 250f.")]
From: TypeAlias = Annotated[
    str | None, typer.Option("--from", metavar="TIME", help="From this time or frame on.")
]
To: TypeAlias = Annotated[
    str | None, typer.Option("--to", metavar="TIME", help="Up to the frame before this one.")
]


@dataclass(frozen=True)
class EditOptions:
    """What is done beside the edit."""

    renew: Annotated[
        bool, typer.Option("--renew", help="Write outputs that are older than the edits again.")
    ] = False
    source: Moved = None


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    verbs = typer.Typer(no_args_is_help=True, epilog=EPILOG)
    verbs.callback()(edit)
    for name, verb in _VERBS.items():
        verbs.command(name)(verb)
    app.add_typer(verbs, name="edit")


def edit(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="OUT", help="Folder of a finished run.")],
) -> None:
    """Correct the tracks of a finished run: rename, merge, split, delete, hide, redraw, undo."""
    context.obj = folder


@expand_groups
def rename(
    *,
    context: typer.Context,
    track: Id,
    label: Annotated[str, typer.Argument(metavar="LABEL", help="Its new name.")],
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Give a track another label."""
    _run(context, options, report, messages, lambda run: run.rename(track, label))


@expand_groups
def merge(
    *,
    context: typer.Context,
    track: Id,
    other: Annotated[
        int, typer.Argument(metavar="OTHER", min=1, help="The track that becomes part of it.")
    ],
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Make one track of two, which keeps the id and the label of the first.

    Where both are on a frame, their pixels are united.
    """
    _run(context, options, report, messages, lambda run: run.merge(track, other))


@expand_groups
def split(
    *,
    context: typer.Context,
    track: Id,
    at: At,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Make two tracks of one: from a frame on it has a new id, the next one that is free."""
    _run(context, options, report, messages, lambda run: run.split(track, run.index_of(at, track)))


@expand_groups
def delete(
    *,
    context: typer.Context,
    track: Id,
    start: From = None,
    stop: To = None,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Leave a track out of all outputs, everywhere or between two frames."""
    _run(
        context,
        options,
        report,
        messages,
        lambda run: run.delete(track, *_between(run, track, start, stop)),
    )


@expand_groups
def hide(
    *,
    context: typer.Context,
    track: Id,
    start: From = None,
    stop: To = None,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Draw a track nowhere; jsonl, parquet and Python keep it and say that it is hidden."""
    _run(
        context,
        options,
        report,
        messages,
        lambda run: run.hide(track, *_between(run, track, start, stop)),
    )


@expand_groups
def outline(
    *,
    context: typer.Context,
    track: Id,
    at: At,
    path: Annotated[
        str | None,
        typer.Option("--svg-path", metavar="DATA", help="SVG path data in pixels of the frame."),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PNG or SVG of the frame's size.")
    ] = None,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Give a track another outline on one frame, drawn by hand."""
    _run(
        context,
        options,
        report,
        messages,
        lambda run: run.outline(track, run.index_of(at, track), path, mask),
    )


@expand_groups
def undo(
    *,
    context: typer.Context,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Take back the last edit; again for the one before it."""
    _run(context, options, report, messages, lambda run: run.undo())


@expand_groups
def redo(
    *,
    context: typer.Context,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
) -> None:
    """Bring back the edit that was taken back last."""
    _run(context, options, report, messages, lambda run: run.redo())


def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List all edits, and which outputs are older."""
    from videoseg.jobs.edits import RunEdits

    edits = RunEdits(context.obj)
    if as_json:
        print_json(as_plain(edits))
        return
    tell(*entry_lines(edits))
    if not edits.log.entries:
        tell("no edits")
    if (older := older_line(edits)) is not None:
        tell(older)


_VERBS: dict[str, Callable[..., None]] = {
    "rename": rename,
    "merge": merge,
    "split": split,
    "delete": delete,
    "hide": hide,
    "outline": outline,
    "undo": undo,
    "redo": redo,
    "list": show,
}


def _between(
    run: RunEdits, track: int, start: str | None, stop: str | None
) -> tuple[int | None, int | None]:
    """The frames between two places."""
    first = None if start is None else run.index_of(start, track)
    return first, None if stop is None else run.index_of(stop, track, ends=True)


def _run(
    context: typer.Context,
    options: EditOptions,
    report: ReportOptions,
    messages: MessageOptions,
    change: Callable[[RunEdits], RunEdits],
) -> None:
    """Make one edit, say what it was, and renew outputs if that is wished."""
    from videoseg.jobs.edits import RunEdits

    messages.set_up()
    edits = change(RunEdits(context.obj))
    made = edits.log.entries[-1]
    if not messages.quiet and not speaks_json():
        tell(f"edit {made.id}: {entry_text(made)}", err=True)
    if options.renew and edits.older():
        _renew(edits, options, report, messages)
        edits = RunEdits(context.obj)
    older = older_line(edits)
    if speaks_json() and not messages.quiet:
        write_event("edit", **made.to_json(), older=list(edits.older()))
    elif older is not None and not messages.quiet:
        tell(older, err=True)
    if report.as_json:
        print_json(as_plain(edits))


def _renew(
    edits: RunEdits, options: EditOptions, report: ReportOptions, messages: MessageOptions
) -> None:
    from videoseg.cli._summary import print_summary
    from videoseg.jobs.rerun import Finished
    from videoseg.system.threads import Stopwatch

    begun, clock = time.perf_counter(), Stopwatch()
    run = Finished(edits.folder, location=options.source)
    quiet, name, mode = messages.quiet, str(edits.folder), report.progress
    with Progress(run.frame_count, clock, quiet=quiet, name=name, mode=mode) as shown:
        summary = run.write(edits.older(), overwrite=True, clock=clock, on_frame=shown.show)
    print_summary(summary, time.perf_counter() - begun, as_json=False, quiet=quiet)
