"""Colour words: how far each pixel has a named colour, as log-odds.

The eleven basic terms (B. Berlin and P. Kay, "Basic Color Terms", 1969) as soft regions of CIE
L*a*b*: a chromatic term is a range of hue with enough chroma, brown is dark orange, pink light red,
and black, grey and white are what has little chroma.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from videoseg.geometry.arrays import FloatMap
from videoseg.types import RgbImage

COLOURS: Mapping[str, str] = {
    "red": "red",
    "crimson": "red",
    "scarlet": "red",
    "orange": "orange",
    "yellow": "yellow",
    "golden": "yellow",
    "green": "green",
    "blue": "blue",
    "purple": "purple",
    "violet": "purple",
    "pink": "pink",
    "brown": "brown",
    "tan": "brown",
    "beige": "brown",
    "black": "black",
    "white": "white",
    "grey": "grey",
    "gray": "grey",
    "silver": "grey",
}
"""Colour words and the basic term each stands for."""

_HUES: Mapping[str, tuple[float, float]] = {
    "red": (27.0, 26.0),
    "orange": (60.0, 17.0),
    "yellow": (94.0, 20.0),
    "green": (145.0, 37.0),
    "blue": (265.0, 45.0),
    "purple": (321.0, 20.0),
    "pink": (0.0, 42.0),
    "brown": (62.0, 32.0),
}
"""Middle and half width of each term's range of CIELAB hue, degrees."""
_LIGHTNESS: Mapping[str, tuple[float, float]] = {
    "red": (8.0, 66.0),
    "orange": (48.0, 101.0),
    "pink": (58.0, 101.0),
    "brown": (12.0, 56.0),
    "black": (-1.0, 24.0),
    "grey": (26.0, 80.0),
    "white": (70.0, 101.0),
}
"""Range of L* where it matters, 0 to 100."""
_CHROMA: Mapping[str, tuple[float, float]] = {
    "red": (38.0, 200.0),
    "orange": (35.0, 200.0),
    "yellow": (25.0, 200.0),
    "pink": (12.0, 200.0),
    "brown": (12.0, 60.0),
}
"""Range of chroma where it is not ``_USUAL_CHROMA``: skin is no orange, a fire engine not brown."""
_USUAL_CHROMA = (20.0, 200.0)
"""Range of chroma of all other chromatic terms."""
_MAX_GREY_CHROMA = 15.0
"""Black, grey and white have less chroma than this."""
_MAX_ODDS = 4.0
"""No pixel is surer than this, in log-odds."""


def colour_log_odds(image: RgbImage, colour: str) -> FloatMap:
    """Log-odds in about [-4, 4], float32 (H, W), that a pixel has the basic colour ``colour``."""
    import cv2

    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma = np.hypot(a, b)
    terms = []
    if colour in _HUES:
        middle, width = _HUES[colour]
        hue = np.degrees(np.arctan2(b, a))
        away = np.abs((hue - middle + 180) % 360 - 180)
        dull, vivid = _CHROMA.get(colour, _USUAL_CHROMA)
        terms += [(width - away) / 5, (chroma - dull) / 5, (vivid - chroma) / 5]
    else:
        terms.append((_MAX_GREY_CHROMA - chroma) / 3)
    if colour in _LIGHTNESS:
        low, high = _LIGHTNESS[colour]
        terms += [(light - low) / 4, (high - light) / 4]
    least = np.minimum.reduce(terms)
    return np.asarray(np.clip(least, -_MAX_ODDS, _MAX_ODDS), dtype=np.float32)
