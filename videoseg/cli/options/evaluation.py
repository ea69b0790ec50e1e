"""What the verbs that measure models share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from videoseg.cli import _completion
from videoseg.cli.options.settings import SettingOptions

ModelOrBaseline: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Model, or a baseline (baseline-box, baseline-grabcut).",
        autocompletion=_completion.models,
    ),
]
Price: TypeAlias = Annotated[
    float | None,
    typer.Option(min=0, metavar="PER_HOUR", help="Price of the machine in US dollars per hour."),
]
AtOnce: TypeAlias = Annotated[
    int,
    typer.Option(
        "--at-once", min=1, max=64, help="Ask a service so many questions about an image at once."
    ),
]
ResultsAsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]


@dataclass(frozen=True)
class SampleOptions:
    """Which samples a model is measured on."""

    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first samples.")] = None
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Skip broken data and count it (exit code 3).")
    ] = False


@dataclass(frozen=True)
class TableOptions:
    """Which models a table is of, and what it may cost."""

    models: Annotated[str, typer.Option(metavar="NAMES", help="Models, separated by commas.")] = (
        "moondream,sam3,gemini,agent,embedded"
    )
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would cost and what is missing.")
    ] = False
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="DOLLARS",
            min=0,
            help="Stop before services cost more, earlier goes in the folder included.",
        ),
    ] = None


@dataclass(frozen=True)
class EvaluationSettings(SettingOptions):
    """Where settings come from, those of the data set and of the task as well."""

    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="PART.KEY=VALUE", help="One setting; also data.KEY and task.KEY."
        ),
    ] = None
