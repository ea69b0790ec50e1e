"""Which model a run takes where it may choose, and what is on this machine."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from collections.abc import Sequence

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.config.run_settings import AUTO
from videoseg.types import ModelCard, Prompt, PromptKind

EMBEDDED = "embedded"
_log = logging.getLogger(__name__)


def is_present(card: ModelCard, weights: str = "") -> bool:
    """Whether a model could run now: its packages are installed and its weights are here.

    Asks neither the network nor the packages. A model without an extra comes with the package.

    Args:
        card: The model's card.
        weights: The setting ``weights`` where it is given, in place of the card's.
    """
    from videoseg.networks.weights import on_this_machine

    if card.extra is None:
        return True
    if any(importlib.util.find_spec(name) is None for name in card.packages):
        return False
    return all(
        on_this_machine(text) is not None for text in ((weights,) if weights else card.weights)
    )


def chosen(config: RunConfig, prompts: Sequence[Prompt]) -> RunConfig:
    """The settings with ``model = "auto"`` replaced by the best that fits the prompts; says which.

    Fits: takes every kind of prompt that is asked, is on this machine, and keeps frames here. The
    best is the one of the highest ``ModelCard.rank``.
    """
    if config.run.model != AUTO:
        return config
    kinds: set[PromptKind] = set().union(*(prompt.kinds for prompt in prompts))
    settings = config.tables.get("models", {})
    cards = [registry.card(name) for name in registry.names("models")]
    able = [
        card
        for card in cards
        if card.rank > 0
        and kinds <= card.kinds
        and not card.sends_frames_away
        and is_present(card, settings.get(card.name, {}).get("weights", ""))
    ]
    best = max(able, key=lambda card: card.rank, default=registry.card(EMBEDDED))
    _log.warning("--model auto takes %s: %s", best.name, best.summary)
    return dataclasses.replace(config, run=dataclasses.replace(config.run, model=best.name))
