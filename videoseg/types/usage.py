"""What a service was asked for, and what that took."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable


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


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a model sends frames.

    Attributes:
        host: The machine, or whose service it is.
        key: Name of what holds the key that goes along, never the key; None where none does.
    """

    host: str
    key: str | None = None


@runtime_checkable
class Sends(Protocol):
    """A model that can say where it, and what it is made of, sends frames."""

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Empty where they stay on this machine."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A model that counts what it uses."""

    @property
    def usage(self) -> Usage:
        """What has been used since it was prepared."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A model that other machines run: waiting for it costs no work here."""

    @property
    def concurrency(self) -> int:
        """Frames that may be asked about at once, at least 1; ``segment`` takes many threads."""
        ...

    @property
    def sends_frames_to(self) -> str | None:
        """Where frames go: a host; None where they stay on this machine."""
        ...

    def abandon(self) -> None:
        """End all calls that are under way, and refuse new ones until it is prepared again."""
        ...


def destinations_of(model: Any) -> tuple[Destination, ...]:
    """Where a model sends frames: as it says, or else as its card does."""
    if isinstance(model, Sends):
        return model.destinations
    host = getattr(model, "sends_frames_to", None)
    if host is None and not isinstance(model, Remote) and model.card.sends_frames_away:
        host = f"the service of {model.card.name}"
    return () if host is None else (Destination(host),)
