"""Times of frames for people to read."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

_STAMPS = range(10**9, 10**10)
"""Seconds that can only be a stamp, which counts from 1970: of the years 2001 to 2286."""


def clock_text(seconds: Fraction, decimals: int = 2) -> str:
    """Minutes and seconds, cut to some decimals (``0:07.08``), with hours where there are any.

    Of a stamp, such as the messages of a robot's log have, the date and time in UTC
    (``2026-02-25 06:13:20.05``).
    """
    sign = "-" if seconds < 0 else ""
    whole, part = divmod(int(abs(seconds) * 10**decimals), 10**decimals)
    if whole in _STAMPS and not sign:
        return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%d %H:%M:%S}.{part:0{decimals}}"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest:02}.{part:0{decimals}}"
