"""``videoseg segment``: outlines of what the prompts name, through whole videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli import _inputs, _report
from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._plan import say_plans
from videoseg.cli._progress import Mode
from videoseg.cli._streams import print_json
from videoseg.cli.options import view as _options
from videoseg.cli.options.common import (
    AsJson,
    Assign,
    Config,
    End,
    Logs,
    Model,
    Outputs,
    Overwrite,
    Preset,
    Quiet,
    ShowProgress,
    Start,
)
from videoseg.cli.options.hosted import (
    MaxCalls,
    MaxCost,
    Yes,
    ask_consent,
    end_if_stopped,
    frames_of,
    with_limits,
)
from videoseg.cli.options.model import (
    BatchSize,
    Compile,
    Device,
    Offline,
    Precision,
    model_flags,
)
from videoseg.cli.options.prompts import (
    Box,
    Mask,
    NotBox,
    NotPoint,
    Point,
    PromptFile,
    RepeatPrompt,
    Shorthand,
    Text,
    prompts_of,
)
from videoseg.cli.options.scale import MEASUREMENTS, scale_setting
from videoseg.errors import PromptError, UsageError

if TYPE_CHECKING:
    from videoseg.jobs.batch import Task

EPILOG = """
INPUT is a video, a photo, an address, - for standard input, a numbered
pattern (shot.%04d.png), a folder of pictures (one sequence), a folder of
videos (each of them), or a wildcard such as "clips/*.mp4". The last word is
the phrase unless it names an input; --text gives the phrase explicitly.

Coordinates are pixels of the upright frame; --box 10%,20%,50%,60% gives them
as shares of its width and height. To read them off: videoseg preview --grid.

Fields of --out: {stem}, {name}, {parent}, {index}, {model}. Without fields
it is the output folder; for several inputs, the folder of their folders.

Exit codes: 0 done, 1 failed, 2 usage, 3 some inputs failed, a limit ended
the run or some phrases are not known, 4 a model, key or package is missing or
no phrase is known, 130 interrupted.

Examples:

videoseg segment clip.mp4 "the dog" -o out/

videoseg segment clip.mp4 --box 120,80,340,400 --point 200,150 --not-point 90,40

videoseg segment clip.mp4 --text "the dog" --text "the woman"

videoseg segment clip.mp4 --prompt "text=red cup" --prompt "label=hand;box=10,20,80,90;at=12"

videoseg segment clip.mp4 --mask cat.png

videoseg segment photo.jpg "coffee cup" --write svg

videoseg segment belt.mp4 "bottle" --write measurements --scale 0.25mm

videoseg segment day-1/ "day-2/*.mov" "the dog" -o "out/{parent}-{stem}" --jobs 2 --skip-existing
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("segment", epilog=EPILOG)(segment)


def segment(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT... [TEXT]", help="Inputs, then the phrase to find in them."),
    ] = None,
    text: Text = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help=f"Output folder (default: {_inputs.DEFAULT_OUT})."),
    ] = None,
    box: Box = None,
    not_box: NotBox = None,
    point: Point = None,
    not_point: NotPoint = None,
    mask: Mask = None,
    prompt: Shorthand = None,
    prompts: PromptFile = None,
    repeat_prompt: RepeatPrompt = False,
    start: Start = None,
    end: End = None,
    every: _options.Every = None,
    max_size: _options.MaxSize = None,
    roi: _options.Roi = None,
    ignore_mask: _options.IgnoreMask = None,
    kind: _options.Source = None,
    deinterlace: _options.Deinterlace = None,
    on_bad_frame: _options.OnBadFrame = None,
    model: Model = None,
    device: Device = None,
    precision: Precision = None,
    batch_size: BatchSize = None,
    compiled: Compile = False,
    offline: Offline = False,
    write: Outputs = None,
    scale: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Length of one pixel, for measurements: 0.25mm."),
    ] = None,
    preset: Preset = None,
    config: Config = None,
    assign: Assign = None,
    input_list: Annotated[
        Path | None,
        typer.Option(
            "--list", metavar="FILE", help="File with one input per line; - reads standard input."
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(min=1, metavar="N", help="Inputs to process at the same time.")
    ] = 1,
    overwrite: Overwrite = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run of the same command.")
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing", help="Skip inputs whose result from the same run exists."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything and show what would be done.")
    ] = False,
    as_json: AsJson = False,
    progress: ShowProgress = Mode.AUTO,
    log_format: Logs = LogFormat.TEXT,
    quiet: Quiet = False,
    yes: Yes = False,
    max_cost: MaxCost = None,
    max_calls: MaxCalls = None,
) -> None:
    """Find the objects on every frame of the inputs and write their outlines."""
    from videoseg.cli.options.settings import in_force, note_origins
    from videoseg.jobs.batch import Task

    set_up(log_format, quiet=quiet)
    given = {
        "repeat_prompt": repeat_prompt,
        "start": start,
        "end": end,
        "source": kind,
        **_options.view_flags(every, max_size, roi, ignore_mask),
        "model": model,
        "write": write,
        **model_flags(device, precision, batch_size, compiled, offline),
    }
    flags = {name: value for name, value in given.items() if value}
    reading = {"deinterlace": deinterlace, "on_bad_frame": on_bad_frame}
    assignments = [
        *_options.video_assignments(reading),
        *([] if scale is None else [scale_setting(scale)]),
        *(assign or ()),
    ]
    settings = in_force(preset, config, assignments, flags)
    settings = with_limits(settings, max_cost, max_calls, jobs=jobs)
    note_origins(settings)
    if scale is not None and MEASUREMENTS not in settings.run.write:
        raise UsageError(f"--scale is used by measurements; add --write {MEASUREMENTS}")
    marks = (box, not_box, point, not_point, mask, prompt, prompts)
    read = _inputs.tell_apart(
        words or (),
        texts=text or (),
        otherwise_asked=any(marks),
        listed=() if input_list is None else _inputs.read_list(input_list),
    )
    asked = prompts_of(read.texts, *marks)
    inputs = _inputs.expand(read.inputs, settings.run.source)
    if not asked:
        raise PromptError(
            "nothing to look for: give words, a box or a point (the last word is the phrase unless "
            "it names an input; --text gives the phrase explicitly)"
        )
    folders = _inputs.output_folders(inputs, out, settings.run.model)
    files = (str(path) for path in (prompts, config, input_list) if path is not None)
    reads = (*inputs.locations, *files)
    tasks = [
        Task(location, folder, asked, settings, overwrite, skip_existing, resume, reads)
        for location, folder in zip(inputs.locations, folders, strict=True)
    ]
    if dry_run:
        raise typer.Exit(say_plans(tasks, jobs, several=inputs.several, as_json=as_json))
    what = inputs.locations[0] if len(tasks) == 1 else f"{len(tasks)} inputs"
    ask_consent(settings, what, frames_of(inputs.locations, asked, settings), yes=yes)
    shown = Mode.NONE if quiet else progress
    _run(tasks, jobs, shown, several=inputs.several, as_json=as_json, quiet=quiet)


def _run(
    tasks: list[Task], jobs: int, shown: Mode, *, several: bool, as_json: bool, quiet: bool
) -> None:
    from videoseg.cli._running import exit_code, run_one, run_several

    if not several:
        outcome = run_one(tasks[0], shown, quiet=quiet)
        if as_json:
            print_json(_report.as_json(outcome))
        end_if_stopped(outcome.summary)
        raise typer.Exit(exit_code([outcome]))
    outcomes = run_several(tasks, jobs, shown, quiet=quiet)
    if as_json:
        counts = _report.tally(outcomes)
        print_json({"inputs": [_report.as_json(outcome) for outcome in outcomes], **counts})
    raise typer.Exit(exit_code(outcomes))
