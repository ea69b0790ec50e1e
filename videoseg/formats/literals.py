"""Text and numbers as literals of other languages, and names that all of them take.

Text comes from users and is never trusted: each function gives a literal that holds exactly that
text, whatever is in it, and all but Lua's are ASCII.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata

from videoseg.formats.svg_markup import plain

_LONGEST_NAME = 32
_NOT_OF_NAME = re.compile(r"[^A-Za-z0-9]+")
_LUA_SPECIAL = re.compile(r'[\\"\x00-\x1f\x7f]')
_NUKE_SPECIAL = re.compile(r"[\\\[\]{}$\"<>&%\x00-\x1f\x7f]")


def python_literal(text: str) -> str:
    """A string literal of Python 2.7 and 3."""
    return f"u{text!a}"


def javascript_literal(text: str) -> str:
    """A string literal of JavaScript from ECMAScript 3 on, that may stand in HTML, too."""
    return json.dumps(text).replace("<", "\\u003c")


def lua_literal(text: str) -> str:
    """A string literal of Lua 5.1 and later, in UTF-8; what UTF-8 cannot hold becomes ``?``."""
    held = text.encode("utf-8", "replace").decode("utf-8")
    return f'"{_LUA_SPECIAL.sub(_lua_escape, held)}"'


def xml_attribute(text: str) -> str:
    """The value of an attribute of XML with its quotes; what XML forbids becomes U+FFFD."""
    kept = html.escape(plain(text)).replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{kept}"'.replace("\r", "&#13;")


def nuke_label(text: str) -> str:
    """Text for the label of a node of Nuke, which runs what is in brackets (TCL) and reads HTML.

    What either takes for more than text becomes ``_``.
    """
    return _NUKE_SPECIAL.sub("_", text)


def track_name(track_id: int, label: str) -> str:
    """A name for a track of ASCII letters, digits and ``_``, from a letter on: ``the_cat_3``.

    No other track of the stream has it; what belongs to a track can be called by a suffix that
    does not end in ``_`` and digits.
    """
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode()
    name = _NOT_OF_NAME.sub("_", ascii_only).strip("_")[:_LONGEST_NAME].rstrip("_")
    if not name[:1].isalpha():
        name = f"object_{name}" if name else "object"
    return f"{name}_{track_id}"


def decimals(values: object, digits: int) -> str:
    """Numbers, an array of any shape, separated by spaces, without exponents or ``-0``."""
    import numpy as np

    from videoseg.formats.decimals import decimal_text

    units = np.rint(np.asarray(values, dtype=np.float64).ravel() * 10**digits).astype(np.int64)
    before = np.full(len(units), ord(" "), np.uint8)
    before[:1] = 0
    return decimal_text(units, digits, before, np.zeros(len(units), np.uint8))


def _lua_escape(found: re.Match[str]) -> str:
    character = found.group()
    if character == "\n":
        return "\\n"
    return f"\\{character}" if character in '\\"' else f"\\{ord(character):03d}"
