"""``videoseg preview``: what a run would find, on a few frames, as one picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli import _inputs
from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._plan import SOME_REFUSED
from videoseg.cli._streams import print_json
from videoseg.cli._summary import NOT_LOOKED_FOR
from videoseg.cli._terminal import tell
from videoseg.cli.options.common import (
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
from videoseg.cli.options.hosted import Yes, ask_consent
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
from videoseg.errors import OutputExistsError, PromptError, UsageError

if TYPE_CHECKING:
    from videoseg.jobs.job import Job
    from videoseg.jobs.preview import Look

DEFAULT_OUT = "{stem}.preview.png"
EPILOG = """
Shows the first, middle and last frame, the frames with boxes or points, and those of --at.
A phrase is looked for on each of them. An object that is marked with a box or point is followed
for at most 24 steps of up to 4 frames; frames after that, and those before the mark, are shown
without it. With a model that is a service it is not followed.

Examples:

videoseg preview clip.mp4 "the dog" --at 12.5

videoseg preview clip.mp4 --prompt "label=hand;box=10,20,80,90;at=12" -o hand.png

videoseg preview clip.mp4 --grid --at 40f
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("preview", epilog=EPILOG)(preview)


def preview(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT [TEXT]", help="An input, then the phrase to find in it."),
    ] = None,
    text: Text = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIME", help="Also show 12.5 (seconds), 250f (frame) or 1:02.5; repeat."
        ),
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
    ruler: Annotated[
        bool,
        typer.Option("--grid", help="Draw lines and a ruler to read coordinates; needs no prompt."),
    ] = False,
    start: Start = None,
    end: End = None,
    model: Model = None,
    width: Annotated[
        int,
        typer.Option(min=64, max=4096, metavar="PIXELS", help="Greatest width of each picture."),
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
    """Show a few frames before a long run: outlines, labels, scores and times in one PNG."""
    from videoseg.cli.options.settings import in_force, note_origins
    from videoseg.drawing.contact_sheet import write_png
    from videoseg.jobs.job import Job
    from videoseg.jobs.preview import draw, looks
    from videoseg.prompts import mask_files

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
        raise UsageError(f"preview takes one input, got {len(others) + 1}")
    name = DEFAULT_OUT.format(stem=_inputs.stem_of(location))
    path = out or Path(_inputs.fitting_name(name, DEFAULT_OUT))
    if path.suffix.lower() != ".png":
        raise UsageError(f"-o {path}: a preview is a PNG; give a name that ends in .png")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give another file, or --overwrite to replace it")
    if not (asked or ruler):
        raise PromptError(
            "nothing to look for: give words, a box or a point, or --grid to read coordinates"
        )
    others_read = (prompts, config, settings.run.ignore_mask, *mask_files(asked))
    _refuse_own_input(path, (location, *others_read))
    if asked:
        marked = sum(len(prompt.cues) for prompt in asked)
        ask_consent(settings, location, lambda: 3 + marked + len(at or ()), yes=yes)
    with Job(location, asked, settings, asks=not ruler) as job:
        shown = looks(job, at or ())
        refused = {each.prompt for each in job.refused}
        streams = job.streams
        picture = draw(
            shown,
            job.prompts,
            streams,
            vectorizer=job.config.outlines,
            width=width,
            refused=refused,
            ruler=ruler,
        )
        write_png(path, picture)
        _say(job, shown, path, as_json=as_json, quiet=quiet)
        if refused:
            raise typer.Exit(SOME_REFUSED)


def _refuse_own_input(path: Path, read: Sequence[str | Path | None]) -> None:
    """Refuse to write over what is read; the file is written where it is, so links count."""
    from videoseg.runlog.lost_inputs import is_read_from

    for given in read:
        if given is not None and is_read_from(path, given):
            raise UsageError(f"{given} would be lost: it is read; give another file with -o")


def _say(job: Job, shown: Sequence[Look], path: Path, *, as_json: bool, quiet: bool) -> None:
    if not quiet:
        for note in job.notes:
            tell(f"note: {note}", err=True)
        refused = {each.prompt for each in job.refused}
        for number, prompt in enumerate(job.prompts):
            on = sum(bool(look.scores(number)) for look in shown)
            found = f"found on {on} of {len(shown)} frames"
            tell(f"{prompt.label}: {NOT_LOOKED_FOR if number in refused else found}", err=True)
        tell(f"wrote {path}", err=True)
    if as_json:
        frames = [
            {
                "places": list(look.places),
                "followed": look.followed,
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
        print_json(document)
