"""Answers kept on disk by what was asked, so that nothing is paid for twice.

A file's name is the SHA-256 of the address and the body of the request, which hold the picture as
it was sent, the question, and the model. Keys are in neither, so they are not in the name; the file
holds the answer as it came.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from videoseg.system.output_files import writing

OFF = "off"
"""The setting for no cache."""
AUTO = "auto"
"""The setting for the user's own cache folder."""


def cache_folder(setting: str) -> Path | None:
    """The folder that a setting means: ``auto`` is the user's own, ``off`` is none.

    A user without a home folder, as in many containers, has none of their own.
    """
    if setting == OFF:
        return None
    if setting != AUTO:
        return Path(os.path.expanduser(setting))
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "videoseg" / "answers" if base.is_absolute() else None


@dataclass(frozen=True, slots=True)
class AnswerCache:
    """A folder of answers. Several threads and processes may use it at once.

    Attributes:
        folder: Made when the first answer is kept.
    """

    folder: Path

    def get(self, name: str) -> bytes | None:
        """The answer to what ``name_of`` has named, or None."""
        try:
            return self._path(name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, answer: bytes) -> None:
        """Keep an answer; it appears whole or not at all.

        Raises:
            OutputError: The folder cannot be written.
        """
        path = self._path(name)
        with writing(path):
            for folder in (self.folder, path.parent):  # for the user alone, as each file is
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(answer)
                os.replace(part, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)
                raise

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name


def name_of(url: str, body: bytes) -> str:
    """What tells a request from all others, as 64 hex digits."""
    return hashlib.sha256(url.encode() + b"\n" + body).hexdigest()
