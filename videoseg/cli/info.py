"""``videoseg info``: what an input holds, as videoseg sees it."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.addresses import without_secrets
from videoseg.cli import _options
from videoseg.cli._common import Assign
from videoseg.cli._streams import print_json

if TYPE_CHECKING:
    from videoseg.types import StreamInfo


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("info", epilog="Example: videoseg info clip.mp4 --json")(info)


def info(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="Video, photo, folder or pattern.")
    ],
    kind: _options.Source = None,
    deinterlace: _options.Deinterlace = None,
    assign: Assign = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show size, times, rotation, colour and sound of an input."""
    from videoseg import api
    from videoseg.config import load

    assigned = [*_options.video_assignments({"deinterlace": deinterlace}), *(assign or ())]
    flags = {} if kind is None else {"source": kind}
    streams = api.info(source, load(flags=flags, assignments=assigned))
    if as_json:
        shown = {name: _plain(stream) for name, stream in streams.items()}
        print_json(shown)
        return
    for name, stream in streams.items():
        typer.echo(name)
        for key, value in _plain(stream).items():
            if value is not None and key != "stream":
                typer.echo(f"  {key.replace('_', ' '):20} {value}")


def _plain(stream: StreamInfo) -> dict[str, object]:
    """Fields as JSON values; colour tags in a table of their own, fractions as num/den."""
    found: dict[str, object] = {}
    for item in dataclasses.fields(stream):
        value = getattr(stream, item.name)
        if item.name == "location" and value is not None:
            value = without_secrets(value)
        elif isinstance(value, Fraction):
            value = f"{value.numerator}/{value.denominator}"
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            tags = dataclasses.asdict(value)
            value = {k: v for k, v in tags.items() if v is not None} or None
        found[item.name] = value
    return found
