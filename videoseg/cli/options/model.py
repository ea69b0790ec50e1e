"""Which model is asked, and what every model on PyTorch understands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli.options.settings import RunOptions
from videoseg.errors import UsageError

Model: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Model to use; see `videoseg models`.",
        autocompletion=_completion.models,
    ),
]

Device: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Device for the model: auto, cpu, cuda, cuda:1, mps."),
]
Precision: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Number format: auto, fp32, tf32, bf16, fp16."),
]
Offline: TypeAlias = Annotated[
    bool, typer.Option("--offline", help="Never download weights; use those on this machine.")
]


@dataclass(frozen=True)
class DeviceOptions(RunOptions):
    """Where a network runs, and where its weights come from."""

    device: Device = None
    precision: Precision = None
    offline: Offline = False

    def flags(self) -> dict[str, Any]:
        """How it runs."""
        return {"device": self.device, "precision": self.precision, "offline": self.offline}


@dataclass(frozen=True)
class ModelOptions(RunOptions):
    """Which model is asked, and how it runs."""

    model: Model = None
    device: Device = None
    precision: Precision = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Frames per batch (default: as many as fit).")
    ] = None
    compiled: Annotated[
        bool, typer.Option("--compile", help="Compile the network first; faster on long videos.")
    ] = False
    offline: Offline = False

    pick: Annotated[
        str | None,
        typer.Option(
            metavar="WHICH",
            help="Of several things that fit a phrase: largest, smallest, left, right, top, bottom,"
            " or a number from the left; of what a click may mean: part or whole (embedded model).",
        ),
    ] = None

    def flags(self) -> dict[str, Any]:
        """The model, and how it runs."""
        return {
            "model": self.model,
            "device": self.device,
            "precision": self.precision,
            "batch": self.batch_size,
            "compile": self.compiled,
            "offline": self.offline,
        }

    def assignments(self) -> list[str]:
        """Which of several is meant, a setting of the embedded model."""
        if not self.pick:
            return []
        if self.model not in (None, "embedded"):
            raise UsageError(
                f"--pick is for --model embedded, not {self.model}; name a place in the phrase, or "
                "mark the object with --box or --point"
            )
        return [f"models.embedded.pick={self.pick}"]
