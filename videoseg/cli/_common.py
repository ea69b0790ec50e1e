"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli._logging import LogFormat
from videoseg.cli._progress import Mode

Assign: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="PART.KEY=VALUE", help="One setting.")
]
Outputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Output to make; repeat for several.",
        autocompletion=_completion.outputs,
    ),
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
    str | None,
    typer.Option(
        metavar="NAME", help="Model; see `videoseg models`.", autocompletion=_completion.models
    ),
]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Settings by name; see `videoseg config presets`.",
        autocompletion=_completion.presets,
    ),
]
Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings from a TOML file.")
]
ShowProgress: TypeAlias = Annotated[
    Mode, typer.Option("--progress", help="A bar, lines, JSON lines on stderr, or nothing.")
]
Logs: TypeAlias = Annotated[
    LogFormat, typer.Option("--log-format", help="Notes on stderr as text or as JSON lines.")
]
