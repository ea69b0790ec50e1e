"""``videoseg segment``: outlines of what the prompts name, through whole videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli import _inputs, _report
from videoseg.cli._plan import print_plans
from videoseg.cli._progress import Mode
from videoseg.cli._streams import print_json
from videoseg.cli.options.batch import BatchOptions
from videoseg.cli.options.cluster import ClusterOptions
from videoseg.cli.options.edges import EdgeOptions
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import ServiceOptions, ask_consent, end_if_stopped, frames_of
from videoseg.cli.options.model import ModelOptions
from videoseg.cli.options.outputs import OutputOptions
from videoseg.cli.options.prompts import PromptOptions, Text
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import SettingOptions, note_origins
from videoseg.cli.options.view import DecodingOptions, RangeOptions, RecordingOptions, ViewOptions
from videoseg.errors import PromptError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.jobs.batch import Task
    from videoseg.types import Prompt

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


@expand_groups
def segment(
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT... [TEXT]", help="Inputs, then the phrase to find in them."),
    ] = None,
    text: Text = None,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", help=f"Output folder (default: {_inputs.DEFAULT_OUT})."),
    ] = None,
    marks: PromptOptions,
    part: RangeOptions,
    view: ViewOptions,
    decoding: DecodingOptions,
    recording: RecordingOptions,
    model: ModelOptions,
    outputs: OutputOptions,
    edges: EdgeOptions,
    given: SettingOptions,
    batch: BatchOptions,
    spread: ClusterOptions,
    report: ReportOptions,
    messages: MessageOptions,
    service: ServiceOptions,
) -> None:
    """Find the objects on every frame of the inputs and write their outlines."""
    messages.set_up()
    spread.check(batch.jobs)
    settings = given.in_force(marks, part, view, decoding, recording, model, outputs, edges)
    settings = service.limited(settings, jobs=spread.processes(batch.jobs))
    note_origins(settings)
    outputs.check(settings)
    inputs, prompts = _inputs_and_prompts(words or (), text or (), marks, batch, settings)
    recording.check(inputs.locations, settings)
    folders = _inputs.output_folders(inputs, out, settings.run.model)
    files = [str(path) for path in (marks.prompts, given.config, batch.input_list) if path]
    tasks = _tasks(inputs, folders, prompts, settings, batch, files)
    if batch.dry_run:
        several, as_json = inputs.several, report.as_json
        raise typer.Exit(print_plans(tasks, batch.jobs, several=several, as_json=as_json))
    what = inputs.locations[0] if len(tasks) == 1 else f"{len(tasks)} inputs"
    frames = frames_of(inputs.locations, prompts, settings)
    ask_consent(settings, what, frames, yes=service.yes)
    if inputs.several or spread.is_remote:
        _run_several(tasks, batch.jobs, spread, report, quiet=messages.quiet)
    else:
        _run_one(tasks[0], batch.jobs, spread, report, quiet=messages.quiet)


def _inputs_and_prompts(
    words: Sequence[str],
    texts: Sequence[str],
    marks: PromptOptions,
    batch: BatchOptions,
    settings: RunConfig,
) -> tuple[_inputs.Inputs, tuple[Prompt, ...]]:
    """Where to look, and for what."""
    read = _inputs.tell_apart(
        words,
        texts=texts,
        otherwise_asked=marks.any_given(),
        listed=() if batch.input_list is None else _inputs.read_list(batch.input_list),
    )
    prompts = marks.with_texts(read.texts)
    inputs = _inputs.expand(read.inputs, settings.run.source)
    if not prompts:
        raise PromptError(
            "nothing to look for: give words, a box or a point (the last word is the phrase unless "
            "it names an input; --text gives the phrase explicitly)"
        )
    return inputs, prompts


def _tasks(
    inputs: _inputs.Inputs,
    folders: Sequence[Path | str],
    prompts: tuple[Prompt, ...],
    settings: RunConfig,
    batch: BatchOptions,
    files: Sequence[str],
) -> list[Task]:
    """One task for each input; none may replace an input or another file that is read."""
    from videoseg.jobs.batch import Task

    return [
        Task(
            location,
            folder,
            prompts,
            settings,
            overwrite=batch.overwrite,
            skip_existing=batch.skip_existing,
            resume=batch.resume,
            reads=(*inputs.locations, *files),
        )
        for location, folder in zip(inputs.locations, folders, strict=True)
    ]


def _run_one(
    task: Task, jobs: int, spread: ClusterOptions, report: ReportOptions, *, quiet: bool
) -> None:
    from videoseg.cli._running import exit_code, run_one

    outcome = run_one(task, jobs, spread, Mode.NONE if quiet else report.progress, quiet=quiet)
    if report.as_json:
        print_json(_report.as_json(outcome))
    end_if_stopped(outcome.summary)
    raise typer.Exit(exit_code([outcome]))


def _run_several(
    tasks: Sequence[Task], jobs: int, spread: ClusterOptions, report: ReportOptions, *, quiet: bool
) -> None:
    from videoseg.cli._running import exit_code, run_several

    outcomes = run_several(
        tasks, jobs, spread, Mode.NONE if quiet else report.progress, quiet=quiet
    )
    if report.as_json:
        counts = _report.tally(outcomes)
        print_json({"inputs": [_report.as_json(outcome) for outcome in outcomes], **counts})
    raise typer.Exit(exit_code(outcomes))
