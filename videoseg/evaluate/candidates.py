"""The models that can be measured: those of the registry, and the baselines beside them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import videoseg
from videoseg import registry
from videoseg.config import RunConfig
from videoseg.errors import PromptError
from videoseg.evaluate.baselines import BASELINES
from videoseg.evaluate.settings import made
from videoseg.protocols import Segmenter
from videoseg.run.manifest import plain, record_file
from videoseg.types import ModelCard, PromptKind


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to measure, not opened yet.

    Attributes:
        card: Its card.
        settings: Its settings as plain JSON values.
        make: Makes it.
    """

    card: ModelCard
    settings: Mapping[str, Any]
    make: Callable[[], Segmenter]

    def identity(self) -> dict[str, Any]:
        """What tells its answers from those of another: name, settings, weight files by content."""
        package = Path(videoseg.__file__).parent
        return {
            "name": self.card.name,
            "settings": dict(self.settings),
            "weights": {
                name: record_file(package / name, name).sha256 for name in self.card.weights
            },
        }

    def check_kinds(self, kinds: frozenset[PromptKind], what: str) -> None:
        """Refuse a task that asks what the model cannot take.

        Raises:
            PromptError: It cannot.
        """
        missing = kinds - self.card.kinds
        if missing:
            raise PromptError(
                f"model {self.card.name!r} takes {', '.join(sorted(self.card.kinds))}, but "
                f"{what} asks with {', '.join(sorted(missing))}"
            )


def candidate(config: RunConfig) -> Candidate:
    """The model that the settings name.

    Raises:
        ConfigError: No model has that name, or a setting does not fit.
    """
    name = config.run.model
    settings = plain(config.part("models", name))
    return Candidate(registry.card(name), settings, lambda: config.part("models", name))


def baseline(name: str, settings: Mapping[str, Any] | None = None) -> Candidate:
    """A baseline by name; it must be one of ``BASELINES``.

    Raises:
        ConfigError: A setting does not fit.
    """
    make = functools.partial(made, BASELINES[name], f"models.{name}", {}, settings or {})
    return Candidate(BASELINES[name].card, plain(make()), make)
