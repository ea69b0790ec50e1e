"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli._logging import LogFormat
from videoseg.cli._progress import Mode

Assign: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PART.KEY=VALUE", help="Change one setting; repeat for more."),
]
Outputs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Output to write; repeat for more.",
        autocompletion=_completion.outputs,
    ),
]
Moved: TypeAlias = Annotated[
    str | None,
    typer.Option("--input", metavar="INPUT", help="Where the input is now, if it was moved."),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace the outputs of an earlier run.")
]
AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON to stdout.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors.")]
Start: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Start here: 12.5 (seconds), 250f (frame) or 1:02.5."),
]
End: TypeAlias = Annotated[
    str | None, typer.Option(metavar="TIME", help="Stop before this time or frame.")
]
Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Model to use; see `videoseg models`.",
        autocompletion=_completion.models,
    ),
]
Preset: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use a preset; see `videoseg config presets`.",
        autocompletion=_completion.presets,
    ),
]
Config: TypeAlias = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Read settings from a TOML file.")
]
ShowProgress: TypeAlias = Annotated[
    Mode, typer.Option("--progress", help="How to show progress on stderr.")
]
Logs: TypeAlias = Annotated[
    LogFormat, typer.Option("--log-format", help="Form of the messages on stderr.")
]
