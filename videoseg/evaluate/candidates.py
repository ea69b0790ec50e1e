"""The models that can be measured: those of the registry, and the baselines beside them."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.errors import PromptError
from videoseg.evaluate.baselines import BASELINES
from videoseg.evaluate.settings import made
from videoseg.protocols import Segmenter, Tracker
from videoseg.runlog.fingerprint import plain, record_file
from videoseg.types import ModelCard, PromptKind

_LIMITS = frozenset({"max_cost", "max_calls"})
"""Settings of services that are no part of what tells one model from another."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model to measure, not opened yet.

    Attributes:
        card: Its card.
        settings: Its settings as plain JSON values.
        make: Makes it.
        code: The files that its code is in.
        tracking: The settings of a run, by which what it answers in a video is followed.
    """

    card: ModelCard
    settings: Mapping[str, Any]
    make: Callable[[], Segmenter]
    code: tuple[Path, ...] = ()
    tracking: RunConfig = field(default_factory=RunConfig)

    def tracker(self) -> Tracker:
        """A new tracker, as a run with these settings has it."""
        made: Tracker = self.tracking.part("tracking", self.tracking.run.tracker)
        return made

    def tracker_identity(self) -> dict[str, Any]:
        """What tells its tracker from another: name, settings and code."""
        name = self.tracking.run.tracker
        folder = Path(inspect.getfile(registry.find("tracking", name).cls)).parent
        code = digest_of_files(sorted(folder.rglob("*.py")))
        return {"name": name, "settings": plain(self.tracker()), "code": code}

    def identity(self) -> dict[str, Any]:
        """What tells its answers from those of another: name, settings, weights and code."""
        return {
            "name": self.card.name,
            "settings": dict(self.settings),
            "weights": {name: self._digest(name) for name in self.card.weights},
            "code": digest_of_files(self.code),
        }

    def _digest(self, weights: str) -> str | None:
        """Of a weight file beside the code; None for weights by name."""
        return record_file(self.code[0].parent / weights).sha256 if self.code else None

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


def digest_of_files(files: Iterable[Path]) -> str:
    """SHA-256 over the contents of files, in their order."""
    digests = "".join(str(record_file(file).sha256) for file in files)
    return hashlib.sha256(digests.encode()).hexdigest()


def candidate(config: RunConfig) -> Candidate:
    """The model that the settings name.

    Raises:
        ConfigError: No model has that name, or a setting does not fit.
    """
    name = config.run.model
    settings = plain(config.part("models", name))
    # How much may be spent decides how many answers there are, never what they are.
    settings = {key: value for key, value in settings.items() if key not in _LIMITS}
    code = _code_of(registry.find("models", name).cls)
    return Candidate(
        registry.card(name), settings, lambda: config.part("models", name), code, config
    )


def baseline(name: str, settings: Mapping[str, Any] | None = None) -> Candidate:
    """A baseline by name; it must be one of ``BASELINES``.

    Raises:
        ConfigError: A setting does not fit.
    """
    make = functools.partial(made, BASELINES[name], f"models.{name}", {}, settings or {})
    return Candidate(BASELINES[name].card, plain(make()), make, _code_of(BASELINES[name]))


def _code_of(part: type[Any]) -> tuple[Path, ...]:
    """The file of a part, and those beside it where a family of models has a folder."""
    file = Path(inspect.getfile(part))
    family = part.__module__.startswith("videoseg.models.") and part.__module__.count(".") > 2
    return tuple(sorted(file.parent.rglob("*.py"))) if family else (file,)
