"""The words of the grammar (see ``parser.py``) that are not nouns."""

from __future__ import annotations

from typing import Literal, TypeAlias

from videoseg.models.embedded.language.colours import COLOURS

Key: TypeAlias = Literal["left", "right", "top", "bottom", "middle", "large", "small"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONJUNCTIONS = _words("and , &")
"""Between things of one phrase."""
STOP_WORDS = _words(
    "the a an this that these those my your his her its their our some any all every each"
)
"""Read without a meaning."""
GENERIC_NOUNS = _words(
    "thing object item one shape piece part block cube brick box square circle spot patch marker"
    " area region"
)
"""Nouns that mean any object."""
COUNTABLE_NOUNS = _words("thing object item shape block cube brick")
"""Those of them that are found without a colour: all that stands out is looked for."""
UNCLASSED_NOUNS = frozenset(
    (
        *("robot", "robot arm", "robotic arm", "robot hand", "gripper", "drone"),
        *("headphones", "headset", "sculpture", "gadget"),
    )
)
"""Things without a class: the one that stands out and has none is looked for."""
COLOURED_NOUNS = {"traffic cone": "orange", "road cone": "orange", "safety cone": "orange"}
"""Things without a class that are known by their colour."""
MAX_UNCLASSED_WORDS = 2
"""The longest of these nouns has this many words."""
SIDES: dict[str, Key] = {
    "left": "left",
    "leftmost": "left",
    "right": "right",
    "rightmost": "right",
    "top": "top",
    "topmost": "top",
    "upper": "top",
    "uppermost": "top",
    "highest": "top",
    "bottom": "bottom",
    "bottommost": "bottom",
    "lower": "bottom",
    "lowest": "bottom",
    "middle": "middle",
    "center": "middle",
    "centre": "middle",
    "central": "middle",
}
"""Places in the frame and the side that each means."""
SUPERLATIVES: dict[str, Key] = {
    "largest": "large",
    "biggest": "large",
    "smallest": "small",
    "tiniest": "small",
    "nearest": "large",
    "closest": "large",
}
"""Extremes of size; the nearest thing is taken for the largest."""
SIZES: dict[str, Key] = {
    "large": "large",
    "big": "large",
    "huge": "large",
    "small": "small",
    "little": "small",
    "tiny": "small",
}
"""Sizes among things of one kind."""
ORDINALS = {
    word: rank
    for rank, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th")
    )
    for word in words.split()
}
"""Ranks, from 0."""
COUNTS = {
    word: number
    for number, words in enumerate(
        ("one 1", "two 2 both", "three 3", "four 4", "five 5", "six 6"), start=1
    )
    for word in words.split()
}
"""Numbers of things."""
SIDE_SUPERLATIVES: dict[str, Key] = {
    side: key for side, key in SIDES.items() if side.endswith("most")
}
"""Sides that take an ordinal before them: "second leftmost"."""
MODIFIERS = frozenset((*COLOURS, *SIZES, *COUNTS, *SIDES, *SUPERLATIVES))
"""Words that describe a noun that follows, even where they are nouns themselves."""
Relation: TypeAlias = Literal[
    "touching", "near", "left", "right", "above", "below", "behind", "before"
]
_RELATIONS: dict[Relation, str] = {
    "touching": "on|in|with|holding|wearing|riding|on top of|of",
    "near": "next to|beside|near|by|close to|at",
    "left": "left of|on the left of|to the left of",
    "right": "right of|on the right of|to the right of",
    "above": "above|over",
    "below": "below|under|underneath|beneath",
    "behind": "behind|in back of",
    "before": "in front of",
}
RELATIONS = {
    tuple(phrase.split()): relation
    for relation, phrases in _RELATIONS.items()
    for phrase in phrases.split("|")
}
"""How one thing lies to another, by its words; ``grounding/relations.py`` says what each means."""
MAX_RELATION_WORDS = max(map(len, RELATIONS))
"""The longest relation has this many words."""
UNJUDGED_NOUNS = _words("toy letter cardboard rubber steel paper glass")
"""Nouns that say of a noun right behind them what it is made of or stands for: "toy car"."""
UNJUDGED_ATTRIBUTES = _words(
    "wood wooden brick stone tile tiled metal metallic plastic leather concrete marble rubber"
    " woolen ceramic striped spotted checked checkered patterned plain fluffy furry hairy shiny"
    " dirty clean old new young tall short long round square front back rear"
)
"""Make, texture and shape, which the network does not tell apart: read and said so."""
