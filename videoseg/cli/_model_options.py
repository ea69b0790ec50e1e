"""Flags that every model on PyTorch understands, and the settings that they are."""

from __future__ import annotations

from typing import Annotated, Any

import typer

Device = Annotated[
    str | None, typer.Option(metavar="NAME", help="Where to compute: auto, cpu, cuda, cuda:1, mps.")
]
Precision = Annotated[
    str | None, typer.Option(metavar="NAME", help="What to compute in: auto, fp32, bf16, fp16.")
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Frames at once (default: as many as fit).")
]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the network first; pays off on long videos.")
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never fetch weights; they must be on this machine.")
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
