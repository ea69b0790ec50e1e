"""``videoseg info``: what an input holds, as videoseg sees it, or what a finished run has found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.settings import Assign
from videoseg.cli.options.view import Input, RecordingOptions, SourceOptions
from videoseg.system.addresses import without_secrets

if TYPE_CHECKING:
    from videoseg.types import StreamInfo


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("info", epilog="Example: videoseg info clip.mp4 --json")(info)


@expand_groups
def info(
    *,
    source: Input,
    decoding: SourceOptions,
    recording: RecordingOptions,
    assign: Assign = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show size, duration, rates, codecs, colour, sound and rotation of an input.

    Of a robot's log it shows the topics: type, encoding, size, number, rate and time; of the folder
    of a finished run its tracks, its edits, and which outputs are older than these.
    """
    from videoseg import api
    from videoseg.cli._finished import is_finished, show_finished
    from videoseg.cli._media import rows
    from videoseg.cli._topics import show_topics
    from videoseg.config.run_config import load
    from videoseg.jobs.inputs import topics_of
    from videoseg.sources._av.details import details

    assigned = [*decoding.assignments(), *recording.assignments(), *(assign or ())]
    flags = {} if decoding.kind is None else decoding.flags()
    settings = load(flags=flags, assignments=assigned)
    if is_finished(source, decoding.kind):
        show_finished(source, as_json=as_json)
        return
    listed = topics_of(source, settings)
    if listed is not None:
        show_topics(source, listed, as_json=as_json)
        return
    streams = api.info(source, settings)
    recording.check([source], settings)
    number = settings.tables.get("sources", {}).get("video", {}).get("stream")
    about = details(source, number if isinstance(number, int) else None)
    if as_json:
        print_json({name: _plain(stream, about) for name, stream in streams.items()})
        return
    for name, stream in streams.items():
        tell(name)
        for key, value in rows(stream, about):
            tell(f"  {key:15} {value}")


def _plain(stream: StreamInfo, about: Mapping[str, Any]) -> dict[str, object]:
    """All that is known as JSON values; fractions as num/den, colours by number and by name."""
    from videoseg.cli._media import colour_names, duration_of

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
    named = colour_names(stream.colour) or None
    return {**found, "colour_names": named, **about, "duration_seconds": duration_of(stream, about)}
