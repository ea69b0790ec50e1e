"""``videoseg bench``: average time and cost per 1,000 images, for any model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.hosted import (
    STOPPED,
    MaxCalls,
    MaxCost,
    Yes,
    ask_consent,
    with_limits,
    without_cache,
)

if TYPE_CHECKING:
    from videoseg.evaluate.bench import Measured
    from videoseg.protocols import FrameSource
    from videoseg.types import Frame

EPILOG = """
Examples:

videoseg bench clip.mp4 "the dog" --model embedded --price 0.80

videoseg bench photo.jpg "coffee cup" --model moondream --count 5 --max-cost 0.10
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("bench", epilog=EPILOG)(bench)


def bench(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, photo, folder or pattern.")
    ],
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="Phrase to find.")] = None,
    box: Annotated[
        list[str] | None, typer.Option(metavar="X1,Y1,X2,Y2", help="The object is in this box.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Model to use; see `videoseg models`.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of images to measure.")] = 20,
    price: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="PER_HOUR", help="Price of this machine in US dollars per hour."
        ),
    ] = None,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Use a preset.")] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read settings from a TOML file.")
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PART.KEY=VALUE", help="Change one setting."),
    ] = None,
    yes: Yes = False,
    max_cost: MaxCost = None,
    max_calls: MaxCalls = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")] = False,
) -> None:
    """Measure the average time and cost of a model on the first images of an input.

    An input with fewer images is read again.
    """
    from videoseg import registry
    from videoseg.cli.options.settings import in_force
    from videoseg.evaluate.bench import measure
    from videoseg.evaluate.machine import Session
    from videoseg.jobs.inputs import open_source
    from videoseg.jobs.model_messages import refusal
    from videoseg.prompts import (
        Marks,
        as_prompts,
        check_kinds,
        check_prompts,
        in_pixels,
        on_every_frame,
        parse_numbers,
    )

    set_up(LogFormat.TEXT, quiet=False)
    flags = {} if model is None else {"model": model}
    settings = in_force(preset, config, assign, flags)
    settings = without_cache(with_limits(settings, max_cost, max_calls))
    marks = Marks(box=[parse_numbers(value, 4, "--box") for value in box or ()])
    prompts = on_every_frame(as_prompts([] if text is None else text, marks))
    card = registry.card(settings.run.model)
    check_kinds(prompts, card)
    opened, streams = open_source(source, settings)
    measured = settings.part("models", settings.run.model)
    try:
        prompts = in_pixels(prompts, next(iter(streams.values())))
        for info in streams.values():
            check_prompts(prompts, info)
        ask_consent(settings, source, lambda: count, yes=yes)
        frames = islice(_over_again(opened), count)
        result = measure(measured, frames, prompts, price_per_hour=price)
    finally:
        measured.close()
        opened.close()
    if as_json:
        shown = {"model": settings.run.model, "session": str(Session.now())}
        print_json({**shown, **dataclasses.asdict(result)})
    else:
        _say(settings.run.model, source, result, str(Session.now()))
    if result.stopped is not None:
        tell(f"videoseg: stopped: {result.stopped}", err=True)
    if result.refused:
        tell(f"videoseg: {refusal(result.refused, card)}", err=True)
    if result.stopped is not None or result.refused:
        raise typer.Exit(STOPPED)


def _over_again(source: FrameSource) -> Iterator[Frame]:
    """All frames of a source, again and again; none if it has none."""
    while True:
        some = False
        for frame in source.frames():
            some = True
            yield frame
        if not some:
            return


def _say(model: str, source: str, result: Measured, session: str) -> None:
    times, used = result.times, result.usage
    images = "1 image" if times.count == 1 else f"{times.count} images"
    tell(f"{model}: {images} of {source}, one at a time; {session}")
    spread = f"median {times.p50:.3f}, 90 % below {times.p90:.3f}, slowest {times.maximum:.3f}"
    tell(f"average time per image: {times.mean:.3f} s ({spread})")
    cost = "not known" if result.cost is None else f"${result.cost:.2f}"
    tell(f"cost per 1,000 images: {cost} ({result.basis})")
    if used is not None:
        each = used.input_tokens / times.count, used.output_tokens / times.count
        calls = f"{used.calls / times.count:.2f} calls"
        tell(f"an image takes {calls}, {each[0]:.0f} tokens in, {each[1]:.0f} out")
