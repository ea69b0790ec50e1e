"""How answers are read that nobody vouches for: JSON, numbers in their ranges, and how much of all.

What is read is counted, not timed: the same answer is read or refused on every machine.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

_DEEPEST = 64
"""Levels of lists and objects in each other; no service nests half as deep."""
_SECONDS = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_YEAR = 365 * 86_400.0


class UnreadableError(Exception):
    """A whole answer that does not hold what it should, or far more than it can honestly hold."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may hold at most.

    Attributes:
        entries: Objects, boxes or points.
        rings: Closed outlines, of all objects together.
        segments: Their lines and curves, of all together.
        pixels: Of all masks together, as they are sent; and as they lie on the frame, where four
            frames' worth is always allowed.
        model: Whose settings they are, for messages.
    """

    entries: int = 500
    rings: int = 1_000
    segments: int = 20_000
    pixels: int = 2**26
    model: str = ""


@dataclass(slots=True)
class Tally:
    """Counts what one answer holds, and refuses what goes beyond the limits.

    Attributes:
        limits: For this answer.
    """

    limits: Limits = Limits()
    _counts: dict[str, int] = field(init=False, repr=False, default_factory=dict)

    def add(self, what: str, count: int, *, least: int = 0) -> None:
        """Count more of ``entries``, ``rings``, ``segments`` or ``pixels``.

        Args:
            what: Name of the limit.
            count: How many more.
            least: The limit is no lower than this.

        Raises:
            UnreadableError: With these there are too many. They are not counted.
        """
        most = max(getattr(self.limits, what), least)
        total = self._counts.get(what, 0) + count
        if total > most:
            named = f"models.{self.limits.model}.most_{what}" if self.limits.model else "the limit"
            raise UnreadableError(f"it answered with {total} {what}, more than {named} = {most}")
        self._counts[what] = total


def from_json(text: str | bytes) -> Any:
    """A value of JSON, without numbers that are none and not too deep.

    Raises:
        ValueError: It is not JSON, or JSON of that kind.
    """
    try:
        value = json.loads(text, parse_constant=_refused, parse_float=_finite)
    except RecursionError:
        raise ValueError("lists and objects lie too deep in each other") from None
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return value
    raise ValueError("lists and objects lie too deep in each other")


def parsed(body: bytes) -> Mapping[str, object]:
    """A JSON object.

    Raises:
        UnreadableError: It is something else.
    """
    try:
        value = from_json(body)
    except ValueError as error:
        raise UnreadableError("it answered with text that is not JSON") from error
    if not isinstance(value, dict):
        raise UnreadableError("it answered with JSON that is not an object")
    return value


def number(value: object, low: float, high: float) -> float:
    """A number of a service's, of a price or of a box, in its range with both ends.

    Raises:
        ValueError: It is no number, NaN, True or False, or lies outside.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"no number from {low:g} to {high:g}")
    return float(value)


def whole(value: object, low: int, high: int) -> int:
    """A whole number in its range with both ends; 3.0 is one.

    Raises:
        ValueError: It is none, or lies outside.
    """
    found = number(value, low, high)
    if not found.is_integer():
        raise ValueError("no whole number")
    return int(found)


def seconds(text: object) -> float | None:
    """A time to wait, as ``36`` or ``36.5s``; a year stands for all that is longer.

    None where it is none, or negative.
    """
    if not isinstance(text, str):
        return None
    match = _SECONDS.fullmatch(text.strip().removesuffix("s"))
    return min(float(match.group()), _YEAR) if match else None


def _refused(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value
