"""Builds the table that takes a noun to the network's classes.

A noun stands for the network's classes that are it or kinds of it ("animal": dogs, cats, every
ImageNet animal). A noun that only names a kind of a trained class ("dachshund", "dancer") stands
for that class and is marked as taken in general; one that means more than the one class that it
stands for ("neckwear", of which only ties are known) is marked as narrow.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from training import classes
from training.groups import IMAGENET_SYNSETS, below
from training.wordnet import WordNet

_MOST_WORDS = 3
_COMMON_SENSES = 2

SENSES: Mapping[str, tuple[str, ...]] = {
    "motorcycle": ("motorcycle", "motor scooter"),
    "stop sign": ("street sign",),
    "cat": ("domestic cat",),
    "cow": ("cattle",),
    "skis": ("ski",),
    "sports ball": ("ball",),
    "kite": ("kite#3",),
    "baseball glove": ("baseball glove",),
    "tennis racket": ("racquet",),
    "wine glass": ("drinking glass",),
    "bowl": ("bowl#1", "bowl#3"),
    "banana": ("banana#2",),
    "broccoli": ("broccoli#2",),
    "carrot": ("carrot#3",),
    "hot dog": ("hot dog#2",),
    "cake": ("cake#3",),
    "potted plant": ("flowerpot",),
    "tv": ("television receiver", "television monitor", "crt screen"),
    "laptop": ("laptop", "notebook computer"),
    "mouse": ("computer mouse",),
    "remote": ("remote control",),
    "keyboard": ("computer keyboard", "typewriter keyboard"),
    "cell phone": ("cellular telephone",),
    "oven": ("oven", "kitchen stove"),
    "sink": ("washbasin#2", "sink"),
    "teddy bear": ("teddy bear",),
    "hair drier": ("hand blower",),
    "book": ("book#2",),
    "toilet": ("toilet#2", "toilet seat"),
    "table": ("table#2", "table#3", "desk"),
    "grass": ("grass",),
    "pavement": ("sidewalk",),
    "light": ("lamp", "lamp#2"),
    "paper": (),
    "floor": ("floor",),
    "cabinet": ("cabinet",),
    "food": ("dish#2", "vegetable"),
    "playing field": ("playing field",),
    "water": ("body of water",),
    "shirt": ("shirt", "blouse"),
    "shoe": ("shoe", "boot"),
    "trousers": ("trouser",),
    "coat": ("coat", "jacket", "suit"),
    "stockings": ("stocking", "sock"),
    "shorts": ("short pants",),
    "hair": ("head of hair", "hair"),
    "sunglasses": ("sunglasses", "spectacles"),
    "watch": ("watch", "bracelet"),
    "stairs": ("stairway",),
    "date": ("date#8",),
    "fig": ("fig#2",),
    "wheel": ("car wheel", "wheel"),
    "jeans": ("jean",),
    "bonnet": ("hood#8",),
    "boot lid": (),
    "wing mirror": ("car mirror",),
    "car window": ("windshield",),
    "tail light": ("taillight",),
    "object": (),
}
"""WordNet nouns, with the number of the sense where it is not the first, that a class stands for;
a class that is not listed stands for the first sense of its name."""

IMAGENET_SYNONYMS: dict[str, tuple[str, ...]] = {
    "swan": ("black swan",),
    "camel": ("arabian camel",),
    "dromedary camel": ("arabian camel",),
    "ping pong ball": ("ping-pong ball",),
    "table tennis ball": ("ping-pong ball",),
    "chicken": ("cock", "hen"),
    "seal": ("sea lion",),
    "labrador": ("labrador retriever",),
    "rocket": ("missile", "projectile", "space shuttle"),
    "spaceship": ("space shuttle",),
    "helmet": ("crash helmet", "football helmet", "pickelhaube"),
    "ship": ("container ship", "liner", "pirate", "aircraft carrier", "schooner"),
    "wristwatch": ("digital watch",),
    "plate": ("plate",),
}
"""Everyday names and the ImageNet classes that they mean."""

IMAGENET_KINDS: dict[str, tuple[str, ...]] = {
    "cushion": ("pillow",),
    "blanket": ("quilt",),
    "kettle": ("teapot", "coffeepot", "caldron"),
    "pencil": ("ballpoint", "fountain pen"),
    "deer": ("hartebeest", "impala", "gazelle"),
    "bolt": ("screw",),
    "beer": ("beer glass", "beer bottle"),
    "rat": ("hamster", "guinea pig", "marmot"),
}
"""Everyday names and the ImageNet classes that are as near to them as any; a run says so."""

GROUPS: Mapping[str, tuple[str, ...]] = {
    "plant": ("potted plant", "tree", "flower"),
    "pet": ("cat", "dog"),
    "drink": ("cup", "wine glass", "bottle"),
    "juice": ("cup", "wine glass", "bottle"),
    "milk": ("cup", "wine glass", "bottle"),
    "tea": ("cup",),
    "head": ("hair", "skin"),
    "ground": ("grass", "pavement", "road", "floor", "dirt", "sand"),
    "garden": ("grass", "tree", "flower"),
    "jungle": ("tree",),
    "net": ("fence",),
    "doll": ("teddy bear", "person"),
    "sword": ("knife",),
    "blade": ("knife",),
    "rail": ("railroad", "fence"),
    "costume": ("dress", "coat", "shirt"),
    "grain": ("food",),
    "honey": ("food",),
    "sugar": ("food",),
    "laundry": ("shirt", "trousers"),
}
"""Everyday names of several classes, any of which is found; a run says so."""

NOT_MEANT = frozenset(
    {"plant", "head", "plate", "stick", "ear", "spring", "block", "part", "piece", "one", "cloth"}
    | {"cover", "covering", "container", "shield", "case", "top", "base", "bar", "line", "set"}
)
"""Nouns whose pictured sense in WordNet is not what people mean by them in front of a video."""


@dataclass(frozen=True)
class Target:
    """What a noun stands for: trained and further ImageNet classes, and a class around those."""

    heads: tuple[int, ...]
    imagenet: tuple[int, ...]
    within: int | None = None


class _Builder:
    def __init__(self, wordnet: WordNet, groups: npt.NDArray[np.float32]) -> None:
        self.wordnet, self.groups = wordnet, groups
        self.under = below(wordnet)
        self.anchors: dict[int, int] = {}
        for head, name in enumerate(classes.NAMES):
            for sense in SENSES.get(name, (name,)):
                self.anchors.setdefault(self._sense(sense), head)
        self.heads_under: dict[int, set[int]] = {}
        for synset, head in self.anchors.items():
            for ancestor, _ in wordnet.ancestors(synset):
                self.heads_under.setdefault(ancestor, set()).add(head)

    def _sense(self, text: str) -> int:
        noun, _, number = text.partition("#")
        senses = self.wordnet.senses.get(noun, ())
        place = int(number or 1) - 1
        if place >= len(senses):
            raise ValueError(f"WordNet has no {text!r}")
        return senses[place]

    def target(self, synset: int) -> Target | None:
        """What is shown by the synset itself and what lies under it."""
        heads = self.heads_under.get(synset, set())
        shown = {i for head in heads for i in np.flatnonzero(self.groups[head]).tolist()}
        rest = [i for i in self.under.get(synset, ()) if i not in shown]
        if not heads and not rest:
            return None
        return Target(tuple(sorted(heads)), tuple(rest)) if heads else self.only(tuple(rest))

    def only(self, imagenet: tuple[int, ...]) -> Target:
        """ImageNet classes alone, with the one trained class that they are all kinds of."""
        owners = [set(np.flatnonzero(self.groups[:, i]).tolist()) for i in imagenet]
        common = set.intersection(*owners)
        return Target((), imagenet, min(common) if len(common) == 1 else None)

    def noun(self, senses: tuple[int, ...]) -> Target | None:
        """What a noun's common senses show together, and any sense that is itself a class."""
        meant = [
            target
            for rank, sense in enumerate(senses)
            if rank < _COMMON_SENSES or sense in self.anchors or sense in IMAGENET_SYNSETS
            if (target := self.target(sense)) is not None
        ]
        if len(meant) < 2:
            return meant[0] if meant else None
        heads = {head for target in meant for head in target.heads}
        rest = {index for target in meant for index in target.imagenet}
        return Target(tuple(sorted(heads)), tuple(sorted(rest)))

    def rare(self, wordnet: WordNet, nouns: Mapping[str, tuple[Target, bool]]) -> Iterator[str]:
        """Nouns of which only a meaning is found that people seldom have in mind: trump, a horn."""
        for noun, (target, general) in nouns.items():
            senses = wordnet.senses.get(noun, ())
            found = [rank for rank, sense in enumerate(senses) if self.target(sense) == target]
            named = {wordnet.lemmas[IMAGENET_SYNSETS[index]][0] for index in target.imagenet}
            seldom = bool(found) and found[0] >= _COMMON_SENSES and noun not in named
            if seldom and not general and not target.heads:
                yield noun

    def is_above(self, senses: tuple[int, ...], target: Target) -> bool:
        """Whether a noun means more than the one trained class that it stands for."""
        if len(target.heads) != 1 or target.imagenet or not senses:
            return False
        (head,) = target.heads
        own = {synset for synset, anchored in self.anchors.items() if anchored == head}
        around = {above for synset in own for above, _ in self.wordnet.ancestors(synset)} - own
        return bool(around.intersection(senses)) and not own.intersection(senses)

    def general(self, synset: int) -> Target | None:
        """The nearest trained or ImageNet class that the synset is a kind of."""
        for ancestor, _ in self.wordnet.ancestors(synset):
            if ancestor in self.anchors:
                return Target((self.anchors[ancestor],), ())
            if ancestor in IMAGENET_SYNSETS:
                return self.target(ancestor)
        return None


KIND = "*"
"""Stands in ``synonyms.txt`` before what is a kind of the class and not another name of it."""


def build(wordnet: WordNet, groups: npt.NDArray[np.float32]) -> dict[str, Any]:
    """The table as it is shipped: see ``write``."""
    builder = _Builder(wordnet, groups)
    nouns: dict[str, tuple[Target, bool]] = {}
    for noun, senses in wordnet.senses.items():
        if len(noun.split()) > _MOST_WORDS or not noun.replace(" ", "").replace("-", "").isalpha():
            continue
        if noun in NOT_MEANT:
            continue
        found = builder.noun(senses)
        general = builder.general(senses[0]) if found is None else None
        if found is not None:
            nouns[noun] = (found, False)
        elif general is not None:
            nouns[noun] = (general, True)
    for index, synset in enumerate(IMAGENET_SYNSETS):
        alone = builder.target(synset) or Target((), (index,))
        for name in wordnet.lemmas[synset]:
            if name not in NOT_MEANT:
                nouns.setdefault(name, (alone, False))
    for word, names in (IMAGENET_SYNONYMS | IMAGENET_KINDS).items():
        shown = [
            i for i, synset in enumerate(IMAGENET_SYNSETS) if wordnet.lemmas[synset][0] in names
        ]
        nouns[word] = (builder.only(tuple(shown)), word in IMAGENET_KINDS)
    nouns.update(_everyday())
    rare = set(builder.rare(wordnet, nouns))
    narrow = [
        noun
        for noun, (target, _) in nouns.items()
        if noun not in classes.NAMES
        and (
            builder.is_above(wordnet.senses.get(noun, ())[:_COMMON_SENSES], target) or noun in rare
        )
    ]
    return {**_pack(nouns, wordnet, groups), "narrow": sorted(narrow)}


def write(table: dict[str, Any], path: Path) -> None:
    """Write the table as gzipped JSON, always the same bytes for the same table."""
    text = json.dumps(table, separators=(",", ":"), sort_keys=True)
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def _everyday() -> Iterator[tuple[str, tuple[Target, bool]]]:
    """Everyday names of several trained classes and of one."""
    for word, names in GROUPS.items():
        yield word, (Target(tuple(sorted(map(classes.NAMES.index, names))), ()), True)
    synonyms = _synonyms()
    for head, name in enumerate(classes.NAMES):
        for word in (*synonyms.get(name, ()), name):
            yield word.removeprefix(KIND), (Target((head,), ()), word.startswith(KIND))


def _synonyms() -> dict[str, list[str]]:
    lines = Path(__file__).with_name("synonyms.txt").read_text().splitlines()
    pairs = (line.split(": ") for line in lines if not line.startswith("#"))
    return {name: words.split(", ") for name, words in pairs}


def _pack(
    nouns: dict[str, tuple[Target, bool]], wordnet: WordNet, groups: npt.NDArray[np.float32]
) -> dict[str, Any]:
    targets = list(dict.fromkeys(target for target, _ in nouns.values()))
    number = {target: index for index, target in enumerate(targets)}
    return {
        "classes": list(classes.NAMES),
        "things": [classes.NAMES.index(name) for name in classes.THINGS],
        "stuff": [classes.NAMES.index(n) for n in classes.STUFF if n not in classes.THINGS],
        "imagenet": [wordnet.lemmas[synset][0] for synset in IMAGENET_SYNSETS],
        "groups": [np.flatnonzero(row).tolist() for row in groups],
        "targets": [[list(t.heads), list(t.imagenet), t.within] for t in targets],
        "nouns": {noun: number[target] for noun, (target, _) in nouns.items()},
        "general": sorted(noun for noun, (_, general) in nouns.items() if general),
    }
