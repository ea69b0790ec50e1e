"""Counts calls, tokens and cost, and lets no call begin that a limit does not allow."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from videoseg.errors import LimitReachedError
from videoseg.models._hosted.prices import Price, Tokens
from videoseg.types.usage import Usage


class Call:
    """One call under way; what it turns out to have taken is noted on it."""

    def __init__(self, worst: float) -> None:
        self.cost = worst
        self.tokens: Tokens | None = None
        self.seconds = 0.0


class Meter:
    """What one model uses. Many threads may use it at once.

    Args:
        price: Of the model, or None.
        max_calls: Requests that may be sent, or None.
        max_cost: US dollars that may be spent, or None. A call begins only where even its worst
            case stays within it, with everything that is under way.
    """

    def __init__(self, price: Price | None, max_calls: int | None, max_cost: float | None) -> None:
        self.price = price
        self._max_calls, self._max_cost = max_calls, max_cost
        self._changed = threading.Condition()
        self._reserved: list[float] = []
        self._spent = 0.0
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """What has been used so far."""
        with self._changed:
            if self.price is None:
                return self._usage
            return replace(self._usage, cost=self._spent, priced=self.price.basis)

    @contextmanager
    def call(self, worst: Tokens, *, repeated: bool) -> Iterator[Call]:
        """Within, a request may be sent.

        Args:
            worst: Tokens that it may take at most.
            repeated: Whether it was sent before, in vain.

        Raises:
            LimitReachedError: A limit does not allow it.
        """
        reserved = self._worst(worst)
        with self._changed:
            self._changed.wait_for(lambda: self._fits(reserved) or not self._reserved)
            if not self._fits(reserved):
                raise LimitReachedError(self._reason())
            self._reserved.append(reserved)
            self._count(calls=1, repeated=int(repeated))
        call = Call(reserved)
        try:
            yield call
        finally:
            with self._changed:
                self._reserved.remove(reserved)
                self._spent += call.cost
                tokens = call.tokens or Tokens(0, 0)
                self._count(input_tokens=tokens.input, output_tokens=tokens.output)
                self._usage = replace(self._usage, seconds=self._usage.seconds + call.seconds)
                self._changed.notify_all()

    def count(self, *, cached: int = 0, unreadable: int = 0) -> None:
        """Note answers that took no call, or were of no use."""
        with self._changed:
            self._count(cached=cached, unreadable=unreadable)

    def cost_of(self, tokens: Tokens | None, worst: Tokens) -> float:
        """Of a call that was answered.

        Args:
            tokens: That it took; None where the service does not count them. Then it costs what
                the price says of such a call, and if it says nothing, the worst case.
            worst: Tokens that it may have taken at most.
        """
        if self.price is None:
            return 0.0
        if tokens is None and self.price.call is not None:
            return self.price.call
        return self.price.cost(tokens or worst)

    def _worst(self, worst: Tokens) -> float:
        if self.price is None:
            return 0.0
        return max(self.price.cost(worst), self.price.call or 0.0)

    def _fits(self, cost: float) -> bool:
        if self._max_calls is not None and self._usage.calls >= self._max_calls:
            return False
        if self._max_cost is None:
            return True
        return self._spent + sum(self._reserved) + cost <= self._max_cost

    def _reason(self) -> str:
        if self._max_calls is not None and self._usage.calls >= self._max_calls:
            return f"the limit of {self._max_calls} calls is reached"
        return (
            f"the next call might go beyond the limit of ${self._max_cost:g}; "
            f"${self._spent:.4f} are spent"
        )

    def _count(self, **counts: int) -> None:
        added = {name: getattr(self._usage, name) + count for name, count in counts.items()}
        self._usage = replace(self._usage, **added)
