"""``videoseg preview``: what a run would find, on a few frames, as one picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from videoseg.cli import _inputs
from videoseg.cli._exit_codes import PARTLY
from videoseg.cli._streams import print_json
from videoseg.cli._summary import NOT_LOOKED_FOR
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import Yes, ask_consent
from videoseg.cli.options.model import Model
from videoseg.cli.options.outputs import Overwrite
from videoseg.cli.options.prompts import PromptOptions, Text
from videoseg.cli.options.report import AsJson, MessageOptions
from videoseg.cli.options.settings import SettingOptions, note_origins
from videoseg.cli.options.view import RangeOptions, RecordingOptions
from videoseg.errors import OutputExistsError, PromptError, UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.jobs.job import Job
    from videoseg.jobs.preview import PreviewedFrame
    from videoseg.types import Prompt

DEFAULT_OUT = "{stem}.preview.png"
NOTHING_ASKED = "nothing to look for: give words, a box or a point, or --grid to read coordinates"
Places: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(metavar="TIME", help="Also show 12.5 (seconds), 250f (frame) or 1:02.5; repeat."),
]
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


@expand_groups
def preview(
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT [TEXT]", help="An input, then the phrase to find in it."),
    ] = None,
    text: Text = None,
    at: Places = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="PNG to write (default: NAME.preview.png).")
    ] = None,
    marks: PromptOptions,
    ruler: Annotated[
        bool,
        typer.Option("--grid", help="Draw lines and a ruler to read coordinates; needs no prompt."),
    ] = False,
    part: RangeOptions,
    recording: RecordingOptions,
    model: Model = None,
    width: Annotated[
        int,
        typer.Option(min=64, max=4096, metavar="PIXELS", help="Greatest width of each picture."),
    ] = 640,
    given: SettingOptions,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    messages: MessageOptions,
    yes: Yes = False,
) -> None:
    """Show a few frames before a long run: outlines, labels, scores and times in one PNG."""
    from videoseg.jobs.job import Job

    messages.set_up()
    settings = given.in_force(marks, part, recording, model=model or None)
    note_origins(settings)
    location, prompts = _input_and_prompts(words or (), text or (), marks, settings)
    recording.check([location], settings)
    if not (prompts or ruler):
        raise PromptError(NOTHING_ASKED)
    path = _free_path(out, location, overwrite=overwrite)
    _refuse_losing(path, location, prompts, settings, (marks.prompts, given.config))
    if prompts:
        frames = 3 + sum(len(prompt.cues) for prompt in prompts) + len(at or ())
        ask_consent(settings, location, lambda: frames, yes=yes)
    with Job(location, prompts, settings, asks=not ruler) as job:
        shown = _draw(job, at or (), path, width=width, ruler=ruler)
        _print_found(job, shown, path, as_json=as_json, quiet=messages.quiet)
        if job.refused:
            raise typer.Exit(PARTLY)


def _input_and_prompts(
    words: Sequence[str], texts: Sequence[str], marks: PromptOptions, settings: RunConfig
) -> tuple[str, tuple[Prompt, ...]]:
    """Where to look, and for what.

    Raises:
        UsageError: There are several inputs.
    """
    read = _inputs.tell_apart(words, texts=texts, otherwise_asked=marks.any_given())
    prompts = marks.with_texts(read.texts)
    (location, *others) = _inputs.expand(read.inputs, settings.run.source).locations
    if others:
        raise UsageError(f"preview takes one input, got {len(others) + 1}")
    return location, prompts


def _free_path(out: Path | None, location: str, *, overwrite: bool) -> Path:
    """Where the picture goes.

    Raises:
        OutputExistsError: There is something that must not be replaced.
        UsageError: The name is not that of a PNG.
    """
    name = DEFAULT_OUT.format(stem=_inputs.stem_of(location))
    path = out or Path(_inputs.fitting_name(name, DEFAULT_OUT))
    if path.suffix.lower() != ".png":
        raise UsageError(f"-o {path}: a preview is a PNG; give a name that ends in .png")
    if path.exists() and not overwrite:
        raise OutputExistsError(f"{path} exists; give another file, or --overwrite to replace it")
    return path


def _draw(
    job: Job, at: Sequence[str], path: Path, *, width: int, ruler: bool
) -> Sequence[PreviewedFrame]:
    """Look at some frames, and write the picture of them."""
    from videoseg.drawing.contact_sheet import write_png
    from videoseg.jobs.preview import draw, looks

    shown = looks(job, at)
    refused = {each.prompt for each in job.refused}
    picture = draw(
        shown,
        job.prompts,
        job.streams,
        vectorizer=job.config.outlines,
        width=width,
        refused=refused,
        ruler=ruler,
    )
    write_png(path, picture)
    return shown


def _refuse_losing(
    path: Path,
    location: str,
    prompts: Sequence[Prompt],
    settings: RunConfig,
    files: Sequence[Path | None],
) -> None:
    """Refuse to write over what is read; the file is written where it is, so links count."""
    from videoseg.prompts import mask_files
    from videoseg.runlog.lost_inputs import is_read_from

    for given in (location, *files, settings.run.ignore_mask, *mask_files(prompts)):
        if given is not None and is_read_from(path, given):
            raise UsageError(f"{given} would be lost: it is read; give another file with -o")


def _print_found(
    job: Job, shown: Sequence[PreviewedFrame], path: Path, *, as_json: bool, quiet: bool
) -> None:
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
                "places": list(look.reasons),
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
