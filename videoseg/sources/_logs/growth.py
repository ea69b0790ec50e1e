"""A file that a recorder still writes: waits for more of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_POLL_SECONDS = 0.02
"""How often the size of the file is looked at: less than half of a picture at 25 a second."""


@dataclass
class Growth:
    """Waits for a file to grow. One thread waits, any may stop it.

    Attributes:
        path: The file.
        idle: Seconds without growth after which nobody waits any more; 0 = wait for ever.
        stopped: Whether nobody wants any more. No lock guards it: a signal's handler sets it.
    """

    path: Path
    idle: float = 0.0
    stopped: bool = False
    _size: int = field(init=False, default=0)
    _grown: float = field(init=False, default_factory=time.monotonic)

    def beyond(self, size: int) -> int | None:
        """Wait until the file is larger than ``size`` bytes.

        Returns:
            Its size; None where it does not grow for ``idle`` seconds, or it was stopped.
        """
        found = self._look(lambda: self._size > size)
        return self._size if found else None

    def goes_on_in(self, path: Path, is_over: Callable[[], bool]) -> bool:
        """Wait for another file from now on, and until it has anything in it.

        Args:
            path: The file that the recorder writes after this one.
            is_over: Asked while there is none: whether there will be none.

        Returns:
            Whether there is; False where there will be none, or as with ``beyond``.
        """
        self.path, self._size, self._grown = path, 0, time.monotonic()
        return self._look(lambda: self._size > 0 or is_over()) and self._size > 0

    def until(self, true: Callable[[], bool]) -> bool:
        """Wait until something holds, which is asked anew where the file has grown.

        Returns:
            Whether it holds; False as with ``beyond``.
        """
        while not true():
            if self.beyond(self._size) is None:
                return False
        return True

    def _look(self, true: Callable[[], bool]) -> bool:
        while not self.stopped:
            now, size = time.monotonic(), self._size_now()
            if size != self._size:
                self._size, self._grown = size, now
            if true():
                return True
            if self.idle and now - self._grown >= self.idle:
                return False
            time.sleep(_POLL_SECONDS)
        return False

    def _size_now(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:  # it was moved away: nothing is added to it
            return self._size
