"""``videoseg doctor``: what is installed here, what works, and what to do about the rest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from videoseg.cli._exit_codes import MISSING
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell

if TYPE_CHECKING:
    from collections.abc import Iterable

    from videoseg.cli._checks import Finding

EPILOG = """
Exit codes: 0 `videoseg segment` can run, 4 something it needs is missing.

Example: videoseg doctor --json
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("doctor", epilog=EPILOG)(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check versions, codecs, devices, models and disks, and say what to install."""
    from videoseg.cli._checks import CHECKS, look

    found = {name: look(check) for name, check in CHECKS.items()}
    lacking = [each for group in found.values() for each in group if is_fatal(each)]
    if as_json:
        groups = {name: list(map(dataclasses.asdict, group)) for name, group in found.items()}
        made = {"able": not lacking, "checks": groups}
        print_json(made)
    else:
        for name, group in found.items():
            if group:
                tell(name)
                _print_findings(group)
    if lacking:
        names = ", ".join(each.subject for each in lacking)
        tell(f"videoseg: `videoseg segment` cannot run without {names}", err=True)
        raise typer.Exit(MISSING)


def is_fatal(finding: Finding) -> bool:
    """Whether the main job cannot run because of it."""
    return finding.needed and finding.state == "missing"


def _print_findings(group: Iterable[Finding]) -> None:
    for each in group:
        tell(f"  {each.state:8}{each.subject:24}{each.detail}")
        if each.advice:
            tell(f"{'':10}{each.advice}")
