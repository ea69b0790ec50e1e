"""What is said about models that cannot do what is asked."""

from __future__ import annotations

from collections.abc import Sequence

from videoseg import registry
from videoseg.prompts import Refused
from videoseg.types import ModelCard

_WELL_KNOWN = ("grounding-dino+sam2.1-tiny", "sam3", "moondream", "gemini")
"""Models that a message names first."""


def refusal(refused: Sequence[Refused], card: ModelCard) -> str:
    """One line about prompts that a model cannot ground, where others are looked for."""
    names = ", ".join(repr(each.text) for each in refused)
    them = "it" if len(refused) == 1 else "them"
    return (
        f"not looked for: {names}; model {card.name!r} does not know {them}. Use other words, mark "
        f"{them} with --box or --point, or use another model; {models_that_could(card)}"
    )


def models_that_could(card: ModelCard) -> str:
    """A clause for a message: which models take any phrase, where this one has failed."""
    cards = [registry.card(name) for name in registry.names("models")]
    able = [
        f"{c.name}+sam2.1-tiny" if c.grounds else c.name
        for c in cards
        if c.open_vocabulary and "text" in c.kinds and c != card
    ]
    first = [name for name in _WELL_KNOWN if name in able] or able[: len(_WELL_KNOWN)]
    more = f" and {len(able) - len(first)} more" if len(able) > len(first) else ""
    return f"models that take any phrase: {', '.join(first)}{more} (see `videoseg models`)"
