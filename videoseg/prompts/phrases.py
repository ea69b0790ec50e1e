"""The phrases that a text lists."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from videoseg.errors import PromptError
from videoseg.types import Prompt

_SHORT = re.compile(
    "mr|mrs|ms|mx|dr|prof|st|ste|sr|jr|rev|hon|sgt|capt|cpt|lt|col|gen|maj|cmdr|adm|gov|sen|rep|pres"
    "|mt|ft|vs|etc|eg|ie|approx|ca|cf|incl|inc|ltd|co|corp|ave|blvd|rd|hwy|dept|univ|bros|fig|vol"
    r"|est|max|min|misc|sq|nr|[0-9]+|[^\W\d_]"
)
"""Usual abbreviations, without their full stop, numbers and initials; behind each something goes
on."""
_UNITS = re.compile("in|ft|yd|mi|oz|lbs?|[ckm]?m|k?g|mg|[cm]?l|hp|pt|qt|gal")
"""Abbreviated units, which stand behind a number."""


def split_phrases(text: str) -> tuple[str, ...]:
    """The phrases that a text lists: ``cat. dog.``, ``cat|dog`` or ``person; car`` are two each.

    ``|``, ``;`` and line ends always divide. A full stop does so before a space or at the end,
    unless it belongs to its word: a title or another usual abbreviation ("Mr. Smith"), an initial
    ("J. Smith", "U.S. flag"), a number ("1. FC") or a unit behind one ("3.5 in. screw"). A text
    that lists one phrase is that phrase, without a full stop at its end.
    """
    pieces: list[str] = []
    for part in re.split(r"[|;\n]", text):
        words: list[str] = []
        given = part.split()
        for word, after in itertools.zip_longest(given, given[1:]):
            before = words[-1] if words else ""
            if word.endswith(".") and not _is_short(word, before, after):
                pieces.append(" ".join([*words, word.rstrip(".")]))
                words = []
            else:
                words.append(word)
        pieces.append(" ".join(words))
    phrases = tuple(dict.fromkeys(filter(None, (piece.strip() for piece in pieces))))
    return phrases or (text,)


def _is_short(word: str, before: str, after: str | None) -> bool:
    """Whether the full stop at the end of a word is part of it."""
    stem = word[:-1].lower().lstrip("(\"'")
    if "." in stem.strip("."):  # e.g., U.S.
        return True
    if _UNITS.fullmatch(stem) and re.fullmatch(r"[0-9][0-9.,/]*", before):
        return True
    if after is None:
        return False
    if stem == "no":
        return after[0].isdigit()
    return _SHORT.fullmatch(stem) is not None


def listed(prompt: Prompt) -> tuple[Prompt, ...]:
    """A prompt for each phrase that the text of one lists (``split_phrases``).

    Each phrase is its own label, unless the prompt has another one than its text.

    Raises:
        PromptError: There are several phrases, and marks that could belong to any.
    """
    if prompt.text is None:
        return (prompt,)
    phrases = split_phrases(prompt.text)
    if prompt.cues and len(phrases) > 1:
        raise PromptError(
            f"{prompt.text!r} lists several things, and the boxes and points could belong to any; "
            "write one prompt for each object"
        )
    named = prompt.label != prompt.text
    return tuple(
        replace(prompt, text=phrase, label=prompt.label if named else phrase) for phrase in phrases
    )
