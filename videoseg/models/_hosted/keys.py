"""Keys of services: from the environment or a keyring, and never anywhere else.

A key is no setting: settings land in ``run.json``. What names a key is one.
"""

from __future__ import annotations

import importlib
import os
import re
import threading
from contextlib import suppress

from videoseg.errors import MissingDependencyError, UsageError

KEYRING_SERVICE = "videoseg"
"""Name under which keys are looked up in a keyring; the user name there is the variable's."""
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{1,63}")
HIDDEN = "[key]"
PATIENCE = 60.0
"""Seconds to wait for a keyring, which may ask for its password."""


def find_key(variable: str) -> str | None:
    """The key that an environment variable holds, or the keyring under the same name; or None.

    Raises:
        UsageError: ``variable`` is no name of a variable. The text is not repeated: it might be
            a key that was put in the wrong place.
    """
    if not _VARIABLE.fullmatch(variable):
        raise UsageError(
            "key_from takes the name of an environment variable, in capitals, and not a key"
        )
    return os.environ.get(variable, "").strip() or _from_keyring(variable)


def require_key(variables: tuple[str, ...], service: str) -> str:
    """The first key that is found.

    Raises:
        MissingDependencyError: There is none.
    """
    for variable in variables:
        found = find_key(variable)
        if found is not None:
            if not found.isascii() or not found.isprintable():
                raise UsageError(f"the key in {variable} holds characters that no key has")
            return found
    raise MissingDependencyError(
        f"{service} needs a key: set the environment variable {' or '.join(variables)}, or keep "
        f"it in a keyring (`keyring set {KEYRING_SERVICE} {variables[0]}`)"
    )


def hide(text: str, key: str | None) -> str:
    """A text without the key, should a service have repeated it."""
    return text.replace(key, HIDDEN) if key else text


def _from_keyring(variable: str) -> str | None:
    """What the keyring holds; None where there is none, or it gives nothing within a minute.

    A system's own store may raise anything, end its thread or wait for a window that nobody sees.
    """
    found: list[object] = []

    def ask() -> None:
        with suppress(Exception, SystemExit):
            keyring = importlib.import_module("keyring")
            found.append(keyring.get_password(KEYRING_SERVICE, variable))

    thread = threading.Thread(target=ask, name="videoseg-keyring", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        return None
    thread.join(PATIENCE)
    key = found[0] if found else None
    return key.strip() or None if isinstance(key, str) else None
