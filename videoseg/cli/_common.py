"""Options that several verbs share."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Assign: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="PART.KEY=VALUE", help="One setting.")
]
Outputs: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Output to make; repeat for several.")
]
Moved: TypeAlias = Annotated[
    str | None, typer.Option("--input", metavar="INPUT", help="Where the input is now.")
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace outputs of an earlier run.")
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON on stdout.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing but errors.")]
Start: TypeAlias = Annotated[
    str | None, typer.Option(metavar="PLACE", help="Begin at 12.5 (seconds), 250f, 1:02.5.")
]
End: TypeAlias = Annotated[
    str | None, typer.Option(metavar="PLACE", help="Stop before this place.")
]
Model: TypeAlias = Annotated[
    str | None, typer.Option(metavar="NAME", help="Model; see `videoseg models`.")
]
Preset: TypeAlias = Annotated[str | None, typer.Option(metavar="NAME", help="Settings by name.")]
Config: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Settings from a TOML file.")
]


def show_notes(*, quiet: bool) -> None:
    """Let what is logged be seen as notes on stderr."""
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(format="note: %(message)s", level=level, force=True)
