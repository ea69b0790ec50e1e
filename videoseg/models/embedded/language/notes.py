"""What there is to say about a phrase that is looked for as something else than it says."""

from __future__ import annotations

from collections.abc import Sequence

from videoseg.models.embedded.language.query import Things
from videoseg.models.embedded.language.vocabulary import Noun, Vocabulary

_MAX_CHARACTERS_QUOTED = 80
"""A line quotes no more characters of a phrase than this."""
_MAX_CLASSES_NAMED = 3
"""A note names so many classes that a noun is looked for as."""


def quoted(phrase: str) -> str:
    """A phrase as a line shows it."""
    return repr(phrase[:_MAX_CHARACTERS_QUOTED])


def notes_on(phrase: str, groups: Sequence[Things], vocabulary: Vocabulary) -> list[str]:
    """One line for each liberty that is taken with the things of a phrase."""
    notes = []
    for group in groups:
        if group.noun is None:
            notes.append(_classless_note(phrase, group))
        elif group.noun.general or group.noun.narrow:
            notes.append(_class_note(group.noun, vocabulary))
        notes += [
            f"{word!r} in {quoted(phrase)} is ignored: this model cannot judge it"
            for word in group.unjudged
        ]
        notes += notes_on(phrase, [partner for _, partner in group.related], vocabulary)
    return notes


def _classless_note(phrase: str, group: Things) -> str:
    """By what a thing without a class is looked for."""
    if group.colour is not None:
        return f"the {group.colour} thing in {quoted(phrase)} is looked for by its colour alone"
    if group.unclassed:
        return (
            f"this model has no class for {group.word!r}: it takes what stands out most and is "
            "none of its classes; if that is something else, mark it with --box or --point"
        )
    return (
        f"{group.word!r} may be any object: all that stand out are looked for; to follow one, name "
        "its colour or mark it with --box or --point"
    )


def _class_note(noun: Noun, vocabulary: Vocabulary) -> str:
    """That a noun is looked for as something that is wider, or narrower."""
    kinds = [vocabulary.classes[head] for head in noun.target.heads]
    kinds += [vocabulary.imagenet[index] for index in noun.target.imagenet]
    known = " or ".join(map(repr, kinds[:_MAX_CLASSES_NAMED]))
    if noun.narrow:
        return f"{noun.word!r} is looked for as {known} only; this model knows no other kind"
    one = repr(kinds[0]) if len(kinds) == 1 else "thing"
    return (
        f"{noun.word!r} is looked for as any {known}; "
        f"to follow one {one}, mark it with --box or --point"
    )
