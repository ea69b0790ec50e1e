"""``videoseg segment``: outlines of what the prompts name, through a whole video."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._model_options import (
    BatchSize,
    Compile,
    Device,
    Offline,
    Precision,
    model_flags,
)

if TYPE_CHECKING:
    from videoseg.api import Job, Summary
    from videoseg.types import Prompt

EPILOG = """
Examples:

videoseg segment clip.mp4 "the dog" -o out/

videoseg segment clip.mp4 --box 120,80,340,400 --point 200,150 --not-point 90,40

videoseg segment clip.mp4 --prompt "text=red cup" --prompt "label=hand;box=10,20,80,90;at=12"

videoseg segment photo.jpg "coffee cup" --write svg
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("segment", epilog=EPILOG)(segment)


def segment(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, photo, folder or pattern.")
    ],
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What to find, in plain words.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Output folder (default: NAME.videoseg).")
    ] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The object lies in this box.")
    ] = None,
    not_box: Annotated[
        list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="This box is not meant.")
    ] = None,
    point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="A pixel of the object.")
    ] = None,
    not_point: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="A pixel outside the object.")
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE;...", help="One object; repeat for several."),
    ] = None,
    prompts: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Prompts from a JSON file.")
    ] = None,
    repeat_prompt: Annotated[
        bool, typer.Option("--repeat-prompt", help="Boxes and points hold on every frame.")
    ] = False,
    start: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Begin at 12.5 (seconds), 250f, 1:02.5.")
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Stop before this place.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model or auto; see `videoseg models`.")
    ] = None,
    device: Device = None,
    precision: Precision = None,
    batch_size: BatchSize = None,
    compiled: Compile = False,
    offline: Offline = False,
    write: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Output to make; repeat for several.")
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Settings by name.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings from a TOML file.")
    ] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="PART.KEY=VALUE", help="One setting.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace outputs of an earlier run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would be done.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON on stdout.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")] = False,
) -> None:
    """Find what the prompts name on every frame and write its outlines."""
    from videoseg.api import Job
    from videoseg.config import load

    asked = _prompts(text, box, not_box, point, not_point, prompt, prompts)
    given = {
        "repeat_prompt": repeat_prompt,
        "start": start,
        "end": end,
        "model": model,
        "write": write,
        **model_flags(device, precision, batch_size, compiled, offline),
    }
    flags = {name: value for name, value in given.items() if value}
    settings = load(preset=preset, file=config, flags=flags, assignments=assign or ())
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(format="note: %(message)s", level=level, force=True)
    folder = out if out is not None else Path(f"{Path(source).stem}.videoseg")
    with Job(source, asked, settings) as job:
        if dry_run:
            _say_plan(job, folder, as_json)
            return
        summary = _run(job, folder, overwrite=overwrite, quiet=quiet)
    if not quiet:
        _say_summary(summary, job)
    if as_json:
        typer.echo(json.dumps(_as_json(summary), indent=2, ensure_ascii=False))


def _prompts(
    text: str | None,
    boxes: list[str] | None,
    not_boxes: list[str] | None,
    points: list[str] | None,
    not_points: list[str] | None,
    shorthand: list[str] | None,
    file: Path | None,
) -> tuple[Prompt, ...]:
    """The prompts of one command line; bare boxes and points belong to the bare text."""
    from videoseg.prompts import by_hand, load_prompts, parse_numbers, parse_prompt
    from videoseg.types import Prompt

    def numbers(values: list[str] | None, count: int, flag: str) -> list[tuple[float, ...]]:
        return [parse_numbers(value, count, flag) for value in values or ()]

    cues = by_hand(
        boxes=numbers(boxes, 4, "--box"),
        not_boxes=numbers(not_boxes, 4, "--not-box"),
        points=numbers(points, 2, "--point"),
        not_points=numbers(not_points, 2, "--not-point"),
    )
    found: list[Prompt] = []
    if text is not None or cues:
        found.append(Prompt(label=text or "object", text=text, cues=cues))
    found += [parse_prompt(item) for item in shorthand or ()]
    if file is not None:
        found += load_prompts(file)
    return tuple(found)


def _run(job: Job, folder: Path, *, overwrite: bool, quiet: bool) -> Summary:
    from videoseg.cli._progress import Progress

    with Progress(job.frame_count, job.clock, quiet=quiet) as progress:
        return job.run(folder, overwrite=overwrite, on_frame=progress.show)


def _say_plan(job: Job, folder: Path, as_json: bool) -> None:
    plan = {
        "streams": {
            name: f"{info.width} x {info.height}, {info.frame_count or 'unknown'} frames"
            for name, info in job.streams.items()
        },
        "prompts": [prompt.label for prompt in job.prompts],
        "model": job.card.name,
        "out": str(folder),
        "outputs": list(job.produces()),
    }
    if as_json:
        typer.echo(json.dumps(plan, indent=2, ensure_ascii=False))
        return
    for key, value in plan.items():
        shown = (
            ", ".join(value)
            if isinstance(value, Sequence) and not isinstance(value, str)
            else value
        )
        if isinstance(value, dict):
            shown = "; ".join(f"{name}: {what}" for name, what in value.items())
        typer.echo(f"{key:8} {shown}", err=True)


def _say_summary(summary: Summary, job: Job) -> None:
    from videoseg.api import models_that_could

    for note in job.notes:
        typer.echo(f"note: {note}", err=True)
    missing = summary.not_found
    for prompt, tracks, count in zip(
        summary.prompts, summary.tracks, summary.instances, strict=True
    ):
        if prompt in missing:
            typer.echo(
                f"not found: {prompt.label} (on none of {_count(summary.frames, 'frame')}); "
                "try other words, or point at it with --box or --point; "
                f"{models_that_could(job.card)}",
                err=True,
            )
        else:
            found = f"{_count(tracks, 'object')}, {_count(count, 'outline')}"
            typer.echo(f"{prompt.label}: {found}", err=True)
    spent = sorted(summary.seconds.items(), key=lambda item: -item[1])
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in spent if name != "wait")
    idle = "" if summary.idle is None else f"; model idle {summary.idle:.0%} of its time"
    typer.echo(f"{_count(summary.frames, 'frame')}; {times}{idle}", err=True)
    typer.echo(f"wrote {', '.join(summary.outputs)} in {summary.out}", err=True)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _as_json(summary: Summary) -> dict[str, object]:
    return {
        "out": str(summary.out),
        "outputs": list(summary.outputs),
        "frames": summary.frames,
        "prompts": [
            {"label": prompt.label, "found": count > 0, "tracks": tracks, "outlines": count}
            for prompt, tracks, count in zip(
                summary.prompts, summary.tracks, summary.instances, strict=True
            )
        ],
        "seconds": {name: round(spent, 3) for name, spent in summary.seconds.items()},
        "idle": None if summary.idle is None else round(summary.idle, 4),
    }
