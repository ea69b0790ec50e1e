"""What a verb says while it runs and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from videoseg.cli._logging import LogFormat, set_up
from videoseg.cli._progress import Mode

AsJson: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print a summary as JSON to stdout.")
]
Quiet: TypeAlias = Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors.")]


@dataclass(frozen=True)
class ReportOptions:
    """How a run is shown."""

    as_json: AsJson = False
    progress: Annotated[Mode, typer.Option(help="How to show progress on stderr.")] = Mode.AUTO


@dataclass(frozen=True)
class MessageOptions:
    """What is said on stderr."""

    log_format: Annotated[LogFormat, typer.Option(help="Form of the messages on stderr.")] = (
        LogFormat.TEXT
    )
    quiet: Quiet = False

    def set_up(self) -> None:
        """Say what is logged from now on in this form."""
        set_up(self.log_format, quiet=self.quiet)
