"""``videoseg bench``: average time and cost per 1,000 images, for any model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.evaluation import Price, ResultsAsJson
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import STOPPED, ServiceOptions, ask_consent, without_cache
from videoseg.cli.options.model import Model
from videoseg.cli.options.prompts import Box, numbers
from videoseg.cli.options.settings import SettingOptions
from videoseg.cli.options.view import Input

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.evaluate.bench import Measured
    from videoseg.protocols import FrameSource
    from videoseg.types import Frame, Prompt, StreamInfo

EPILOG = """
Examples:

videoseg bench clip.mp4 "the dog" --model embedded --price 0.80

videoseg bench photo.jpg "coffee cup" --model moondream --count 5 --max-cost 0.10
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("bench", epilog=EPILOG)(bench)


@expand_groups
def bench(
    *,
    source: Input,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="Phrase to find.")] = None,
    box: Box = None,
    model: Model = None,
    count: Annotated[int, typer.Option(min=1, help="Number of images to measure.")] = 20,
    price: Price = None,
    given: SettingOptions,
    service: ServiceOptions,
    as_json: ResultsAsJson = False,
) -> None:
    """Measure the average time and cost of a model on the first images of an input.

    An input with fewer images is read again.
    """
    from videoseg import registry
    from videoseg.evaluate.machine import Session
    from videoseg.prompts import Marks, as_prompts, check_kinds, on_every_frame

    set_up(LogFormat.TEXT, quiet=False)
    settings = without_cache(service.limited(given.in_force(model=model)))
    name = settings.run.model
    marks = Marks(box=numbers(box, 4, "--box"))
    prompts = on_every_frame(as_prompts([] if text is None else text, marks))
    check_kinds(prompts, registry.card(name))
    result = _measured(source, prompts, settings, count=count, price=price, yes=service.yes)
    session = str(Session.now())
    if as_json:
        print_json({"model": name, "session": session, **dataclasses.asdict(result)})
    else:
        _print_result(name, source, result, session)
    _end(name, result)


def _measured(
    source: str,
    prompts: Sequence[Prompt],
    settings: RunConfig,
    *,
    count: int,
    price: float | None,
    yes: bool,
) -> Measured:
    """Ask the model about the first images of an input."""
    from videoseg.evaluate.bench import measure
    from videoseg.jobs.inputs import open_source

    opened, streams = open_source(source, settings)
    model = settings.part("models", settings.run.model)
    try:
        prompts = _in_pixels(prompts, streams)
        ask_consent(settings, source, lambda: count, yes=yes)
        frames = islice(_over_again(opened), count)
        return measure(model, frames, prompts, price_per_hour=price)
    finally:
        model.close()
        opened.close()


def _over_again(source: FrameSource) -> Iterator[Frame]:
    """All frames of a source, again and again; none if it has none."""
    while True:
        some = False
        for frame in source.frames():
            some = True
            yield frame
        if not some:
            return


def _in_pixels(prompts: Sequence[Prompt], streams: Mapping[str, StreamInfo]) -> tuple[Prompt, ...]:
    """The prompts on the first stream, checked against all of them."""
    from videoseg.prompts import check_prompts, in_pixels

    prompts = in_pixels(prompts, next(iter(streams.values())))
    for info in streams.values():
        check_prompts(prompts, info)
    return prompts


def _print_result(model: str, source: str, result: Measured, session: str) -> None:
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


def _end(model: str, result: Measured) -> None:
    """Say why not everything was measured, if so, and end with the exit code for it."""
    from videoseg import registry
    from videoseg.jobs.model_messages import refusal

    if result.stopped is not None:
        tell(f"videoseg: stopped: {result.stopped}", err=True)
    if result.refused:
        tell(f"videoseg: {refusal(result.refused, registry.card(model))}", err=True)
    if result.stopped is not None or result.refused:
        raise typer.Exit(STOPPED)
