"""Flags that every model on PyTorch understands, and the settings that they are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Device = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Device for the model: auto, cpu, cuda, cuda:1, mps."),
]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="Number format: auto, fp32, bf16, fp16.")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Frames per batch (default: as many as fit).")
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the network first; faster on long videos.")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never download weights; use those on this machine.")
]


def model_flags(
    device: str | None, precision: str | None, batch_size: int | None, compiled: bool, offline: bool
) -> dict[str, Any]:
    """The flags as settings of ``[run]``, those not given as None or False."""
    return {
        "device": device,
        "precision": precision,
        "batch": batch_size,
        "compile": compiled,
        "offline": offline,
    }
