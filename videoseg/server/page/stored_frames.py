"""Something about each frame, kept in a file without a name: in memory is a number for each."""

from __future__ import annotations

import json
import tempfile
import threading
from array import array
from collections.abc import Iterable
from typing import IO, Any


class StoredFrames:
    """JSON values by frame; any thread may ask."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = tempfile.TemporaryFile()  # noqa: SIM115 - see close
        self._ends = array("q", [0])
        self._places: dict[int, int] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def put(self, index: int, value: Any) -> None:
        """Keep the value of a frame."""
        text = json.dumps(value).encode()
        with self._lock:
            if self._file is None:
                return
            self._file.seek(self._ends[-1])
            self._file.write(text)
            self._places[index] = len(self._ends) - 1
            self._ends.append(self._ends[-1] + len(text))

    def get(self, indices: Iterable[int]) -> dict[int, Any]:
        """The values of some frames, as far as they are there."""
        found: dict[int, Any] = {}
        with self._lock:
            for index in indices if self._file is not None else ():
                place = self._places.get(index)
                if place is not None and self._file is not None:
                    self._file.seek(self._ends[place])
                    text = self._file.read(self._ends[place + 1] - self._ends[place])
                    found[index] = json.loads(text)
        return found

    def close(self) -> None:
        """Forget all of them."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None
