"""What a killed run has left in a staging folder, looked through before anything of it is used.

An output folder may have been received from somebody, with a staging folder in it that was made to
do harm. Whatever no run leaves is refused, and nothing is changed.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import BinaryIO

from videoseg.runlog.log import DETECTIONS
from videoseg.runlog.manifest import LONGEST
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.output_names import outputs_of, pieces_of
from videoseg.system.held_folders import FolderHandle, NotOursError, check_plain, is_folder, kind_of

NEW = "new"
"""Folder, in a staging folder, of what is made."""
OLD = "old"
"""Folder of what the new replaces."""
NOTES = "notes"
"""Folder of notes for a run that goes on later."""
MARKER = "publishing"
"""File that lists the pieces that are on their way to their places."""
LOCK = "lock"
"""File that keeps a second run out."""
_LONGEST_NOTE = 1 << 20
"""Bytes of a list of pieces at most."""
_LONGEST_LOCK = 256
_TOKEN = re.compile(rb"videoseg-staging 1 ([0-9a-f]{32})\n")


def token_of(lock: BinaryIO, staging: FolderHandle) -> str:
    """The token that the run has written that made a staging folder; a new one in a new one.

    Raises:
        NotOursError: There is none, and yet the folder holds something.
    """
    held = lock.read(_LONGEST_LOCK)
    if not held and staging.names() == [LOCK]:
        token = secrets.token_hex(16)
        _write(lock.fileno(), f"videoseg-staging 1 {token}\n".encode("ascii"))
        return token
    found = _TOKEN.fullmatch(held)
    if found is None:
        raise NotOursError(f"{LOCK} names no run")
    return found[1].decode("ascii")


def _write(file: int, token: bytes) -> None:
    """Write all of a token, or nothing: by half of one no later run would know the folder."""
    try:
        while token:
            token = token[os.write(file, token) :]
        os.fsync(file)  # what lies beside it must not outlive it, should power fail
    except OSError:
        os.ftruncate(file, 0)
        raise


def check(staging: FolderHandle) -> None:
    """Refuse a staging folder of another user, and one with links or pipes in it.

    Raises:
        NotOursError: It is such.
    """
    _check_owner(staging)
    for name in (NEW, OLD, NOTES):
        found = staging.look(name)
        if found is not None and not is_folder(found):
            raise NotOursError(f"{name} is {kind_of(found)}")
    if staging.look(MARKER) is None:
        for path, found in staging.files(NOTES):
            _check_file(staging, path, found)


def waiting(
    staging: FolderHandle, out: FolderHandle, token: str, published: Collection[str]
) -> Sequence[str] | None:
    """The pieces that a killed run was putting into place, and that are not there yet.

    Args:
        staging: The staging folder.
        out: The output folder.
        token: What the lock holds.
        published: What the run made that published to ``out`` last.

    Returns:
        Their names; None where none has been moved, and it is not known which would be.

    Raises:
        NotOursError: They must not be moved.
    """
    pieces = pieces_of(staging.read(MARKER, _LONGEST_NOTE), token)
    if pieces is None:
        return None
    if staging.look(NEW) is None:
        return []
    with staging.inside(NEW) as new:
        listed = {MANIFEST}
        if new.look(MANIFEST) is not None:
            listed |= outputs_of(new.read(MANIFEST, LONGEST))
        left = []
        for name in pieces:
            *above, last = PurePosixPath(name).parts
            with ExitStack() as folders:
                folder = _beneath(new, above, folders)
                if folder is None or folder.look(last) is None:
                    continue
                if name not in listed:
                    raise NotOursError(f"its {MANIFEST} does not list {name}")
                place = _beneath(out, above, folders)
                there = None if place is None else place.look(last)
                if there is not None and is_folder(there) and name not in published:
                    raise NotOursError(f"{out.path / name} is a folder that no run has made")
                for path, found in folder.files(last):
                    _check_file(staging, path, found)
            left.append(name)
    return left


def _beneath(folder: FolderHandle, names: Sequence[str], folders: ExitStack) -> FolderHandle | None:
    """The folder that names lead to; None where there is none."""
    try:
        return folders.enter_context(folder.beneath(names))
    except FileNotFoundError:
        return None


def _check_file(staging: FolderHandle, path: str, found: os.stat_result) -> None:
    """Refuse what is no plain file, or has a name outside of the staging folder.

    Raises:
        NotOursError: It is such.
    """
    twins = []
    if found.st_nlink > 1:  # the answers of a run are among its notes and in its log
        for folder in ((NOTES,), (NEW, "run")):
            with ExitStack() as folders:
                held = _beneath(staging, folder, folders)
                twins.append(None if held is None else held.look(DETECTIONS))
    both = [twin for twin in twins if twin is not None and os.path.samestat(twin, found)]
    check_plain(path, found, names=max(1, len(both)))


def _check_owner(staging: FolderHandle) -> None:
    """Whether a staging folder belongs to who would own a file made in it now.

    Raises:
        NotOursError: It does not.
    """
    owner = staging.stat().st_uid
    if sys.platform == "win32" or owner == os.geteuid():
        return
    # Where a share gives all files one owner, that is the owner of a new one, too.
    probe = f"owner-{secrets.token_hex(8)}"
    try:
        with staging.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            mine = os.fstat(file.fileno()).st_uid
    finally:
        staging.remove(probe)
    if owner != mine:
        raise NotOursError("it belongs to another user")
