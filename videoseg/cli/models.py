"""``videoseg models``: which models there are and what they take."""

from __future__ import annotations

import dataclasses
import logging
from typing import Annotated

import typer

from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell

_log = logging.getLogger(__name__)


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("models", epilog="Example: videoseg models --json")(models)


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models with their prompts, licence and size, and which are on this machine."""
    from videoseg import registry
    from videoseg.config.model_choice import is_present

    for each in registry.broken("models"):
        _log.warning("%s", each)
    cards = [registry.card(name) for name in registry.names("models")]
    here = {card.name: is_present(card) for card in cards}
    if as_json:
        plain = [
            {**dataclasses.asdict(card), "kinds": sorted(card.kinds), "present": here[card.name]}
            for card in cards
        ]
        print_json(plain)
        return
    for card in cards:
        where = "on this machine" if here[card.name] else "not on this machine"
        tell(f"{card.name}  ({card.megabytes:g} MB, {card.licence}; {where})")
        tell(f"  {card.summary}")
        if card.grounds:
            tell(f"  pairs with any model that takes boxes: --model {card.name}+sam2.1-tiny")
        tell(f"  takes: {', '.join(sorted(card.kinds))}")
        if "text" in card.kinds:
            phrases = "any phrase" if card.open_vocabulary else "a fixed list of things"
            tell(f"  words: {phrases}")
        if card.memory:
            tell(f"  memory: about {card.memory / 1000:.1f} GB, half in bf16")
        if card.extra is not None:
            tell(f"  needs: pip install 'videoseg[{card.extra}]'")
        if card.sends_frames_away:
            tell("  sends frames to a service")
