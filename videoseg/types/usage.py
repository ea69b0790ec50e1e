"""What a service was asked for, and what that took."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True)
class Usage:
    """What a model that is a service has used so far.

    Attributes:
        calls: Requests that were sent, repeated ones among them.
        cached: Questions that an earlier answer on disk has answered instead.
        repeated: Requests that were sent again after a failure.
        unreadable: Answers that held nothing that could be used.
        input_tokens: Tokens sent, where the service counts them.
        output_tokens: Tokens received, where the service counts them.
        seconds: Time spent waiting for answers, summed over calls.
        cost: US dollars, or None where no price is known.
        priced: What the cost rests on: the day the price was read and where; empty without one.
    """

    calls: int = 0
    cached: int = 0
    repeated: int = 0
    unreadable: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None
    priced: str = ""

    def since(self, before: Usage | None) -> Usage:
        """What was used after ``before``."""
        if before is None:
            return self
        cost = None if self.cost is None else self.cost - (before.cost or 0.0)
        counted = {
            name: getattr(self, name) - getattr(before, name)
            for name in ("calls", "cached", "repeated", "unreadable")
        }
        return replace(
            self,
            **counted,
            input_tokens=self.input_tokens - before.input_tokens,
            output_tokens=self.output_tokens - before.output_tokens,
            seconds=self.seconds - before.seconds,
            cost=cost,
        )

    def plus(self, other: Usage) -> Usage:
        """What two models have used; the cost is known where both are."""
        cost = None
        if self.cost is not None and other.cost is not None:
            cost = self.cost + other.cost
        counted = {
            each.name: getattr(self, each.name) + getattr(other, each.name)
            for each in fields(self)
            if each.name not in ("cost", "priced")
        }
        priced = dict.fromkeys(text for text in (self.priced, other.priced) if text)
        return Usage(**counted, cost=cost, priced="; ".join(priced))


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a model sends frames.

    Attributes:
        host: The machine, or whose service it is.
        key: Name of what holds the key that goes along, never the key; None where none does.
    """

    host: str
    key: str | None = None
