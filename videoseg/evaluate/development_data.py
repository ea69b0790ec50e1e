"""Which samples this project was developed on: what they show is not what new data will."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from videoseg.evaluate.samples import Media

_FILE = Path(__file__).with_name("development_data.toml")
MARK = "†"
"""Stands in tables behind what was measured on such samples."""


@dataclass(frozen=True, slots=True)
class Used:
    """Samples that development used in one way.

    Attributes:
        how: What was done with them.
        media: What kind they are.
        models: The models that this flatters; empty = all.
        names: Numbers of pictures as text, or names of sequences.
        prefixes: How the keys of further samples begin.
    """

    how: str
    media: Media
    models: frozenset[str]
    names: frozenset[str]
    prefixes: tuple[str, ...] = ()

    def has(self, key: str) -> bool:
        """Whether the sample with this key is one of them."""
        return key.startswith(self.prefixes) or _name(key, self.media) in self.names


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many of the samples that were measured had been used before, and for what."""

    samples: int
    how: str


def seen_before(keys: Iterable[str], media: Media, model: str) -> tuple[Overlap, ...]:
    """Which of the samples with these keys development has used, if the model gains by it."""
    asked = tuple(keys)
    found = []
    for used in _used():
        if used.media == media and (not used.models or model in used.models):
            count = sum(used.has(key) for key in asked)
            if count:
                found.append(Overlap(count, used.how))
    return tuple(found)


def _name(key: str, media: Media) -> str:
    """``COCO_train2014_000000000009.jpg`` is picture 9; a sequence has its own name."""
    if media == "videos":
        return key
    number = Path(key).stem.rpartition("_")[2]
    return str(int(number)) if number.isascii() and number.isdigit() else key


@functools.cache
def _used() -> tuple[Used, ...]:
    entries = tomllib.loads(_FILE.read_text(encoding="utf-8"))["used"]
    return tuple(
        Used(
            entry["how"],
            entry["media"],
            frozenset(entry.get("models", ())),
            frozenset(map(str, entry.get("pictures", entry.get("sequences", ())))),
            tuple(entry.get("prefixes", ())),
        )
        for entry in entries
    )
