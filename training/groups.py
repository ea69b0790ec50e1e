"""Which ImageNet classes show which class of the head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.wordnet import WordNet

IMAGENET_SYNSETS = tuple(
    int(line[1:]) for line in Path(__file__).with_name("imagenet_classes.txt").read_text().split()
)
"""WordNet offsets of the 1000 ImageNet classes in the order of the classifier's outputs."""


def below(wordnet: WordNet) -> dict[int, list[int]]:
    """Synset to the ImageNet classes that are it or a kind of it."""
    found: dict[int, list[int]] = {}
    for index, synset in enumerate(IMAGENET_SYNSETS):
        for ancestor, _ in wordnet.ancestors(synset):
            found.setdefault(ancestor, []).append(index)
    return found


def groups(
    wordnet: WordNet, table: dict[str, tuple[str, ...]], names: tuple[str, ...]
) -> npt.NDArray[np.float32]:
    """(names, 1000): 1 where the ImageNet class shows the named class.

    A noun stands for its first sense that has ImageNet classes at or below it.

    Raises:
        ValueError: A noun of the table has no such sense.
    """
    under = below(wordnet)
    result = np.zeros((len(names), len(IMAGENET_SYNSETS)), dtype=np.float32)
    for name, nouns in table.items():
        for noun in nouns:
            senses = [s for s in wordnet.senses.get(noun, ()) if s in under]
            if not senses:
                raise ValueError(f"{noun!r} names no ImageNet class")
            result[names.index(name), under[senses[0]]] = 1
    return result
