"""One colour for every track id, the same in every output and every run.

Hues step by the golden angle, so that any few neighbouring ids lie far apart and the sequence
never ends; lightness steps along with them, so that ids whose hues come close still differ. Colours
are chosen in OKLCH (Björn Ottosson, "A perceptual color space for image processing", 2020), where
equal steps look equally different, and light enough to read on dark and on bright video.
"""

from __future__ import annotations

import functools
import math

_GOLDEN_ANGLE = 180 * (3 - math.sqrt(5))
_FIRST_HUE = 30.0
_LIGHTNESS = (0.68, 0.80, 0.58)
_CHROMA = 0.19
_LESS_CHROMA = 0.97


def colour_of(track_id: int) -> tuple[int, int, int]:
    """Red, green and blue of a track, sRGB, 0 to 255; depends on the id alone.

    Args:
        track_id: From 1; every integer has a colour.
    """
    hue = math.radians((_FIRST_HUE + track_id * _GOLDEN_ANGLE) % 360)
    lightness = _LIGHTNESS[track_id % len(_LIGHTNESS)]
    chroma = _CHROMA
    linear = _linear_rgb(lightness, chroma, hue)
    while min(linear) < 0 or max(linear) > 1:  # outside sRGB: keep hue and lightness, pale it
        chroma *= _LESS_CHROMA
        linear = _linear_rgb(lightness, chroma, hue)
    red, green, blue = (round(255 * _companded(value)) for value in linear)
    return red, green, blue


def hex_of(track_id: int) -> str:
    """``colour_of`` as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour_of(track_id))


def _linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Linear-light sRGB of an OKLCH colour; outside [0, 1] where sRGB cannot show it."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _companded(linear: float) -> float:
    """The sRGB transfer function (IEC 61966-2-1)."""
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


@functools.cache
def voc_palette() -> bytes:
    """Red, green and blue of the numbers 0 to 255 in Pascal VOC: black, maroon, green and so on.

    The bits of a number are dealt to the three colours in turn, the highest bit of each first.
    """
    colours = bytearray()
    for number in range(256):
        for channel in range(3):
            bits = (number >> (3 * place + channel) & 1 for place in range(3))
            colours.append(sum(bit << (7 - place) for place, bit in enumerate(bits)))
    return bytes(colours)
