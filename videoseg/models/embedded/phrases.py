"""Reads a phrase: which things it names, and which of several it picks.

The grammar, small on purpose; what it cannot read it refuses::

    phrase    = things { ("and" | "," ) things }            things that touch become one object
    things    = [count] { colour | size | pick } noun { place } { relation things }
    pick      = "leftmost" | "second" "largest" | "third" ... "from the" side | "middle" ...
    place     = ["on" | "at" | "in"] ["the"] (side | "middle" | "centre")
    relation  = "on" | "in" | "with" | "holding" | "wearing" | "riding" | "near" | "next to" ...

A *generic* noun ("block", "thing") means any object; it needs a colour to single something out,
and then the colour alone decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded.colours import COLOURS
from videoseg.models.embedded.words import LONGEST, Noun, Vocabulary, singulars

Key: TypeAlias = Literal["left", "right", "top", "bottom", "middle", "large", "small"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_AND = _words("and , &")
_SILENT = _words(
    "the a an this that these those my your his her its their our some any all every each"
)
_GENERIC = _words(
    "thing object item one shape piece part block cube brick box square circle spot patch marker"
    " area region"
)
_SIDES: dict[str, Key] = {
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
_EXTREMES: dict[str, Key] = {
    "largest": "large",
    "biggest": "large",
    "smallest": "small",
    "tiniest": "small",
    "nearest": "large",
    "closest": "large",
}
_SIZES: dict[str, Key] = {
    "large": "large",
    "big": "large",
    "huge": "large",
    "small": "small",
    "little": "small",
    "tiny": "small",
}
_ORDINALS = {
    word: rank
    for rank, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th")
    )
    for word in words.split()
}
_COUNTS = {
    word: number
    for number, words in enumerate(
        ("one 1", "two 2 both", "three 3", "four 4", "five 5", "six 6"), start=1
    )
    for word in words.split()
}
_MOST: dict[str, Key] = {side: key for side, key in _SIDES.items() if side.endswith("most")}
_DESCRIBING = frozenset((*COLOURS, *_SIZES, *_COUNTS, *_SIDES, *_EXTREMES))
_MOST_TOLD, _LONGEST_TOLD = 5, 80
"""A refusal quotes so many words and characters of a phrase."""
_RELATIONS = (
    ("next", "to"),
    ("on", "top", "of"),
    ("beside",),
    ("near",),
    ("by",),
    ("on",),
    ("in",),
    ("with",),
    ("holding",),
    ("wearing",),
    ("riding",),
)


@dataclass(frozen=True, slots=True)
class Pick:
    """One of several, by order: ``rank`` 0 is the first from the ``key`` side, or the largest."""

    key: Key
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Things:
    """Things of one kind.

    Attributes:
        noun: Its noun; None for a generic noun, which means any object.
        colour: Name of the colour they have, or None.
        size: ``large`` or ``small`` among their kind, or None.
        picks: Applied one after the other.
        count: At most so many.
        near: Things that they must touch.
    """

    noun: Noun | None
    colour: str | None = None
    size: Key | None = None
    picks: tuple[Pick, ...] = ()
    count: int | None = None
    near: tuple[Things, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A phrase, read.

    Attributes:
        phrase: As the user wrote it.
        things: What it names; where there are several, those that touch make one object.
        notes: One line for each liberty taken in reading it.
    """

    phrase: str
    things: tuple[Things, ...]
    notes: tuple[str, ...] = ()


@dataclass
class _Reader:
    """Reads tokens from left to right; keeps what was and what was not understood."""

    vocabulary: Vocabulary
    tokens: Sequence[str]
    place: int = 0
    understood: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Number of tokens not read yet."""
        return len(self.tokens) - self.place

    @property
    def word(self) -> str:
        """The next token."""
        return self.tokens[self.place]

    def ahead(self, number: int) -> tuple[str, ...]:
        """The next tokens, at most ``number``."""
        return tuple(self.tokens[self.place : self.place + number])

    def take(self, number: int = 1) -> None:
        """Read on: the next tokens are understood."""
        self.understood.append(" ".join(self.ahead(number)))
        self.place += number

    def skip(self) -> None:
        """Read on: the next token says nothing."""
        self.place += 1

    def refuse(self) -> None:
        """Read on: the next token is not understood."""
        self.unknown.append(self.word)
        self.place += 1


def read(phrase: str, vocabulary: Vocabulary) -> Query:
    """Read a phrase.

    Raises:
        UnknownPhraseError: Some of it is not understood, or it names nothing in particular.
    """
    tokens = re.findall(r"[\w'-]+|[,&]", phrase.lower().replace("\u2019", "'"))
    reader = _Reader(vocabulary, _gathered(tokens))
    groups = []
    while reader.left:
        if reader.word in _AND:
            reader.skip()
        else:
            groups.append(_things(reader))
    vague = any(group.noun is None and group.colour is None for group in groups)
    if reader.unknown or vague or not groups:
        raise UnknownPhraseError(_refusal(phrase, reader), phrase=phrase)
    return Query(phrase, tuple(groups), tuple(_notes(groups, vocabulary)))


def _gathered(tokens: list[str]) -> list[str]:
    """Tokens with "from the left" moved to its ordinal: "second cup from the left"."""
    for first, token in enumerate(tokens):
        if token in _ORDINALS and "from" in tokens[first + 1 :]:
            last = tokens.index("from", first)
            end = last + 1 + (tokens[last + 1 : last + 2] == ["the"])
            if tokens[end : end + 1] and tokens[end] in _SIDES:
                side = tokens[last : end + 1]
                between = tokens[first + 1 : last]
                return [*tokens[: first + 1], *side, *between, *tokens[end + 1 :]]
    return tokens


def _things(reader: _Reader) -> Things:
    """Read up to the next "and", comma or end."""
    things, named = Things(None), False
    while reader.left and reader.word not in _AND:
        number, noun = _noun(reader)
        relation = _relation(reader) if named else 0
        if relation:
            reader.take(relation)
            things = replace(things, near=(*things.near, _things(reader)))
        elif reader.word in _SILENT:
            reader.skip()
        elif number > 1 or (number and not _describes(reader, named)):
            if named:
                # "dog house": the last noun is what is meant, and the first is not understood.
                reader.unknown.append(reader.understood.pop())
            reader.take(number)
            things, named = replace(things, noun=noun), True
        elif _GENERIC.intersection(singulars([reader.word])) and not _describes(reader, named):
            reader.take()
            named = True
        elif (described := _describe(reader, things)) is not None:
            things = described
        else:
            reader.refuse()
    return things


def _noun(reader: _Reader) -> tuple[int, Noun | None]:
    """The longest noun that comes next and its number of tokens, or 0 and None."""
    for number in range(min(LONGEST, reader.left), 0, -1):
        words = reader.ahead(number)
        if not set(words) & (_AND | _SILENT):
            noun = reader.vocabulary.find(words)
            if noun is not None:
                return number, noun
    return 0, None


def _describes(reader: _Reader, named: bool) -> bool:
    """Whether the next token, though a noun too, describes another: "orange cup", "one dog"."""
    return reader.word in _DESCRIBING and (named or reader.left > 1)


def _describe(reader: _Reader, things: Things) -> Things | None:
    """Read a colour, size, number or place; None where the next token is none of them."""
    word = reader.word
    picked = _pick(reader)
    if picked is not None:
        pick, number = picked
        reader.take(number)
        return replace(things, picks=(*things.picks, pick))
    if word in COLOURS:
        reader.take()
        return replace(things, colour=COLOURS[word])
    if word in _SIZES:
        reader.take()
        return replace(things, size=_SIZES[word])
    if word in _COUNTS:
        reader.take()
        return replace(things, count=_COUNTS[word])
    return None


def _pick(reader: _Reader) -> tuple[Pick, int] | None:
    """An order that comes next ("second from the left", "largest", "left") and its length."""
    words = reader.ahead(4)
    if words[0] in _ORDINALS:
        return _ordinal(words)
    key = _SIDES.get(words[0]) or _EXTREMES.get(words[0])
    if key:
        return Pick(key), 1
    if words[0] in ("on", "at", "in", "to", "from"):
        rest = [word for word in words[1:3] if word != "the"]
        if rest and rest[0] in _SIDES and "of" not in words:
            return Pick(_SIDES[rest[0]]), words.index(rest[0]) + 1
    return None


def _ordinal(words: Sequence[str]) -> tuple[Pick, int] | None:
    """A ranked order ("second largest", "second from the left") and its number of tokens."""
    number = 1
    while number < len(words) and words[number] in ("from", "the"):
        number += 1
    if number == len(words):
        return None
    keys = {**_EXTREMES, **_MOST} if number == 1 else _SIDES
    key = keys.get(words[number])
    return (Pick(key, _ORDINALS[words[0]]), number + 1) if key else None


def _relation(reader: _Reader) -> int:
    """Number of tokens of a relation that comes next and has something after it, or 0."""
    if _pick(reader) is not None:
        return 0
    for relation in _RELATIONS:
        if reader.ahead(len(relation)) == relation and reader.left > len(relation):
            return len(relation)
    return 0


def _refusal(phrase: str, reader: _Reader) -> str:
    understood = ", ".join(map(repr, reader.understood[:_MOST_TOLD])) or "nothing"
    if reader.unknown:
        unknown = ", ".join(map(repr, reader.unknown[:_MOST_TOLD]))
        what = f"understood {understood}, not {unknown}"
    else:
        what = f"understood {understood}, which singles nothing out"
    return (
        f"the embedded model cannot ground {phrase[:_LONGEST_TOLD]!r}: {what}; "
        "outline it with --box or --point, or use an open-vocabulary model"
    )


def _notes(groups: Sequence[Things], vocabulary: Vocabulary) -> list[str]:
    notes = []
    for group in groups:
        if group.noun is None:
            notes.append(f"the {group.colour} thing is grounded by its colour alone")
        elif group.noun.general:
            target = group.noun.target
            kinds = [vocabulary.classes[h] for h in target.heads]
            kinds += [vocabulary.imagenet[i] for i in target.imagenet]
            notes.append(f"any {' or '.join(kinds[:3])} is taken for {group.noun.word!r}")
        notes += _notes(group.near, vocabulary)
    return notes
