"""SVG markup of tracks, alike in single pictures and in animations."""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from videoseg.palette import hex_of
from videoseg.types import StreamInfo, TrackedInstance

# Characters that XML 1.0, section 2.2, forbids even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "'": "&#39;",
        "\t": "&#9;",
        "\n": "&#10;",
        "\r": "&#13;",
    }
)


def escape(text: str) -> str:
    """Any text for use in XML and HTML, as content or in a quoted attribute.

    Characters that XML cannot hold become U+FFFD.
    """
    return _FORBIDDEN.sub("\ufffd", text).translate(_ESCAPES)


def decimal(value: Fraction | float, digits: int) -> str:
    """A number with at most so many decimals, no exponent, no ``-0``."""
    text = f"{float(value):.{digits}f}"
    if digits > 0:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def svg_start(info: StreamInfo) -> str:
    """Opening of an ``svg`` tag, without its ``>``; the view box is the frame in pixels."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{info.width}" height="{info.height}"'
        f' viewBox="0 0 {info.width} {info.height}" data-stream="{escape(info.stream)}"'
        f' data-time-base="{info.time_base}"'
    )


def path_start(tracked: TrackedInstance) -> str:
    """Opening of a track's ``path`` tag with what stays the same over time, without its ``>``.

    The colour is a presentation attribute, so any style sheet overrides it.
    """
    return _start("path", tracked)


def group_start(tracked: TrackedInstance) -> str:
    """Opening of a track's ``g`` tag around paths that come and go, likewise."""
    return _start("g", tracked)


def _start(tag: str, tracked: TrackedInstance) -> str:
    label = escape(tracked.label)
    return (
        f'<{tag} id="track-{tracked.track_id}" class="track" data-track="{tracked.track_id}"'
        f' data-label="{label}" fill="{_hex_of(tracked.track_id)}" fill-rule="evenodd"'
    )


_hex_of = functools.lru_cache(maxsize=256)(hex_of)


def title(tracked: TrackedInstance) -> str:
    """A track's ``title``, which browsers show as a tooltip and screen readers read."""
    return f"<title>{escape(tracked.label)}</title>"
