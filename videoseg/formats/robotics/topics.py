"""Names of topics: which are asked for, and what a stream of each is called."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z.-]+")
_LONGEST = 80
"""Letters of a stream's name; files that are named after it have endings, too."""
_SHOWN = 6
"""Topics that a message lists at most."""


def stream_names(topics: Iterable[str]) -> dict[str, str]:
    """Topic -> name of its stream: safe as the name of a file, and unique.

    ``/camera/front/image_raw`` is ``camera_front_image_raw``. Two topics whose names would be the
    same, also where capitals count for nothing, are told apart by a number.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for topic in topics:
        plain = _NOT_IN_NAMES.sub("_", topic).strip("_.-")[:_LONGEST] or "topic"
        name, number = plain, 2
        while name.lower() in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name.lower())
        names[topic] = name
    return names


def chosen_topics(topics: Sequence[str], globs: Sequence[str], what: str = "topic") -> list[str]:
    """The topics that one of some patterns fits, in their own order; all where there is no pattern.

    ``*`` stands for any letters, also for slashes, ``?`` for one; ``camera/*`` fits ``/camera/a``.
    ``what`` says what each of the topics is.

    Raises:
        ValueError: A pattern fits none; says which topics there are, the nearest first.
    """
    for glob in globs:
        if not any(_fits(topic, glob) for topic in topics):
            raise ValueError(f"no {what} fits {glob!r}; {_there_are(topics, glob)}")
    return [topic for topic in topics if not globs or any(_fits(topic, each) for each in globs)]


def _fits(topic: str, glob: str) -> bool:
    return fnmatchcase(topic, glob) or fnmatchcase(topic.lstrip("/"), glob.lstrip("/"))


def _there_are(topics: Sequence[str], glob: str) -> str:
    if not topics:
        return "there is none"
    near = difflib.get_close_matches(glob, topics, n=1, cutoff=0.4)
    ordered = [*near, *(topic for topic in topics if topic not in near)]
    more = len(ordered) - _SHOWN
    listed = ", ".join(ordered[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f"did you mean {listed}?" if near else f"there are {listed}"


def printable(text: str) -> str:
    """A name from a log for people to read: on one line, whatever a damaged log has in it."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def globs_of(text: str | Sequence[str]) -> tuple[str, ...]:
    """Patterns as a setting has them: a list, or one text with commas between."""
    parts = text.split(",") if isinstance(text, str) else text
    return tuple(part.strip() for part in parts if part.strip())


def ros1_name(schema: str) -> str:
    """``sensor_msgs/msg/Image`` as ROS 1 writes it, ``sensor_msgs/Image``."""
    return schema.replace("/msg/", "/")
