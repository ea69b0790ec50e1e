"""Which cameras and episodes of a data set are read, as its user names them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from videoseg.errors import ConfigError, SourceError, nearest, shown
from videoseg.formats.lerobot import Episode

_PART = re.compile(r"(\d{1,10})(?:-(\d{1,10}))?")
_PREFIX = "observation.images."


def chosen_cameras(known: Sequence[str], wanted: str) -> Sequence[str]:
    """The cameras that one of some wildcards fits, in the order of the data set.

    Args:
        known: The cameras of the data set.
        wanted: Names or wildcards, separated by commas; ``observation.images.`` may be left out.

    Raises:
        SourceError: A wildcard fits none.
    """
    found: set[str] = set()
    short = [key.removeprefix(_PREFIX) for key in known]
    for pattern in filter(None, map(str.strip, wanted.split(","))):
        fits = {
            key
            for key in known
            if fnmatchcase(key, pattern) or fnmatchcase(key.removeprefix(_PREFIX), pattern)
        }
        if not fits:
            raise SourceError(
                f"the data set has no camera {shown(pattern)}; {nearest(pattern, short)}"
            )
        found |= fits
    return [key for key in known if key in found]


def chosen_episodes(known: Sequence[Episode], wanted: str) -> Sequence[Episode]:
    """The episodes that a text names.

    Args:
        known: The episodes of the data set by number.
        wanted: Numbers and ranges, ``0-3,7``; all where it is empty.

    Raises:
        ConfigError: The text is none of these.
        SourceError: A part of it fits no episode.
    """
    if not wanted.strip():
        return known
    ranges = [_range(part.strip()) for part in wanted.split(",")]
    for first, last in ranges:
        if not any(first <= episode.index <= last for episode in known):
            name = f"{first}" if first == last else f"{first}-{last}"
            raise SourceError(
                f"the data set has no episode {name}; it has {len(known)}, numbered "
                f"{known[0].index} to {known[-1].index}"
            )
    return [each for each in known if any(first <= each.index <= last for first, last in ranges)]


def _range(part: str) -> tuple[int, int]:
    found = _PART.fullmatch(part)
    if found is None:
        raise ConfigError(f"sources.lerobot.episodes: {shown(part)} is no number or range as 0-3")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise ConfigError(f"sources.lerobot.episodes: {shown(part)} ends before it begins")
    return first, last
