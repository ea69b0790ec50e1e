"""What decides the result of a run, all known before its first frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from videoseg.runlog.codec import Json, prompt_to_json, stream_to_json
from videoseg.runlog.fingerprint import FileRecord, installed_versions, plain
from videoseg.settings import SINGLE_TABLES, brought_up_to_date
from videoseg.types import Prompt, StreamInfo

_OF_CALLS = ("concurrency", "timeout", "attempts", "first_wait", "cache", "max_calls", "max_cost")
_NOT_TOLD_APART = frozenset(
    {("inputs", "name"), ("streams", "location"), *(("settings", name) for name in _OF_CALLS)}
)
"""Where a file lies, and how it was called, says nothing about what is in it; nor does how
patiently a service is asked say anything about its answers."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The first part of ``run.json``, which is also what a run is gone on with by.

    Attributes:
        inputs: What is read (``record_file``).
        streams: The streams of the source.
        prompts: What is asked.
        model: Name of the model.
        weights: Its weight files.
        settings: The tables of the run itself and those of all parts; dataclasses, paths and
            fractions are written as plain values.
        versions: Package name to version.
    """

    inputs: Sequence[FileRecord]
    streams: Sequence[StreamInfo]
    prompts: Sequence[Prompt]
    model: str
    weights: Sequence[FileRecord]
    settings: Mapping[str, Any]
    versions: Mapping[str, str] = field(default_factory=installed_versions)

    @property
    def repeatable(self) -> bool:
        """Whether the input can be read again: a pipe or an address cannot be told apart."""
        return all(record.is_told_apart for record in self.inputs)

    def to_json(self) -> dict[str, Json]:
        """Plain JSON values, in a fixed order of keys."""
        return {
            "inputs": [record.to_json() for record in self.inputs],
            "streams": [stream_to_json(info) for info in self.streams],
            "prompts": [prompt_to_json(prompt) for prompt in self.prompts],
            "model": {"name": self.model, "weights": [record.to_json() for record in self.weights]},
            "settings": plain(self.settings),
            "versions": dict(sorted(self.versions.items())),
        }


def made_with(plan: Mapping[str, Json]) -> dict[str, str]:
    """What made a run, for outputs that say so: model, version, and the settings as JSON.

    Args:
        plan: As ``Plan.to_json`` gives it, or ``run.json`` holds it.
    """
    settings = json.dumps(plan["settings"], sort_keys=True)
    return {
        "model": str(plan["model"]["name"]),
        "videoseg": str(plan["versions"].get("videoseg", "")),
        "settings": settings,
        "settings_sha256": hashlib.sha256(settings.encode()).hexdigest(),
    }


def difference(before: Mapping[str, Json], now: Plan) -> str | None:
    """Say in a clause how an earlier run differs from this one; None where they are alike.

    Args:
        before: What the earlier one's ``run.json`` or note says.
        now: This one.
    """
    made = now.to_json()
    for key, value in made.items():
        then = before.get(key)
        if key == "settings":
            then = _brought_up_to_date(then, value)
        found = _difference(then, plain(value), key, ())
        if found is not None:
            return found
    return None


def _brought_up_to_date(before: Json, now: Json) -> Json:
    """All settings of an earlier run, each by the name and in the place that it has in this one."""
    if not isinstance(before, dict):
        return before
    return brought_up_to_date(before, lambda kind, part: now.get(kind, {}).get(part, {}))


def settings_difference(
    before: Json, now: Plan, matters: Callable[[Sequence[str]], bool]
) -> str | None:
    """As ``difference``, of the settings alone, and of those alone that matter.

    A setting that the earlier run did not have yet cannot differ.

    Args:
        before: The settings of the earlier run, as ``run.json`` has them.
        now: This one.
        matters: Whether a setting does, by its path, such as ``("run", "model")``.
    """
    then, here = _flat(before), _flat(plain(now.settings))
    for path in then:
        if matters(path) and then.get(path) != here.get(path):
            return _clause("settings", path, then.get(path), here.get(path))
    return None


def _flat(settings: Json) -> dict[tuple[str, ...], Json]:
    """Settings by their path."""
    flat: dict[tuple[str, ...], Json] = {}
    for kind, parts in settings.items():
        if kind in SINGLE_TABLES:
            flat |= {(kind, key): value for key, value in parts.items()}
            continue
        for part, table in parts.items():
            flat |= {(kind, part, key): value for key, value in table.items()}
    return flat


def _difference(before: Json, now: Json, key: str, path: tuple[str, ...]) -> str | None:
    if (key, *path[-1:]) in _NOT_TOLD_APART:
        return None
    if isinstance(before, dict) and isinstance(now, dict):
        # Outputs that an earlier run has made beside those that are asked for now are no matter.
        names = now if key == "settings" else dict.fromkeys((*before, *now))
        parts = ((before.get(name), now.get(name), (*path, name)) for name in names)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        parts = ((a, b, path) for a, b in zip(before, now, strict=True))
    else:
        return None if before == now else _clause(key, path, before, now)
    return next(
        (found for a, b, at in parts if (found := _difference(a, b, key, at)) is not None), None
    )


def _clause(key: str, path: tuple[str, ...], before: Json, now: Json) -> str:
    if key in ("inputs", "streams"):
        return "the input is not the same"
    if key == "prompts":
        return "the prompts are not the same"
    what = ".".join(path) if key == "settings" else " ".join((key.removesuffix("s"), *path))
    return f"{what} was {before!r} and is {now!r}"
