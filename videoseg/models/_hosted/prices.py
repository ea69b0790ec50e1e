"""What calls cost, from a file with the day each price was read."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from videoseg.errors import ConfigError
from videoseg.models._hosted.reading import number, whole
from videoseg.system.text_files import read_text

_OURS = Path(__file__).with_name("prices.toml")
_MILLION = 1_000_000
_MOST_TOKENS = 10**8
"""Of one call: a hundred times what the largest model takes."""
_DEAREST = 1e6
"""US dollars for a million tokens, or for a call."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call took, or may take."""

    input: int
    output: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What a call took, as the service says.

    Attributes:
        input: Tokens sent; None where the count is missing, negative or absurd.
        output: Tokens received; None likewise.
    """

    input: int | None
    output: int | None

    def or_worst(self, worst: Tokens) -> Tokens:
        """The tokens to reckon with: where a count cannot be believed, the most there may be."""
        return Tokens(
            worst.input if self.input is None else self.input,
            worst.output if self.output is None else self.output,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for what a model does.

    Attributes:
        read: The day on which the price was read, or came from a user's file.
        source: Where it was read.
        input: For a million input tokens, or None.
        output: For a million output tokens, or None.
        call: For a call whose tokens the service does not count, or None.
    """

    read: date
    source: str
    input: float | None = None
    output: float | None = None
    call: float | None = None

    @property
    def basis(self) -> str:
        """What a cost rests on, for people."""
        return f"prices of {self.read.isoformat()}, {self.source}"

    def cost(self, tokens: Tokens) -> float:
        """Of one call whose tokens are known."""
        if self.input is None or self.output is None:
            return self.call or 0.0
        return (tokens.input * self.input + tokens.output * self.output) / _MILLION


def price_of(service: str, model: str, file: str = "") -> Price | None:
    """The price of a service's model today, or None where none is known.

    Args:
        service: Table of the file.
        model: Name in it, exactly.
        file: A file of the user's to read instead of the one that comes with videoseg.

    Raises:
        ConfigError: The user's file cannot be read or is not of this form.
    """
    path = Path(os.path.expanduser(file)) if file else _OURS
    text = read_text(path, "prices", ConfigError)
    try:
        entries = tomllib.loads(text).get(service, [])
        today = date.today()
        for entry in entries:
            if model in entry["models"] and today <= entry.get("until", date.max):
                return _price(entry)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is not a price file: {error}") from error
    return None


def counted(sent: object, *received: object) -> Counted | None:
    """The tokens of a call, from the counts that a service gives for it.

    Args:
        sent: Tokens of the question.
        *received: Tokens of the answer, in parts to be added; a part that is absent is 0.

    Returns:
        None where the service gives no count at all. A count that cannot be, such as -5, is None.
    """
    if sent is None and all(count is None for count in received):
        return None
    parts = [_count(0 if count is None else count) for count in received]
    known = [part for part in parts if part is not None]
    return Counted(_count(sent), sum(known) if len(known) == len(parts) else None)


def _price(entry: dict[str, Any]) -> Price:
    given = [name for name in ("input", "output", "call") if entry.get(name) is not None]
    try:
        amounts = {name: number(entry[name], 0, _DEAREST) for name in given}
    except ValueError as error:
        raise ValueError(f"a price is {error}") from error
    if not isinstance(entry["read"], date):
        raise TypeError("read is not a date")
    return Price(entry["read"], str(entry["source"]), **amounts)


def _count(value: object) -> int | None:
    try:
        return whole(value, 0, _MOST_TOKENS)
    except ValueError:
        return None
