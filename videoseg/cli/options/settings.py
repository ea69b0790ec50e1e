"""The settings of one command: its options, and all that stands around it."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from videoseg.cli import _completion

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig

Assign: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PART.KEY=VALUE", help="Change one setting; repeat for more."),
]


class RunOptions:
    """A group of options that are other names for settings."""

    def flags(self) -> dict[str, Any]:
        """Settings of ``[run]``; None, False or empty where nothing was given."""
        return {}

    def assignments(self) -> list[str]:
        """Settings of parts, as ``--set`` takes them; only those that were given."""
        return []


@dataclass(frozen=True)
class SettingOptions:
    """Where settings come from."""

    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Use a preset; see `videoseg config presets`.",
            autocompletion=_completion.presets,
        ),
    ] = None
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read settings from a TOML file.")
    ] = None
    assign: Assign = None

    def in_force(self, *groups: RunOptions, model: str | None = None) -> RunConfig:
        """What options, environment, files and preset say together; ``--set`` has the last word.

        Args:
            groups: Options that are other names for settings.
            model: The model, where no group names it; an empty name is wrong.

        Raises:
            ConfigError: One of them is wrong; says which.
            PromptError: An option of a group cannot be read.
            UsageError: The same.
        """
        from videoseg.config.run_config import load

        flags = {name: value for group in groups for name, value in group.flags().items() if value}
        if model is not None:
            flags["model"] = model
        assignments = [each for group in groups for each in group.assignments()]
        return load(
            preset=self.preset,
            file=self.config,
            flags=flags,
            assignments=[*assignments, *(self.assign or ())],
            environment=os.environ,
            folder=Path.cwd(),
        )


def note_origins(config: RunConfig) -> None:
    """Note where settings come from that the command itself does not name."""
    from videoseg.config.layers import PREFIX, PROJECT_FILE

    silent = sorted(
        {
            origin
            for origin in config.origins.values()
            if origin.startswith(PREFIX) or Path(origin).name == PROJECT_FILE
        }
    )
    if silent:
        logging.getLogger("videoseg").warning("settings from %s", ", ".join(silent))
