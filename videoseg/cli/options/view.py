"""Options of how an input is read and how much of it a model sees, for every verb that has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

Source: TypeAlias = Annotated[
    str | None,
    typer.Option("--source", metavar="NAME", help="Kind of input: video, images or decord."),
]
Deinterlace: TypeAlias = Annotated[
    Literal["auto", "off", "bob"] | None,
    typer.Option(help="Make a frame of every field: auto where marked, off (default), bob always."),
]
OnBadFrame: TypeAlias = Annotated[
    Literal["fail", "skip", "repeat"] | None,
    typer.Option(help="Damaged frame: stop, leave it out (default), or repeat the one before."),
]
Every: TypeAlias = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="Run the model on every Nth frame and interpolate the others."
    ),
]
MaxSize: TypeAlias = Annotated[
    int | None,
    typer.Option(min=16, metavar="PIXELS", help="Scale frames for the model to this long side."),
]
Roi: TypeAlias = Annotated[
    str | None, typer.Option(metavar="X1,Y1,X2,Y2", help="Search only this part of the frame.")
]
IgnoreMask: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="PNG", help="Exclude the pixels that are not black in this picture."),
]


def view_flags(
    every: int | None, max_size: int | None, roi: str | None, ignore_mask: Path | None
) -> dict[str, Any]:
    """The settings of ``[run]`` for how much a model sees; None where nothing was said.

    Raises:
        PromptError: The region is not four numbers.
    """
    from videoseg.errors import PromptError
    from videoseg.prompts import Shares, parse_numbers

    region = None if roi is None else parse_numbers(roi, 4, "--roi")
    if isinstance(region, Shares):
        raise PromptError(f"--roi takes pixels, got {roi!r}")
    return {"every": every, "max_size": max_size, "roi": region, "ignore_mask": ignore_mask}


def video_assignments(settings: Mapping[str, str | None]) -> list[str]:
    """Options of the video source as ``--set`` takes them, without those that were not given."""
    return [f"sources.video.{name}={value}" for name, value in settings.items() if value]
