"""What the embedded model knows about nouns: a table from words to the network's classes."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from videoseg.errors import MissingDependencyError

MAX_NOUN_WORDS = 4
"""The longest name in the table has this many words."""

_IRREGULAR = {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "mice": "mouse",
    "geese": "goose",
    "oxen": "ox",
    "feet": "foot",
    "teeth": "tooth",
    "dice": "die",
    "policemen": "policeman",
    "firemen": "fireman",
}
"""Plurals without a regular ending and their singulars."""
_ENDINGS = (("ies", "y"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))
"""Endings of plurals and what each becomes in the singular, likeliest first."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a noun stands for in the network's outputs.

    Attributes:
        heads: Indices of trained classes; any of them will do.
        imagenet: Indices of ImageNet classes beyond those; any of them will do.
        within: The trained class that all of ``imagenet`` are kinds of, or None.
    """

    heads: tuple[int, ...]
    imagenet: tuple[int, ...] = ()
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun as the user wrote it and what it stands for.

    Attributes:
        word: The name that was found in the table, singular.
        target: What it stands for.
        general: The table knows it only as a kind of something: any such thing will be found.
        narrow: It means more than the one thing that the table knows of it and that is found.
    """

    word: str
    target: Target
    general: bool = False
    narrow: bool = False


class Vocabulary:
    """The shipped table of nouns, built by ``training/vocabulary.py``."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.classes: tuple[str, ...] = tuple(table["classes"])
        self.imagenet: tuple[str, ...] = tuple(table["imagenet"])
        self.groups: tuple[tuple[int, ...], ...] = tuple(map(tuple, table["groups"]))
        self.things = frozenset(table["things"])
        self.stuff = frozenset(table["stuff"])
        self._targets = [Target(tuple(h), tuple(i), w) for h, i, w in table["targets"]]
        self._nouns: Mapping[str, int] = table["nouns"]
        self._general = frozenset(table["general"])
        self._narrow = frozenset(table["narrow"])

    def find(self, words: Sequence[str]) -> Noun | None:
        """The noun that these words together are, in singular or plural, or None."""
        for name in singulars(words):
            if name in self._nouns:
                target = self._targets[self._nouns[name]]
                return Noun(name, target, name in self._general, name in self._narrow)
        return None

    def head(self, name: str) -> int:
        """Index of a trained class."""
        return self.classes.index(name)


@functools.cache
def vocabulary() -> Vocabulary:
    """The shipped table, read once.

    Raises:
        MissingDependencyError: It is not where the package keeps it.
    """
    path = files("videoseg.models.embedded").joinpath("weights", "words.json.gz")
    if not path.is_file():
        raise MissingDependencyError(
            "the embedded model's words (weights/words.json.gz) are missing from this "
            "installation; install videoseg again"
        )
    return Vocabulary(json.loads(gzip.decompress(path.read_bytes())))


def singulars(words: Sequence[str]) -> list[str]:
    """The name as written, then with its last word in the singular, likeliest first."""
    before, last = list(words[:-1]), words[-1]
    forms = [last]
    if last in _IRREGULAR:
        forms.append(_IRREGULAR[last])
    forms += [
        last.removesuffix(plural) + singular
        for plural, singular in _ENDINGS
        if last.endswith(plural) and len(last) > len(plural) + 1
    ]
    return [" ".join([*before, form]) for form in forms]
