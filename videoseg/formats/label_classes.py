"""Labels as the classes of a data set: numbered in the order of a run's labels, each name once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

_BREAKS = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
"""What ends a line somewhere, shows nothing, or is no character."""


def classes_of(labels: Sequence[str]) -> dict[str, int]:
    """The place of each label, from 0; the same label again is the same class."""
    return {label: place for place, label in enumerate(dict.fromkeys(labels))}


def class_names(
    labels: Sequence[str], forbidden: str = "", reserved: Collection[str] = ()
) -> dict[str, str]:
    """What each label is called where classes need names: in the order of ``classes_of``.

    One line each that is not empty, and no two alike.

    Args:
        labels: The labels of the run.
        forbidden: As ``one_line`` takes it.
        reserved: Names that mean something else in the format.
    """
    classes = classes_of(labels)
    plain = (one_line(label, forbidden) for label in classes)
    return dict(zip(classes, unlike(plain, reserved), strict=True))


def one_line(label: str, forbidden: str = "") -> str:
    """A label for a list in plain text, one a line.

    Args:
        label: Any text.
        forbidden: Characters that the list takes for marks of its own.
    """
    plain = _BREAKS.sub(" ", label).strip() or "object"
    return "".join("_" if character in forbidden else character for character in plain)


def utf8_text(text: str) -> str:
    """Text for UTF-8: half a surrogate pair, which a name may hold, is escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def unlike(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """The names, with a number behind each that was there before, or is taken."""
    made: dict[str, None] = {}
    for name in names:
        unique, number = name, 1
        while unique in made or unique in taken:
            number += 1
            unique = f"{name} {number}"
        made[unique] = None
    return list(made)
