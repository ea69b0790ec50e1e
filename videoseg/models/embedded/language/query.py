"""What a phrase says once it is read."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from videoseg.models.embedded.language.lexicon import Key, Relation
from videoseg.models.embedded.language.vocabulary import Noun


@dataclass(frozen=True, slots=True)
class Pick:
    """One of several, by order: ``rank`` 0 is the first from the ``key`` side, or the largest."""

    key: Key
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Things:
    """Things of one kind.

    Attributes:
        noun: Its noun; None for a generic one, which means any object, and for one without a class.
        word: That generic or unclassed noun, if it can be looked for without a colour.
        unclassed: Whether it is one without a class.
        colour: Name of the colour they have, or None.
        size: ``large`` or ``small`` among their kind, or None.
        picks: Applied one after the other.
        count: At most so many.
        related: How they lie to others, any of which will do.
        unjudged: What the phrase says of them that cannot be told.
    """

    noun: Noun | None
    colour: str | None = None
    size: Key | None = None
    picks: tuple[Pick, ...] = ()
    count: int | None = None
    related: tuple[tuple[Relation, Things], ...] = ()
    unjudged: tuple[str, ...] = ()
    word: str | None = None
    unclassed: bool = False

    @property
    def told_apart(self) -> bool:
        """Whether they are told apart from others of their kind, which is taken for granted."""
        return bool(self.picks or self.colour or self.size or self.related)


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


def meaning(query: Query) -> Hashable:
    """What a phrase is looked for as; phrases with the same meaning get the same answer."""
    return tuple(map(_meaning, query.things))


def _meaning(things: Things) -> Hashable:
    noun = None if things.noun is None else things.noun.target
    related = tuple((relation, _meaning(other)) for relation, other in things.related)
    by = (noun, things.colour, things.word is not None, things.unclassed)
    return *by, things.size, things.picks, things.count, related
