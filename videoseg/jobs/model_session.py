"""The model of a run: which it is, what it knows of the prompts once it is loaded, its weights."""

from __future__ import annotations

import dataclasses
import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.config.run_settings import AUTO
from videoseg.errors import UnknownPhraseError
from videoseg.jobs.inputs import checked_config
from videoseg.jobs.model_messages import models_that_could, refusal
from videoseg.networks.weights import resolved
from videoseg.prompts import Refused
from videoseg.protocols import Explains, Metered, Segmenter, Weighed
from videoseg.stages.known_phrases import prepare_known
from videoseg.system.threads import Stopwatch
from videoseg.types import ModelCard, Prompt
from videoseg.types.usage import Usage

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class ModelSession:
    """A model for the time of a run.

    Attributes:
        model: The model.
        card: Its card.
        is_given: Whether the caller has handed it over, and closes it.
        unheard: What the settings say to another model in vain, a line each.
        refused: The prompts that it cannot ground, once it is loaded.
        notes: What there is to say about the prompts, once it is loaded, a line each.
    """

    model: Segmenter
    card: ModelCard
    is_given: bool
    unheard: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = field(init=False, default=())
    notes: tuple[str, ...] = field(init=False, default=())

    def load(self, prompts: Sequence[Prompt], clock: Stopwatch, log: Callable[[str], None]) -> None:
        """Load the model; ``log`` gets which prompts are not looked for, if any.

        Raises:
            UnknownPhraseError: The model can ground none of them; names models that could.
        """
        with clock.measure("load model"):
            try:
                self.refused = prepare_known(self.model, prompts)
            except UnknownPhraseError as error:
                raise UnknownPhraseError(
                    f"{error}; {models_that_could(self.card)}", phrase=error.phrase
                ) from error
        if self.refused:
            log(refusal(self.refused, self.card))
        known = tuple(self.known(prompts).values())
        self.notes = ()
        self.note(self.unheard)
        self.note(self.model.explain(known) if isinstance(self.model, Explains) else ())

    def loaded_elsewhere(self, refused: tuple[Refused, ...], notes: tuple[str, ...]) -> None:
        """Take over what the same model says of the prompts in another process, which tells it."""
        self.refused, self.notes = refused, notes

    def note(self, lines: Iterable[str]) -> None:
        """Add lines to what there is to say about the prompts."""
        added = tuple(lines)
        self.notes = (*self.notes, *added)
        for line in added:
            _log.warning("%s", line)

    def known(self, prompts: Sequence[Prompt]) -> dict[int, Prompt]:
        """The prompts that are asked, by their place."""
        refused = {each.prompt for each in self.refused}
        return {n: prompt for n, prompt in enumerate(prompts) if n not in refused}

    def close(self) -> None:
        """Let go of the model, unless it is the caller's."""
        if not self.is_given:
            registry.release(self.model, "the model")

    @property
    def usage(self) -> Usage | None:
        """What the model has used so far, where it counts that."""
        return self.model.usage if isinstance(self.model, Metered) else None

    @property
    def settings(self) -> object:
        """What a plan says of the model: its settings, or what it is, where it is no part."""
        if dataclasses.is_dataclass(self.model):
            return self.model
        cls = type(self.model)
        return {"class": f"{cls.__module__}.{cls.__qualname__}"}

    def weights(self) -> list[tuple[str, Path]]:
        """The files of its weights with their names: as the model tells, or beside its module."""
        if isinstance(self.model, Weighed):
            given = getattr(self.model, "weights", "")
            written = (given,) if given else self.card.weights
            return [
                (f"{_origin(written, path)}: {path.name}", path)
                for path in self.model.weight_files()
            ]
        beside = Path(inspect.getfile(type(self.model))).parent
        return [(name, beside / name) for name in self.card.weights]


def _origin(written: Sequence[str], path: Path) -> str:
    """Where a file of weights comes from: the hub's repository with its commit, or as written."""
    known = (resolved(text, path.parent) for text in written)
    return next((found for found in known if found is not None), " ".join(written))


def given_model(
    model: Segmenter | str | None, config: RunConfig | None
) -> tuple[Segmenter | None, RunConfig]:
    """A model that is handed over, or None; and the settings, which name it.

    Raises:
        ConfigError: It is neither a model nor the name of one, or the settings are none.
    """
    config = checked_config(config)
    if model is None:
        return None, config
    name = model if isinstance(model, str) else registry.card_of(model).name
    if isinstance(model, str) and name != AUTO:
        registry.card(name)
    named = dataclasses.replace(config, run=dataclasses.replace(config.run, model=name))
    return (None if isinstance(model, str) else model), named
