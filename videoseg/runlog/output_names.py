"""Names of the pieces that a run makes, and which of them may be put into place.

The names that a run announces and the names that are found in a staging folder are held to the same
rules. A staging folder may have come from anybody, so nothing in it is believed: a name leads
nowhere but into the output folder, on every platform.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from videoseg.system.held_folders import NotOursError

STAGING = ".videoseg-part"
_LONGEST = 1024
_SHOWN = 80
"""Letters of a name that stand in a message."""
_NOWHERE = re.compile(r'[\\:*?"<>|]|~[0-9]|[. ]$')
"""What leads elsewhere or means something on Windows: drives, streams, short names, ``a.``."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that show nothing; some file systems leave such letters out of names."""


def is_inside(name: object) -> bool:
    """Whether a name leads into the output folder, and not into the staging folder."""
    if not isinstance(name, str) or not name or len(name) > _LONGEST:
        return False
    path = PurePosixPath(name)
    if str(path) != name or path.is_absolute() or name == "." or ".." in path.parts:
        return False
    if any(unicodedata.category(letter) in _UNSEEN for letter in name):
        return False
    if unicodedata.normalize("NFC", name) != name or any(map(_NOWHERE.search, path.parts)):
        return False
    return _folded(path.parts[0]) != STAGING


def clash(names: Sequence[str]) -> str | None:
    """A name that is there twice or lies in another, also where case makes no difference."""
    paths = [PurePosixPath(_folded(name)) for name in names]
    for position, path in enumerate(paths):
        for other in paths[:position]:
            if path == other or path in other.parents or other in path.parents:
                return names[position]
    return None


def pieces_of(marker: bytes, token: str) -> list[str] | None:
    """The pieces that a run was putting into place when it was killed.

    Args:
        marker: What it has noted.
        token: What the lock of the staging folder holds.

    Returns:
        Their names; None where the note is torn: then no piece has been moved.

    Raises:
        NotOursError: It is no note of a run, or names what leads elsewhere.
    """
    try:
        made = json.loads(marker)
    except ValueError:
        return None
    except RecursionError as error:
        raise NotOursError("its list of pieces is none") from error
    if not isinstance(made, dict) or made.keys() != {"token", "pieces"} or made["token"] != token:
        raise NotOursError("its list of pieces is none of the run that holds its lock")
    pieces = made["pieces"]
    if not isinstance(pieces, list):
        raise NotOursError("its list of pieces is none")
    for name in pieces:
        if not is_inside(name):
            raise NotOursError(f"its list of pieces names {_shown(name)}")
    if (twice := clash(pieces)) is not None:
        raise NotOursError(f"its list of pieces names {_shown(twice)} twice")
    return pieces


def marker_of(pieces: Sequence[str], token: str) -> bytes:
    """The note that ``pieces_of`` reads."""
    return json.dumps({"token": token, "pieces": list(pieces)}).encode("ascii")


def outputs_of(manifest: bytes) -> frozenset[str]:
    """What a ``run.json`` says was made, by its run or before; nothing where it is none."""
    try:
        made = json.loads(manifest)
        return frozenset([*made["outputs"], *made.get("earlier_outputs", ())])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return frozenset()


def _folded(name: str) -> str:
    """One form of all names that some file system takes for the same."""
    return unicodedata.normalize("NFKC", name).casefold()


def _shown(name: Any) -> str:
    """A name in a message, which is one line."""
    if not isinstance(name, str):
        return "what is no name"
    text = ascii(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
