"""The scale of a picture as people write it: the length of a pixel, with its unit."""

from __future__ import annotations

import re
from fractions import Fraction

from videoseg.errors import UsageError

MEASUREMENTS = "measurements"
"""The output that a scale is for."""
_MILLIMETRES = {"um": Fraction(1, 1000), "mm": Fraction(1), "cm": Fraction(10), "m": Fraction(1000)}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?(?:[eE][+-]?\d{1,2})?)\s*(um|mm|cm|m)")


def scale_setting(text: str) -> str:
    """``0.25mm`` as an assignment of the setting that it stands for.

    Raises:
        UsageError: It is not a length with a unit, or zero.
    """
    match = _LENGTH.fullmatch(text.strip().replace("µ", "u").replace("μ", "u"))
    length = match and Fraction(match[1]) * _MILLIMETRES[match[2]]
    if not length:
        raise UsageError(
            f"--scale is the length of a pixel such as 0.25mm (or um, cm, m), got {text!r}"
        )
    return f"writers.{MEASUREMENTS}.millimetres_per_pixel={float(length)!r}"
