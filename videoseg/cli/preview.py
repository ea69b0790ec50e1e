"""``videoseg preview``: what a run would find, on a few frames, as one picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli import _inputs
from videoseg.cli._common import (
    AsJson,
    Assign,
    Config,
    End,
    Logs,
    Model,
    Overwrite,
    Preset,
    Quiet,
    Start,
)
from videoseg.cli._hosted_options import Yes, ask_consent
from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._plan import SOME_REFUSED
from videoseg.cli._prompts import (
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
from videoseg.cli._summary import NOT_LOOKED_FOR
from videoseg.errors import OutputExistsError, UsageError

if TYPE_CHECKING:
    from videoseg.api import Job
    from videoseg.preview import Look

EPILOG = """
Shows the first, middle and last frame, the frames that prompts are marked on, and those of --at.
Each is asked for itself: what is marked by hand is shown on its own frame and not followed.

Examples:

videoseg preview clip.mp4 "the dog" --at 12.5

videoseg preview clip.mp4 --prompt "label=hand;box=10,20,80,90;at=12" -o hand.png
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("preview", epilog=EPILOG)(preview)


def preview(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT [TEXT]", help="An input, and what to find in it, in plain words."
        ),
    ] = None,
    text: Text = None,
    at: Annotated[
        list[str] | None,
        typer.Option(metavar="PLACE", help="Show also 12.5 (seconds), 250f, 1:02.5; repeat."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="PNG to write (default: NAME.preview.png).")
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
    model: Model = None,
    width: Annotated[
        int, typer.Option(min=64, max=4096, metavar="PIXELS", help="Of each picture, at most.")
    ] = 640,
    preset: Preset = None,
    config: Config = None,
    assign: Assign = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    log_format: Logs = LogFormat.TEXT,
    quiet: Quiet = False,
    yes: Yes = False,
) -> None:
    """Look at a few frames before a long run: outlines, labels, scores and times in one PNG."""
    from videoseg.api import Job
    from videoseg.cli._settings import in_force, note_origins
    from videoseg.contact_sheet import write_png
    from videoseg.preview import draw, looks

    given = {"repeat_prompt": repeat_prompt, "start": start, "end": end, "model": model}
    flags = {name: value for name, value in given.items() if value}
    set_up(log_format, quiet=quiet)
    settings = in_force(preset, config, assign, flags)
    note_origins(settings)
    marks = (box, not_box, point, not_point, mask, prompt, prompts)
    read = _inputs.tell_apart(words or (), texts=text or (), otherwise_asked=any(marks))
    asked = prompts_of(read.texts, *marks)
    (location, *others) = _inputs.expand(read.inputs, settings.run.source).locations
    if others:
        raise UsageError(f"a preview is of one input, got {len(others) + 1}")
    path = out or Path(f"{_inputs.stem_of(location)}.preview.png")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give another file, or --overwrite to replace it")
    marked = sum(len(prompt.cues) for prompt in asked)
    ask_consent(settings, location, lambda: 3 + marked + len(at or ()), yes=yes)
    with Job(location, asked, settings) as job:
        shown = looks(job, at or ())
        refused = {each.prompt for each in job.refused}
        picture = draw(shown, job.prompts, job.streams, width=width, refused=refused)
        write_png(path, picture)
        _say(job, shown, path, as_json=as_json, quiet=quiet)
        if refused:
            raise typer.Exit(SOME_REFUSED)


def _say(job: Job, shown: Sequence[Look], path: Path, *, as_json: bool, quiet: bool) -> None:
    if not quiet:
        for note in job.notes:
            typer.echo(f"note: {note}", err=True)
        refused = {each.prompt for each in job.refused}
        for number, prompt in enumerate(job.prompts):
            on = sum(bool(look.scores(number)) for look in shown)
            found = f"found on {on} of {len(shown)} frames"
            typer.echo(
                f"{prompt.label}: {NOT_LOOKED_FOR if number in refused else found}", err=True
            )
        typer.echo(f"wrote {path}", err=True)
    if as_json:
        frames = [
            {
                "places": list(look.places),
                "frame": look.frame.index,
                "seconds": float(look.frame.seconds),
                "scores": {
                    prompt.label: [round(score, 4) for score in look.scores(number)]
                    for number, prompt in enumerate(job.prompts)
                },
            }
            for look in shown
        ]
        document = {
            "out": str(path),
            "frames": frames,
            "notes": [*job.model_notes, *job.notes],
            "refused": [dataclasses.asdict(each) for each in job.refused],
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
