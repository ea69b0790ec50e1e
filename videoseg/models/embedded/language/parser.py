"""Parses a phrase: which things it names, and which of several it picks.

The grammar, small on purpose; what it cannot read it refuses::

    phrase    = things { ("and" | "," ) things }            things that touch become one object
    things    = [count] { colour | size | pick | make } noun { place } { relation things }
    pick      = "leftmost" | "second" "largest" | "third" ... "from the" side | "middle" ...
    place     = ["on" | "at" | "in"] ["the"] (side | "middle" | "centre")
    relation  = "on" | "with" | "wearing" | "near" | "left of" | "under" | "behind" ...

A *generic* noun ("block", "thing") means any object: with a colour, the colour alone decides;
without, what stands out is meant, if the noun can be counted. An *unclassed* noun ("robot") means
what stands out and has no class. A *make* ("wooden", "striped") is read but not judged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded.language.colours import COLOURS
from videoseg.models.embedded.language.lexicon import (
    COLOURED_NOUNS,
    CONJUNCTIONS,
    COUNTABLE_NOUNS,
    COUNTS,
    GENERIC_NOUNS,
    MAX_RELATION_WORDS,
    MAX_UNCLASSED_WORDS,
    MODIFIERS,
    ORDINALS,
    RELATIONS,
    SIDE_SUPERLATIVES,
    SIDES,
    SIZES,
    STOP_WORDS,
    SUPERLATIVES,
    UNCLASSED_NOUNS,
    UNJUDGED_ATTRIBUTES,
    UNJUDGED_NOUNS,
)
from videoseg.models.embedded.language.notes import notes_on, quoted
from videoseg.models.embedded.language.query import Pick, Query, Things
from videoseg.models.embedded.language.vocabulary import MAX_NOUN_WORDS, Noun, Vocabulary, singulars

_MAX_WORDS_QUOTED = 5
"""A refusal quotes no more words of a phrase than this."""


@dataclass
class _TokenReader:
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


def parse(phrase: str, vocabulary: Vocabulary) -> Query:
    """Parse a phrase.

    Raises:
        UnknownPhraseError: Some of it is not understood, or it names nothing in particular.
    """
    found = re.findall(r"[\w'-]+|[,&]", phrase.lower().replace("\u2019", "'"))
    tokens = [token for each in found if (token := each.strip("'-"))]  # 'cup', in quotes
    try:
        return _parse(phrase, tokens, vocabulary)
    except UnknownPhraseError:
        divided = [part for token in tokens for part in token.split("-") if part]
        if divided != tokens:  # "red-cup"; but "ping-pong table" is a noun as it is written
            with suppress(UnknownPhraseError):
                return _parse(phrase, divided, vocabulary)
        raise


def _parse(phrase: str, tokens: list[str], vocabulary: Vocabulary) -> Query:
    reader = _TokenReader(vocabulary, _ordinals_joined(_owners_behind(tokens)))
    groups = []
    while reader.left:
        if reader.word in CONJUNCTIONS:
            reader.skip()
        else:
            groups.append(_things(reader))
    vague = any(not (group.noun or group.colour or group.word) for group in groups)
    if reader.unknown or vague or not groups:
        raise UnknownPhraseError(_refusal(phrase, reader), phrase=phrase)
    notes = notes_on(phrase, groups, vocabulary)
    if "," in tokens:
        notes.append(
            f"{quoted(phrase)} is looked for as one object of parts that touch; "
            "ask for several things one by one"
        )
    return Query(phrase, tuple(groups), tuple(notes))


def _owners_behind(tokens: list[str]) -> list[str]:
    """Tokens with an owner moved behind what it owns: "the man's hat", "the hat of the man"."""
    for place, token in enumerate(tokens):
        if token.endswith("'s"):
            start = max((n + 1 for n in range(place) if tokens[n] in CONJUNCTIONS), default=0)
            rest = range(place + 1, len(tokens))
            end = next((n for n in rest if tokens[n] in CONJUNCTIONS), len(tokens))
            owner, owned = tokens[start:place], tokens[place + 1 : end]
            if owned:
                behind = ["of", *owner, token.removesuffix("'s")]
                return [*tokens[:start], *owned, *behind, *tokens[end:]]
    return tokens


def _ordinals_joined(tokens: list[str]) -> list[str]:
    """Tokens with "from the left" moved to its ordinal: "second cup from the left"."""
    for first, token in enumerate(tokens):
        if token in ORDINALS and "from" in tokens[first + 1 :]:
            last = tokens.index("from", first)
            end = last + 1 + (tokens[last + 1 : last + 2] == ["the"])
            if tokens[end : end + 1] and tokens[end] in SIDES:
                side = tokens[last : end + 1]
                between = tokens[first + 1 : last]
                return [*tokens[: first + 1], *side, *between, *tokens[end + 1 :]]
    return tokens


def _things(reader: _TokenReader) -> Things:
    """Read up to the next "and", comma or end."""
    things, named = Things(None), False
    while reader.left and reader.word not in CONJUNCTIONS:
        number, noun = _noun(reader)
        relation = _relation(reader) if named else ()
        classless = _classless(reader, things)
        if relation:
            reader.take(len(relation))
            partner = (RELATIONS[relation], _things(reader))
            things = replace(things, related=(*things.related, partner))
        elif classless is not None:
            things, named = classless, True
        elif _is_unjudged(reader, named):
            things = replace(things, unjudged=(*things.unjudged, reader.word))
            reader.take()
        elif reader.word in STOP_WORDS:
            reader.skip()
        elif number > 1 or (number and not _describes(reader, named)):
            if named:
                # "dog house": the last noun is what is meant, and the first is not understood.
                reader.unknown.append(reader.understood.pop())
            reader.take(number)
            things, named = replace(things, noun=noun), True
        elif generic := _generic(reader, named):
            word = generic if generic in COUNTABLE_NOUNS else None
            things, named = replace(things, word=word), True
            reader.take()
        elif (described := _describe(reader, things)) is not None:
            things = described
        elif reader.unknown and (reader.word,) in RELATIONS:
            reader.skip()  # what it stands behind is said to be unknown already
        else:
            reader.refuse()
    return things


def _generic(reader: _TokenReader, named: bool) -> str | None:
    """The next word, in the singular, if it means any object."""
    if _describes(reader, named):
        return None
    return next((word for word in singulars([reader.word]) if word in GENERIC_NOUNS), None)


def _classless(reader: _TokenReader, things: Things) -> Things | None:
    """Take a noun that has no class and is looked for by what is known of it all the same."""
    for number in range(min(MAX_UNCLASSED_WORDS, reader.left), 0, -1):
        for word in singulars(reader.ahead(number)):
            if word in COLOURED_NOUNS:
                reader.take(number)
                return replace(things, colour=things.colour or COLOURED_NOUNS[word])
            if word in UNCLASSED_NOUNS:
                reader.take(number)
                return replace(things, word=word, unclassed=True)
    return None


def _noun(reader: _TokenReader) -> tuple[int, Noun | None]:
    """The longest noun that comes next and its number of tokens, or 0 and None."""
    for number in range(min(MAX_NOUN_WORDS, reader.left), 0, -1):
        words = reader.ahead(number)
        if not set(words) & (CONJUNCTIONS | STOP_WORDS) and not _divides_noun(reader, number):
            noun = reader.vocabulary.find(words)
            if noun is not None:
                return number, noun
    return 0, None


def _divides_noun(reader: _TokenReader, number: int) -> bool:
    """Whether a noun of so many tokens would take the first word of another: "red wine" glass."""
    if number == 1 or reader.word not in MODIFIERS:
        return False
    return reader.vocabulary.find(reader.ahead(number + 1)[1:]) is not None and number < reader.left


def _describes(reader: _TokenReader, named: bool) -> bool:
    """Whether the next token, though a noun too, describes another: "orange cup", "one dog"."""
    return reader.word in MODIFIERS and (named or reader.left > 1)


def _describe(reader: _TokenReader, things: Things) -> Things | None:
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
    if word in SIZES:
        reader.take()
        return replace(things, size=SIZES[word])
    if word in COUNTS:
        reader.take()
        return replace(things, count=COUNTS[word])
    return None


def _pick(reader: _TokenReader) -> tuple[Pick, int] | None:
    """An order that comes next ("second from the left", "largest", "left") and its length."""
    words = reader.ahead(4)
    if words[0] in ORDINALS:
        return _ordinal(words)
    key = SIDES.get(words[0]) or SUPERLATIVES.get(words[0])
    if key:
        return Pick(key), 1
    if words[0] in ("on", "at", "in", "to", "from"):
        rest = [word for word in words[1:3] if word != "the"]
        if rest and rest[0] in SIDES and "of" not in words:
            return Pick(SIDES[rest[0]]), words.index(rest[0]) + 1
    return None


def _ordinal(words: Sequence[str]) -> tuple[Pick, int] | None:
    """A ranked order ("second largest", "second from the left") and its number of tokens."""
    number = 1
    while number < len(words) and words[number] in ("from", "the"):
        number += 1
    if number == len(words):
        return None
    keys = {**SUPERLATIVES, **SIDE_SUPERLATIVES} if number == 1 else SIDES
    key = keys.get(words[number])
    return (Pick(key, ORDINALS[words[0]]), number + 1) if key else None


def _relation(reader: _TokenReader) -> tuple[str, ...]:
    """The longest relation that comes next and has something after it, or nothing."""
    for number in range(min(MAX_RELATION_WORDS, reader.left - 1), 0, -1):
        if reader.ahead(number) in RELATIONS and (number > 1 or _pick(reader) is None):
            return reader.ahead(number)
    return ()


def _is_unjudged(reader: _TokenReader, named: bool) -> bool:
    """Whether the next word only says what a noun further on is made of or looks like."""
    if named or reader.left < 2 or _noun(reader)[0] > 1:
        return False
    following = reader.tokens[reader.place + 1]
    if reader.word in UNJUDGED_NOUNS:
        generic = GENERIC_NOUNS.intersection(singulars([following]))
        return bool(generic) or reader.vocabulary.find([following]) is not None
    return reader.word in UNJUDGED_ATTRIBUTES and following not in CONJUNCTIONS


def _refusal(phrase: str, reader: _TokenReader) -> str:
    if not reader.unknown:
        return (
            f"{quoted(phrase)} could be any object for the embedded model; "
            "mark it with --box or --point, or name its colour"
        )
    unknown = ", ".join(map(repr, reader.unknown[:_MAX_WORDS_QUOTED]))
    known = list(dict.fromkeys(map(repr, filter(None, reader.understood))))[:_MAX_WORDS_QUOTED]
    where = f" in {quoted(phrase)}" if known else ""
    return (
        f"the embedded model does not know {unknown}{where}; "
        "mark it with --box or --point, or use another word"
    )
