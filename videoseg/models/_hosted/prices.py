"""What calls cost, from a file with the day each price was read."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from videoseg.errors import ConfigError
from videoseg.text_files import read_text

_OURS = Path(__file__).with_name("prices.toml")
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a call took, as the service counts it."""

    input: int
    output: int


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

    def cost(self, tokens: Tokens | None) -> float:
        """Of one call."""
        if tokens is None or self.input is None or self.output is None:
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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is not a price file: {error}") from error
    return None


def _price(entry: dict[str, Any]) -> Price:
    amounts = {name: entry.get(name) for name in ("input", "output", "call")}
    for name, amount in amounts.items():
        if amount is not None and not (isinstance(amount, int | float) and amount >= 0):
            raise ValueError(f"{name} = {amount!r} is not a price")
    return Price(entry["read"], str(entry["source"]), **amounts)
