"""SVG of tracks, alike in single pictures and in animations: names, attributes, text.

Each object is a layer of its own, a ``g`` that Inkscape and vpype show under the object's label and
number. A layer for each label would draw objects in another order than their numbers'.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, Any

from videoseg.formats.palette import hex_of
from videoseg.formats.xml import SVG
from videoseg.types import StreamInfo

_INKSCAPE = "http://www.inkscape.org/namespaces/inkscape"
_NAMESPACES = {None: SVG, "inkscape": _INKSCAPE}

# Characters that XML 1.0, section 2.2, forbids even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_NAME = 48
"""Bytes of a label in an id: with numbers these stay within the 63 that Blender's names had."""


def plain(text: str) -> str:
    """Any text as XML can hold it: characters that XML forbids become U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def decimal(value: Fraction | float, digits: int) -> str:
    """A number with at most so many decimals, no exponent, no ``-0``."""
    text = f"{float(value):.{digits}f}"
    if digits > 0:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def svg_tag(name: str) -> str:
    """The name of an SVG element as lxml takes it."""
    return f"{{{SVG}}}{name}"


@contextmanager
def picture(file: IO[bytes], attributes: Mapping[str, str]) -> Iterator[Any]:
    """An SVG file around what is written meanwhile, to the ``etree.xmlfile`` that this gives."""
    from lxml import etree

    with etree.xmlfile(file, encoding="UTF-8") as xml:
        xml.write_declaration()
        with xml.element(svg_tag("svg"), attributes, nsmap=_NAMESPACES):
            xml.write("\n")
            yield xml
    file.write(b"\n")


def write_title(xml: Any, label: str) -> None:
    """A track's ``title``, which browsers show as a tooltip and screen readers read."""
    with xml.element(svg_tag("title")):
        xml.write(plain(label))


def root_attributes(info: StreamInfo) -> dict[str, str]:
    """Attributes of an ``svg`` element; the view box is the frame in pixels."""
    return {
        "width": str(info.width),
        "height": str(info.height),
        "viewBox": f"0 0 {info.width} {info.height}",
        "data-stream": plain(info.stream),
        "data-time-base": str(info.time_base),
    }


@functools.lru_cache(maxsize=256)
def track_id_of(track_id: int, label: str) -> str:
    """The id of a track's element, its label and number: ``the-cat-3``.

    It is an XML name of letters, marks and digits of any script, without ``_``, so that what
    belongs to a track can be called by a suffix; no other track of a run has it.
    """
    # A character may become many, so only a start that is long enough is looked at.
    text = unicodedata.normalize("NFKC", label[:_LONGEST_NAME])
    words = "".join(character if _is_of_word(character) else " " for character in text).split()
    name = "-".join(words).encode()[:_LONGEST_NAME].decode(errors="ignore").rstrip("-")
    if not name[:1].isalpha():
        name = f"track-{name}" if name else "track"
    return f"{name}-{track_id}"


@functools.lru_cache(maxsize=256)
def layer_attributes(track_id: int, label: str) -> dict[str, str]:
    """Attributes of the ``g`` around a track's paths; not to be changed."""
    return {
        "id": f"{track_id_of(track_id, label)}_layer",
        f"{{{_INKSCAPE}}}groupmode": "layer",
        f"{{{_INKSCAPE}}}label": f"{plain(label)} {track_id}",
    }


@functools.lru_cache(maxsize=256)
def track_attributes(track_id: int, label: str) -> dict[str, str]:
    """What stays the same over time of a track's looks; not to be changed.

    The colour is a presentation attribute, so any style sheet overrides it.
    """
    return {
        "class": "track",
        "data-track": str(track_id),
        "data-label": plain(label),
        "fill": hex_of(track_id),
        "fill-rule": "evenodd",
    }


def _is_of_word(character: str) -> bool:
    return character.isdecimal() or unicodedata.category(character)[0] in "LM"
