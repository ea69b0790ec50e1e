"""What is made of a run, and where it may replace what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli.options.scale import MEASUREMENTS, scale_setting
from videoseg.cli.options.settings import RunOptions
from videoseg.errors import UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig


def _names(given: list[str] | None) -> list[str] | None:
    """The names of a list such as ``svg,masks``, in their order."""
    return given and [name.strip() for each in given for name in each.split(",")]


NAMES = typer.Option(
    metavar="NAME,...",
    help="Outputs to write, see `videoseg show`; may be repeated.",
    callback=_names,
    autocompletion=_completion.outputs,
)
"""The option ``--write`` of every verb that has it."""
Outputs: TypeAlias = Annotated[list[str] | None, NAMES]
Moved: TypeAlias = Annotated[
    str | None,
    typer.Option("--input", metavar="INPUT", help="Where the input is now, if it was moved."),
]
Overwrite: TypeAlias = Annotated[
    bool, typer.Option("--overwrite", help="Replace the outputs of an earlier run.")
]


@dataclass(frozen=True)
class OutputOptions(RunOptions):
    """What is made of a run."""

    write: Outputs = None
    scale: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Length of one pixel, for measurements: 0.25mm."),
    ] = None

    def flags(self) -> dict[str, Any]:
        """The names of the outputs."""
        return {"write": self.write}

    def assignments(self) -> list[str]:
        """The scale of measurements.

        Raises:
            UsageError: The scale is not a length.
        """
        return [] if self.scale is None else [scale_setting(self.scale)]

    def check(self, config: RunConfig) -> None:
        """Refuse a scale that nothing would use.

        Raises:
            UsageError: It is given, and nothing is measured.
        """
        if self.scale is not None and MEASUREMENTS not in config.run.write:
            raise UsageError(f"--scale is used by measurements; add --write {MEASUREMENTS}")
