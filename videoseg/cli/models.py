"""``videoseg models``: which models there are and what they take."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("models", epilog="Example: videoseg models --json")(models)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models: kinds of prompt, licence of the weights, size, what to install."""
    from videoseg import registry

    cards = [registry.card(name) for name in registry.names("models")]
    if as_json:
        plain = [{**dataclasses.asdict(card), "kinds": sorted(card.kinds)} for card in cards]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        return
    for card in cards:
        typer.echo(f"{card.name}  ({card.megabytes:g} MB, {card.licence})")
        typer.echo(f"  {card.summary}")
        typer.echo(f"  takes: {', '.join(sorted(card.kinds))}")
        phrases = "any phrase" if card.open_vocabulary else "a fixed list of things"
        typer.echo(f"  words: {phrases}")
        if card.extra is not None:
            typer.echo(f"  needs: pip install 'videoseg[{card.extra}]'")
        if card.sends_frames_away:
            typer.echo("  frames leave this machine")
