r"""The one way to the terminal: what others have written cannot move or hide anything there.

Names of files, labels, and what media and services say may hold escape sequences, letters that
turn the direction of reading, and letters that nobody sees. They are shown as their numbers
(``\x1b``, ``\u202e``); everything that people write with is left as it is.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

import typer

if TYPE_CHECKING:
    from tqdm import tqdm

_HIDDEN = (
    "\x00-\x1f\x7f-\x9f"  # controls: escape sequences, new lines, tabs
    "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2060-\u206f\u3164\ufeff\ufff9-\uffff"  # not seen
    "\u2028\u2029\u202a-\u202e"  # ends of lines, and the direction of reading
    "\ud800-\udfff"  # halves, as in names that are no UTF-8
    "\U000e0000-\U000e0fff"  # tags, which are not seen either
)
_HONEST = (
    "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"  # flags of regions
    "|(?<=[^\x00-\x7f])[\u200c\u200d](?=[^\x00-\x7f])"  # joins inside words and emoji
)
_SHOWN = re.compile(f"(?P<honest>{_HONEST})|[{_HIDDEN}\u200c\u200d]")


def visible(text: str) -> str:
    """A text on one line in which every letter can be seen."""
    return _SHOWN.sub(lambda found: found["honest"] or _number(found[0]), text)


def tell(*lines: str, err: bool = False) -> None:
    """Write lines for people, on stderr or else on stdout."""
    for line in lines:
        typer.echo(visible(line), err=err)


def ask(question: str) -> bool:
    """Ask on stderr whether to go on."""
    return typer.confirm(visible(question), err=True)


def tell_json(
    document: object,
    *,
    encoding: str | None = None,
    indent: int | None = None,
    file: TextIO | None = None,
) -> None:
    r"""Write JSON on stdout, or in a file, as UTF-8.

    Letters that cannot be seen are escaped as JSON has it, and so is everything that is not ASCII
    where stdout is not UTF-8. A file's name that is not UTF-8 has ``\udc80`` to ``\udcff`` for
    its odd bytes, which ``os.fsencode(json.loads(...))`` turns into that name.
    """
    try:
        plain = codecs.lookup(encoding or "utf-8").name != "utf-8"
    except LookupError:
        plain = True
    text = json.dumps(document, indent=indent, ensure_ascii=plain)
    typer.echo(_SHOWN.sub(lambda found: _in_json(found[0]), text), file=file)


def tell_event(event: str, fields: Mapping[str, object]) -> None:
    """Write one line of JSON on stderr, in ASCII."""
    typer.echo(json.dumps({"event": event, **fields}), err=True)


def describe(bar: tqdm[Any], text: str) -> None:
    """Say at the beginning of a progress bar what it is about."""
    bar.set_description(visible(text))


def remark(bar: tqdm[Any], text: str, *, refresh: bool = True) -> None:
    """Say something at the end of a progress bar."""
    bar.set_postfix_str(visible(text), refresh=refresh)


def show_usage_error(error: Any, file: TextIO | None = None) -> None:
    """Let an error of the parser show itself; it repeats what was given."""
    if isinstance(getattr(error, "message", None), str):
        error.message = visible(error.message)
    error.show(file)


def _number(letter: str) -> str:
    r"""A letter as Python writes it: ``\x1b``, ``\u202e``."""
    code = ord(letter)
    if code < 0x100:
        return f"\\x{code:02x}" if letter not in "\n\r\t" else repr(letter)[1:-1]
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _in_json(letters: str) -> str:
    """Letters inside a string of JSON; new lines are only between its parts."""
    return letters if letters == "\n" else json.dumps(letters)[1:-1]
