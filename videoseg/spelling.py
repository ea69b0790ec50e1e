"""What somebody may have meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

_SHOWN = 4
_SHORTEST = 3
"""Letters from which a piece of a name says which family is meant."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that does not exist: what it begins, the nearest that does, or all."""
    names = list(known)
    likely = _likely(name, names)
    if likely:
        more = f" or {len(likely) - _SHOWN} more" if len(likely) > _SHOWN else ""
        *first, last = [repr(each) for each in likely[:_SHOWN]]
        joined = ", ".join([*first, last]) if more else " or ".join([", ".join(first), last])
        return f"did you mean {joined.removeprefix(' or ')}{more}?"
    return f"there are: {', '.join(names)}" if names else "it has no settings"


def _likely(name: str, names: list[str]) -> list[str]:
    """The names that this is the beginning of, or that are most like it, or that it is within."""
    plain, by_plain = _plain(name), {each: _plain(each) for each in names}
    near = difflib.get_close_matches(plain, list(by_plain.values()), n=1)
    family = plain if len(plain) >= _SHORTEST else None
    ways: tuple[Callable[[str], bool], ...] = (
        lambda known: known == plain,
        lambda known: family is not None and known.startswith(family),
        lambda known: known in near,
        lambda known: family is not None and family in known,
    )
    found = ([each for each, known in by_plain.items() if way(known)] for way in ways)
    return next(filter(None, found), [])


def _plain(name: str) -> str:
    """Letters and digits alone, which people remember."""
    return "".join(filter(str.isalnum, name.lower()))
