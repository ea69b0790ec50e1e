"""When a failed call is worth another, and how long to wait before it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from videoseg.models._hosted.reading import from_json, seconds

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
"""Answers that say: later."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long.

    Attributes:
        attempts: Calls in all, at least 1.
        first_wait: Seconds before the second call; doubles from call to call.
        longest_wait: No wait is longer, in seconds. A service that asks for more has refused.
    """

    attempts: int = 6
    first_wait: float = 0.5
    longest_wait: float = 120.0

    def wait(self, attempt: int, asked: float | None) -> float | None:
        """Seconds to wait after the call number ``attempt`` (from 1); None = give up.

        Args:
            attempt: Calls that have failed.
            asked: Seconds that the service asks for, or None. It gets them, and a little more, so
                that many calls that were turned away together do not come back together.
        """
        if attempt >= self.attempts:
            return None
        spread = random.random()  # noqa: S311 - no secret
        if asked is not None:
            return asked + spread * self.first_wait if asked <= self.longest_wait else None
        full = min(self.first_wait * 2.0 ** (attempt - 1), self.longest_wait)
        return full * (0.5 + spread / 2)


def asked_wait(headers: Mapping[str, str], body: bytes) -> float | None:
    """Seconds that an answer asks to wait, at most a year; None where it asks for none.

    ``Retry-After`` holds seconds or a date (RFC 9110, section 10.2.3); Google writes
    ``retryDelay`` into the body.
    """
    given = headers.get("retry-after", "").strip()
    if given:
        asked = seconds(given)
        return asked if asked is not None else _until(given)
    return _retry_delay(body)


def _until(date: str) -> float | None:
    try:
        until = parsedate_to_datetime(date)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        left = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return seconds(f"{max(0.0, left):f}")


def _retry_delay(body: bytes) -> float | None:
    try:
        details = from_json(body)["error"]["details"]
        delays = [each["retryDelay"] for each in details if "retryDelay" in each]
        return seconds(delays[0])
    except (ValueError, KeyError, TypeError, IndexError):
        return None
