"""What the ``videoseg.toml`` of a project may say, and which of them the user trusts.

Such a file may have been received with the project, so what names an address, a key, weights or a
path needs the user's word (``guards.py`` finds these settings). The user may trust a file as it is:
that is noted by path and content in the user's own folder, and another content is not trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from videoseg.errors import ConfigError
from videoseg.settings import Guarded

_FORMAT = "videoseg-trust"
_VERSION = 1
_LONGEST = 1 << 24
"""Bytes of the file at most."""


@dataclass(frozen=True, slots=True)
class Said:
    """A guarded setting as a file says it.

    Attributes:
        path: Such as ``models.moondream.url``.
        value: Its value, as TOML has it.
        default: What it is where nothing is said.
        guard: How it is marked.
    """

    path: str
    value: object
    default: object
    guard: Guarded

    def is_harmless(self, folder: Path) -> bool:
        """Whether anybody may say so in the file of a project.

        Args:
            folder: Where the file is.
        """
        if self.value in (self.default, *self.guard.harmless):
            return True
        try:
            inside = Path(str(self.value)).resolve().is_relative_to(folder.resolve())
        except (OSError, ValueError, RuntimeError):  # a loop of links, a zero in it
            return False
        return self.guard.inside and inside


def check_project(file: Path, tables: Mapping[str, Any], said: Iterable[Said]) -> None:
    """Refuse what the file of a project says that needs the user's word and does not have it.

    Args:
        file: The file.
        tables: What it says.
        said: What of it is guarded.

    Raises:
        ConfigError: There is such; names it, and says what to do.
    """
    asking = {each.path: each.guard for each in said if not each.is_harmless(file.parent)}
    found = sorted(asking)
    if not found:
        return
    known = trusted().get(_name_of(file))
    if known == digest_of(tables):
        return
    names = " and ".join(f"{path} ({asking[path].what})" for path in found)
    changed = ", which has changed since you trusted it" if known is not None else ""
    raise ConfigError(
        f"{file}: {names} cannot be set by the file of a project{changed}; use --set, the "
        "environment or a file of your own (--config), or trust this one: videoseg config trust "
        f"{shlex.quote(str(file.parent))}"
    )


def trust_file() -> Path:
    """Where the user's word is kept.

    Raises:
        ConfigError: This user has no folder of their own.
    """
    home = _home()
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config")
    if not base.is_absolute():
        raise ConfigError("no folder can be trusted: this user has no home folder to note it in")
    return base / "videoseg" / "trusted.json"


def digest_of(tables: Mapping[str, Any]) -> str:
    """What tells the content of a file of settings from another, as 64 hex digits.

    Comments and order say nothing.
    """
    text = json.dumps(tables, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def trusted() -> dict[str, str]:
    """The files that are trusted: path, without links, to the digest of the content.

    Raises:
        ConfigError: The note cannot be read.
    """
    try:
        path = trust_file()
    except ConfigError:
        return {}
    try:
        with path.open("rb") as file:
            made = json.loads(file.read(min(_LONGEST, path.stat().st_size)))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        made = None
    files = made.get("files") if isinstance(made, dict) else None
    if not isinstance(files, dict) or (made.get("format"), made.get("version")) != (
        _FORMAT,
        _VERSION,
    ):
        raise ConfigError(f"{path} is damaged; remove it, and say again which folders you trust")
    return {name: digest for name, digest in files.items() if isinstance(digest, str)}


def trust(file: Path, tables: Mapping[str, Any]) -> None:
    """Trust a file as long as this is what it says.

    Raises:
        ConfigError: That cannot be noted.
    """
    _write({**trusted(), _name_of(file): digest_of(tables)})


def distrust(file: Path) -> bool:
    """Trust a file no longer; False where it was not trusted.

    Raises:
        ConfigError: That cannot be noted.
    """
    files = trusted()
    if files.pop(_name_of(file), None) is None:
        return False
    _write(files)
    return True


def _home() -> Path:
    """The user's home folder; no absolute path where there is none."""
    return Path(os.path.expanduser("~"))


def _name_of(file: Path) -> str:
    # A name that is not UTF-8 cannot be written as it is.
    return os.fsencode(file.resolve()).decode("utf-8", errors="backslashreplace")


def _write(files: Mapping[str, str]) -> None:
    path = trust_file()
    made = {"format": _FORMAT, "version": _VERSION, "files": dict(sorted(files.items()))}
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")  # for the user alone
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{json.dumps(made, indent=2)}\n")
            os.replace(part, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(part)
            raise
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from error
