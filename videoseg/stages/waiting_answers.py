"""Answers about frames whose turn has not come: they wait compressed in a temporary file."""

from __future__ import annotations

import contextlib
import pickle
import tempfile
import zlib
from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from videoseg.stages.between_cues import joined
from videoseg.system.output_files import unnamed_file, writing
from videoseg.types import Detections, Instance

_NOWHERE = -1
"""Instead of a place in the file."""


@dataclass(slots=True)
class WaitingAnswers(AbstractContextManager["WaitingAnswers"]):
    """What was found before its turn, so that memory does not grow with the clip.

    Attributes:
        folder: Where the file lies; None = where the system keeps such files.
    """

    folder: Path | None = None
    _file: IO[bytes] | None = field(init=False, repr=False, default=None)
    _end: int = field(init=False, repr=False, default=0)
    _answers: _Places = field(init=False, repr=False, default_factory=lambda: _Places())
    _found: _Places = field(init=False, repr=False, default_factory=lambda: _Places())

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file. A second call does nothing."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # of what a full disk has not taken
                self._file.close()
            self._file = None

    def keep_answer(self, answer: Detections) -> None:
        """Keep the answer about a frame.

        Raises:
            OutputError: The disk is full.
        """
        self._answers.put(answer.stream, answer.index, self._write(answer))

    def keep(
        self, stream: str, index: int, found: Sequence[Instance], share: float | None = None
    ) -> None:
        """Keep what was found on the way back on a frame.

        Args:
            stream: Name of the stream.
            index: Index of the frame.
            found: The objects.
            share: How much of the way from the cue before to the one that they come from lies
                behind the frame, 0 to 1; None where there is no cue before.

        Raises:
            OutputError: The disk is full.
        """
        if found:
            before = self._found.take(stream, index)
            self._found.put(stream, index, self._write((tuple(found), share, before)))

    def answer(self, stream: str, index: int) -> Detections | None:
        """The answer about a frame, which is kept no longer; None where there is none."""
        place = self._answers.take(stream, index)
        if place is None:
            return None
        answer: Detections = self._read(place)
        return answer

    def added_to(self, answer: Detections) -> Detections:
        """An answer with what was found on its frame on the way back."""
        instances = list(answer.instances)
        for one, share in self._ways_back(answer.stream, answer.index):
            known = [n for n, each in enumerate(instances) if each.prompt == one.prompt]
            if share is None or not known:
                instances.append(one)
            else:
                instances[known[0]] = joined(instances[known[0]], one, share)
        return replace(answer, instances=tuple(instances))

    def _ways_back(self, stream: str, index: int) -> Iterator[tuple[Instance, float | None]]:
        place = self._found.take(stream, index)
        while place is not None:
            found, share, place = self._read(place)
            for one in found:
                yield one, share

    def _write(self, value: object) -> int:
        """Keep a value; gives its place in the file."""
        where = "what is found ahead of its turn to "
        with writing(where + (str(self.folder) if self.folder else "the system's temporary files")):
            if self._file is None:
                if self.folder is None:
                    self._file = tempfile.TemporaryFile(prefix="videoseg-")  # noqa: SIM115 - close does
                else:
                    self._file = unnamed_file(self.folder)
            made = zlib.compress(pickle.dumps(value), 1)
            place = self._end
            self._file.seek(place)
            self._end += self._file.write(len(made).to_bytes(8, "little") + made)
            # Else a full disk shows only where the file is read, or closed.
            self._file.flush()
            return place

    def _read(self, place: int) -> Any:
        assert self._file is not None  # noqa: S101 - something was written
        self._file.seek(place)
        length = int.from_bytes(self._file.read(8), "little")
        # The file has no name, and this process alone has written it.
        return pickle.loads(zlib.decompress(self._file.read(length)))  # noqa: S301


class _Places:
    """Where in a file something of frames is, in 8 bytes for each frame."""

    def __init__(self) -> None:
        self._streams: defaultdict[str, array[int]] = defaultdict(lambda: array("q"))

    def put(self, stream: str, index: int, place: int) -> None:
        """Note where something of a frame is."""
        known = self._streams[stream]
        known.extend([_NOWHERE] * (index + 1 - len(known)))
        known[index] = place

    def take(self, stream: str, index: int) -> int | None:
        """Forget where it is; None where there is nothing."""
        known = self._streams[stream]
        if index >= len(known) or known[index] == _NOWHERE:
            return None
        place, known[index] = known[index], _NOWHERE
        return place
