"""Whether a model could be asked here and now: its packages, its weights, its key."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from videoseg import registry
from videoseg.config.model_choice import is_present
from videoseg.config.run_config import RunConfig
from videoseg.errors import MissingDependencyError
from videoseg.evaluate.candidates import Candidate, candidate
from videoseg.models._hosted.settings import Hosted

_SEGMENTER = "segmenter"
"""The setting by which a model that directs another one names it."""


@dataclass(frozen=True, slots=True)
class Entrant:
    """A model that is to be measured.

    Attributes:
        name: Its name, the column of the table.
        config: Its settings.
        candidate: The model, not opened yet.
        lacks: Why it cannot be asked here; None where it can.
    """

    name: str
    config: RunConfig
    candidate: Candidate
    lacks: str | None


def entrant(config: RunConfig) -> Entrant:
    """The model that the settings name, and whether it is ready; loads nothing, asks nobody.

    Raises:
        ConfigError: No model has that name, or a setting does not fit.
    """
    made = candidate(config)
    return Entrant(made.card.name, config, made, _lacks(config, config.run.model))


def _download(weights: str) -> str:
    """The command that fetches weights."""
    name, _, revision = weights.partition("@")
    return f"hf download {name}" + (f" --revision {revision}" if revision else "")


def _lacks(config: RunConfig, name: str) -> str | None:
    card = registry.card(name)
    settings = config.tables.get("models", {}).get(name, {})
    part = config.part("models", name)
    if isinstance(part, Hosted):
        try:
            part.check_key()
        except MissingDependencyError as error:
            return str(error)
    gone = [each for each in card.packages if importlib.util.find_spec(each) is None]
    if gone:
        extra = f": pip install 'videoseg[{card.extra}]'" if card.extra else ""
        return f"{name} needs {', '.join(gone)}, which is not installed{extra}"
    if not card.sends_frames_away and not is_present(card, settings.get("weights", "")):
        how = "; ".join(map(_download, card.weights))
        return f"the weights of {name} are not on this machine: {how}"
    directed = getattr(part, _SEGMENTER, None)
    return _lacks(config, directed) if isinstance(directed, str) else None
