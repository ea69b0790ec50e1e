"""Keeps a second run out of a place in object storage.

The lock is an object that only one run can create: S3, Google's and Azure's storage decide that by
a condition of the upload. Its owner writes it anew every few seconds. Whoever finds one looks
whether it changes for a while, by its own clock alone: one that stays as it is was left by a run
that is dead, and is taken over. Where storage knows no such condition, a lock that is there is
respected as well, and two runs that begin within the same moment are told apart when they read it.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import threading
import time
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from typing import Self

from videoseg.errors import OutputError, SourceNotFoundError, shown
from videoseg.runlog.output_names import STAGING
from videoseg.system.object_store import Stored

NAME = f"{STAGING}/lock"
"""Where the lock lies in a place."""
_BEAT = 10.0
"""Seconds between two signs of life."""
_PATIENCE = 35.0
"""Seconds without one after which the owner counts as dead: more than three of them."""
_LOOK = 2.5
"""Seconds between two looks at another run's lock."""
_log = logging.getLogger(__name__)


class StoredLock(AbstractContextManager["StoredLock"]):
    """The lock of one run on a place in object storage, held within its context.

    Args:
        place: What it guards; the lock lies in it.

    Raises:
        OutputError: On entering: another run that is alive holds it, or the storage cannot be
            reached.
    """

    def __init__(self, place: Stored) -> None:
        self._guarded, self._lock = place, place.below(NAME)
        self._token = secrets.token_hex(16)
        self._since = datetime.now(UTC).isoformat(timespec="seconds")
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="videoseg-lock", daemon=True)

    def __enter__(self) -> Self:
        while not self._lock.create(self._content()):
            seen = self._seen()
            if self._is_mine(seen):  # the answer to the first attempt was lost
                break
            if seen is not None:
                self._wait_for_the_dead(seen)
        self.check()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with suppress(OutputError):  # else whoever comes next finds out that its owner is gone
            if self._is_mine(self._seen()):
                self._guarded.remove([NAME])

    def check(self) -> None:
        """Refuse to go on where another run has taken the lock over.

        Raises:
            OutputError: One has.
        """
        seen = self._seen()
        if not self._is_mine(seen):
            who = "nobody knows who" if seen is None else _owner(seen)
            raise OutputError(
                f"{self._guarded.shown}: this run had gone silent, and another one ({who}) has "
                "taken its place; let that one end"
            )

    def _content(self) -> bytes:
        owner = f"{socket.gethostname()}, process {os.getpid()}"
        said = {"run": self._token, "owner": owner, "since": self._since, "beats": self._beats}
        return json.dumps(said).encode()

    def _beat(self) -> None:
        """Give signs of life until the end, or until the lock is another run's."""
        while not self._ended.wait(_BEAT):
            self._beats += 1
            with suppress(OutputError):  # the storage fails for a while; ``check`` will say it
                if not self._is_mine(self._seen()):
                    return
                self._lock.write(self._content())

    def _wait_for_the_dead(self, seen: bytes) -> None:
        """Remove a lock that gives no sign of life.

        Raises:
            OutputError: It does.
        """
        _log.warning(
            "%s is locked by another run (%s); waiting up to %d s to see whether it is alive",
            self._guarded.shown,
            _owner(seen),
            _PATIENCE,
        )
        begun = time.monotonic()
        while time.monotonic() - begun < _PATIENCE:
            time.sleep(min(_LOOK, _PATIENCE))
            now = self._seen()
            if now is None:
                return
            if now != seen:
                raise OutputError(
                    f"another run is writing to {self._guarded.shown} ({_owner(now)}); wait for it "
                    "to end, or give another place with -o"
                )
        if self._seen() == seen:
            self._guarded.remove([NAME])

    def _seen(self) -> bytes | None:
        """What the lock holds, or None where there is none."""
        try:
            return self._lock.read()
        except SourceNotFoundError:
            return None

    def _is_mine(self, seen: bytes | None) -> bool:
        return seen is not None and self._token.encode() in seen


def _owner(seen: bytes) -> str:
    """Who has written a lock and since when, for messages; it may be anybody's."""
    try:
        said = json.loads(seen)
        return f"{shown(said['owner'])}, since {shown(said['since'])}"
    except (ValueError, TypeError, KeyError):
        return "unknown"
