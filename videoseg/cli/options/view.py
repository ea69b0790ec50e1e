"""How an input is read, which part of it, and how much of each frame a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from videoseg.cli.options.settings import RunOptions
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig

_LOGS = ("mcap", "rosbag")
"""Sources that read topics."""

Input: TypeAlias = Annotated[
    str, typer.Argument(metavar="INPUT", help="Video, photo, folder, pattern or log.")
]


@dataclass(frozen=True)
class RangeOptions(RunOptions):
    """From where to where."""

    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start here: 12.5 (seconds), 250f (frame) or 1:02.5."),
    ] = None
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop before this time or frame.")
    ] = None

    def flags(self) -> dict[str, Any]:
        """The first place, and the one after the last."""
        return {"start": self.start, "end": self.end}


@dataclass(frozen=True)
class ViewOptions(RunOptions):
    """How much a model sees."""

    every: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Run the model on every Nth frame and interpolate the others."
        ),
    ] = None
    max_size: Annotated[
        int | None,
        typer.Option(
            min=16, metavar="PIXELS", help="Scale frames for the model to this long side."
        ),
    ] = None
    roi: Annotated[
        str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Search only this part of the frame.")
    ] = None
    ignore_mask: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Exclude the pixels that are not black in this picture."),
    ] = None
    forward_only: Annotated[
        bool,
        typer.Option(
            "--forward-only", help="Do not follow marks on later frames back to earlier ones."
        ),
    ] = False

    def flags(self) -> dict[str, Any]:
        """Which frames, and what of them.

        Raises:
            PromptError: The region is not four numbers.
        """
        from videoseg.errors import PromptError
        from videoseg.prompts import Shares, parse_numbers

        region = None if self.roi is None else parse_numbers(self.roi, 4, "--roi")
        if isinstance(region, Shares):
            raise PromptError(f"--roi takes pixels, got {self.roi!r}")
        return {
            "every": self.every,
            "max_size": self.max_size,
            "roi": region,
            "ignore_mask": self.ignore_mask,
            "backwards": False if self.forward_only else None,
        }


@dataclass(frozen=True)
class RecordingOptions(RunOptions):
    """What is read of a recording: topics of a log, and where times of pictures come from."""

    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Read these topics of a robot's log ('/camera/*'); repeat."
        ),
    ] = None
    stamps: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE",
            help="Where times of a folder of pictures come from: names, none, or a FILE with a "
            "name and a time on each line.",
        ),
    ] = None

    def assignments(self) -> list[str]:
        """What the sources of logs and of pictures are told."""
        import json

        made = []
        if self.topic:
            made += [f"sources.{name}.topics={json.dumps(self.topic)}" for name in _LOGS]
        if self.stamps is not None:
            made.append(f"sources.images.times={json.dumps(self.stamps)}")
        return made

    def check(self, locations: Sequence[str], settings: RunConfig) -> None:
        """Refuse topics of inputs that are no logs, and stamps of those that are no pictures.

        Raises:
            UsageError: One is.
        """
        from videoseg.jobs.inputs import location_of, source_name
        from videoseg.system.addresses import without_secrets

        wanted = [
            (option, kinds, what)
            for option, given, kinds, what in (
                ("--topic", self.topic, _LOGS, f"logs of robots ({', '.join(_LOGS)})"),
                ("--stamps", self.stamps, ("images",), "folders and patterns of pictures"),
            )
            if given
        ]
        if not wanted:
            return
        for location in locations:
            kind = source_name(location_of(location), settings)
            for option, kinds, what in wanted:
                if kind not in kinds:
                    raise UsageError(
                        f"{option} is for {what}, and {without_secrets(location)} is read as "
                        f"{kind}; leave it out"
                    )


@dataclass(frozen=True)
class SourceOptions(RunOptions):
    """What an input is, and how its frames are made."""

    kind: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Kind of input; see `videoseg show`."),
    ] = None
    deinterlace: Annotated[
        Literal["auto", "off", "bob"] | None,
        typer.Option(
            help="Make a frame of every field: auto where marked, off (default), bob always."
        ),
    ] = None

    def flags(self) -> dict[str, Any]:
        """The kind of input."""
        return {"source": self.kind}

    def assignments(self) -> list[str]:
        """What the video source is told."""
        return _of_video(deinterlace=self.deinterlace)


@dataclass(frozen=True)
class DecodingOptions(SourceOptions):
    """What an input is, how its frames are made, and what is done about damaged ones."""

    on_bad_frame: Annotated[
        Literal["fail", "skip", "repeat"] | None,
        typer.Option(help="Damaged frame: stop, leave it out (default), or repeat the one before."),
    ] = None

    def assignments(self) -> list[str]:
        """What the video source is told."""
        return [*super().assignments(), *_of_video(on_bad_frame=self.on_bad_frame)]


def _of_video(**settings: str | None) -> list[str]:
    """Settings of the video source that were given."""
    return [f"sources.video.{name}={value}" for name, value in settings.items() if value]
