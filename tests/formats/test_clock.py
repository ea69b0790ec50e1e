"""Times of frames as people read them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from videoseg.formats.clock import clock_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(177, 25), "0:07.08"),
        (Fraction(0), "0:00.00"),
        (Fraction(599999, 10000), "0:59.99"),
        (Fraction(60), "1:00.00"),
        (Fraction(3661), "1:01:01.00"),
        (Fraction(-3, 2), "-0:01.50"),
        (Fraction(1_772_000_000_050_141_859, 10**9), "2026-02-25 06:13:20.05"),
    ],
)
def test_times_as_people_write_them(seconds: Fraction, text: str) -> None:
    assert clock_text(seconds) == text


def test_the_decimals_are_as_many_as_asked() -> None:
    assert clock_text(Fraction(7089, 1000), decimals=3) == "0:07.089"
