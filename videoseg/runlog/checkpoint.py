"""What a run keeps until it has published, so that a later one can go on with it.

Three files in a folder of their own: ``plan.json`` says what the run was to do,
``detections.jsonl`` holds the model's answers as the log does, and ``state`` what a stage remembers
beside them. A plan is there once there is an answer worth keeping. The state is written behind each
answer that it follows from, and names how many there are: after a crash it is as old as the last
answer, or older by one, and an answer without its state is given up. The folder may have come from
somebody else: none but plain files in it are read or written, and no link is followed.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError, OutputExistsError, RunLogError
from videoseg.protocols import Resumable
from videoseg.runlog.log import DETECTIONS
from videoseg.runlog.manifest import LONGEST, json_bytes
from videoseg.runlog.plan import Plan, difference
from videoseg.runlog.staging import PLAN as PLAN
from videoseg.system.held_folders import FolderHandle, NotOursError
from videoseg.types.snapshot import Snapshot

ANSWERS = DETECTIONS
STATE = "state"
_ORIGIN = "answers_of"
"""What the plan says beside itself, where some answers are of an earlier run."""
_KIND = re.compile(r"[<>|=][biufcSU][0-9]{1,6}")
"""Arrays of numbers and text, as numpy writes their types; it takes much else for one."""


class Notes:
    """The notes of one run.

    Args:
        folder: The folder that outlives the run, which exists.
        origin: Which earlier run some of the answers are of; None where all are its own.

    Raises:
        OutputError: It is a link, or cannot be opened.
    """

    def __init__(self, folder: Path, origin: str | None = None) -> None:
        self._origin = origin
        self.answers = folder / DETECTIONS
        self._plan = folder / PLAN
        self._noted = False
        with _using(folder), FolderHandle.at(folder.parent) as above:
            self._folder = above.inside(folder.name)

    def left(self, plan: Plan, *, with_state: bool) -> tuple[int, Snapshot]:
        """What an earlier run has left for one with this plan: whole answers, and a state.

        Args:
            plan: What is to be done now.
            with_state: Whether answers without their state are of no use.

        Raises:
            OutputExistsError: The earlier run was to do something else; says what.
            OutputError: The files cannot be changed.
        """
        state, answers = self._read_state() if with_state else ({}, None)
        if self._folder.look(PLAN) is None or answers == 0:
            self._forget()
            return 0, {}
        self._check(plan)
        return self._cut(answers), state

    def note(self, plan: Plan, answers: int, memory: Resumable | None) -> None:
        """Keep up with an answer that has been logged.

        Args:
            plan: What the run is to do; one that cannot be repeated leaves no notes.
            answers: How many answers there are now.
            memory: What remembers more than the answers say, or None.

        Raises:
            OutputError: The disk is full or gone.
        """
        if not plan.repeatable:
            return
        if memory is not None:
            self._note_state(memory.snapshot(), answers)
        if not self._noted:
            with _using(self._plan):
                of = {} if self._origin is None else {_ORIGIN: self._origin}
                self._folder.write(PLAN, [json_bytes({**plan.to_json(), **of})])
            self._noted = True

    def _check(self, plan: Plan) -> None:
        try:
            before = json.loads(self._folder.read(PLAN, LONGEST))
        except (OSError, ValueError, RecursionError, NotOursError) as error:
            raise RunLogError(f"{self._plan} cannot be read: {error}") from error
        if not isinstance(before, dict):
            raise RunLogError(f"{self._plan} is not the plan of a run")
        found = difference(before, plan)
        if found is None and before.get(_ORIGIN) != self._origin:
            found = "it takes answers of another finished run, or of none"
        if found is not None:
            raise OutputExistsError(
                f"the unfinished run cannot be gone on with: {found}; run it as before, or begin "
                "anew with --overwrite"
            )

    def _note_state(self, state: Snapshot, answers: int) -> None:
        kinds = [(name, array.dtype.str, array.shape) for name, array in state.items()]
        head = {"answers": answers, "arrays": kinds}
        arrays = (array.tobytes() for array in state.values())
        with _using(self._folder.path / STATE):
            self._folder.write(STATE, chain([f"{json.dumps(head)}\n".encode("ascii")], arrays))

    def _read_state(self) -> tuple[Snapshot, int]:
        """The last state that was kept, and how many answers it follows from; else none and 0."""
        try:
            with self._folder.open(STATE) as file:
                head = json.loads(file.readline())
                state = {name: _array(file, *kind) for name, *kind in head["arrays"]}
                return state, int(head["answers"])
        except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RuntimeError):
            return {}, 0
        except NotOursError as error:
            raise OutputError(f"{self._folder.path}: {error}; move it away") from error

    def _cut(self, most: int | None) -> int:
        """Keep whole answers only, and at most so many; say how many are left."""
        with _using(self.answers), self._folder.open(DETECTIONS, os.O_RDWR) as file:
            end, lines = 0, 0
            for line in file:
                if not line.endswith(b"\n") or (most is not None and lines > most):
                    break
                end, lines = end + len(line), lines + 1
            file.truncate(end)
        return max(0, lines - 1)  # the first line is the header

    def _forget(self) -> None:
        with _using(self._folder.path):
            for name in (PLAN, STATE, DETECTIONS):
                self._folder.remove(name)


@contextmanager
def _using(path: Path) -> Iterator[None]:
    """Turn what the file system refuses, or what we do, into an error that names a path."""
    try:
        yield
    except (OSError, NotOursError) as error:
        what = error if isinstance(error, NotOursError) else error.strerror or error
        raise OutputError(f"cannot use {path}: {what}") from error


def _array(file: BinaryIO, kind: str, shape: list[int]) -> npt.NDArray[Any]:
    """The next array of a file, which must hold all of it: a damaged head may claim anything."""
    if not _KIND.fullmatch(kind) or not all(type(length) is int for length in shape):
        raise ValueError(f"no kind of array: {kind!r}, {shape!r}")
    dtype = np.dtype(kind)
    size = dtype.itemsize * math.prod(shape)
    if not 0 <= size <= os.fstat(file.fileno()).st_size - file.tell():
        raise ValueError(f"an array of {size} bytes in a file that is shorter")
    return np.frombuffer(file.read(size), dtype).reshape(shape).copy()
