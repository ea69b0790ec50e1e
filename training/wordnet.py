"""Nouns and their hypernyms from the plain files of WordNet 3.0 (Debian package wordnet-base).

Format: ``wndb(5WN)``. An ImageNet class is a WordNet synset: ``n02084071`` is the noun synset whose
line in ``data.noun`` begins with 02084071.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_IS_A = frozenset({"@", "@i"})


@dataclass
class WordNet:
    """Noun synsets by offset; lemmas in lower case with spaces."""

    lemmas: dict[int, tuple[str, ...]] = field(default_factory=dict)
    parents: dict[int, tuple[int, ...]] = field(default_factory=dict)
    senses: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> WordNet:
        """Read ``data.noun`` and ``index.noun``."""
        self = cls()
        for line in _entries(folder / "data.noun"):
            words = line.split(" | ")[0].split()
            offset, count = int(words[0]), int(words[3], 16)
            names = tuple(words[4 + 2 * i].replace("_", " ").lower() for i in range(count))
            after = 4 + 2 * count
            pointers = [
                words[after + 1 + 4 * i : after + 5 + 4 * i] for i in range(int(words[after]))
            ]
            self.lemmas[offset] = names
            self.parents[offset] = tuple(int(p[1]) for p in pointers if p[0] in _IS_A)
        for line in _entries(folder / "index.noun"):
            words = line.split()
            self.senses[words[0].replace("_", " ")] = tuple(
                int(word) for word in words[-int(words[2]) :]
            )
        return self

    def ancestors(self, offset: int) -> Iterator[tuple[int, int]]:
        """The synset and all above it, nearest first, each with its number of steps."""
        seen, level, steps = {offset}, [offset], 0
        while level:
            for synset in level:
                yield synset, steps
            level = list(dict.fromkeys(p for s in level for p in self.parents[s] if p not in seen))
            seen.update(level)
            steps += 1


def _entries(path: Path) -> Iterator[str]:
    with path.open(encoding="latin-1") as lines:
        for line in lines:
            if not line.startswith("  "):
                yield line.rstrip("\n")
