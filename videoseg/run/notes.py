"""What a run keeps until it has published, so that a later one can go on with it.

Three files in a folder of their own: ``plan.json`` says what the run was to do,
``detections.jsonl`` holds the model's answers as the log does, and ``state`` what a stage remembers
beside them. A plan is there once there is an answer worth keeping. The state is written behind each
answer that it follows from, and names how many there are: after a crash it is as old as the last
answer, or older by one, and an answer without its state is given up.
"""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError, OutputExistsError, RunLogError
from videoseg.protocols import Remembers
from videoseg.run.log import DETECTIONS
from videoseg.run.manifest import write_json
from videoseg.run.plan import Plan, difference
from videoseg.run.publish import PLAN
from videoseg.snapshots import State

_STATE = "state"
_KIND = re.compile(r"[<>|=][biufcSU][0-9]{1,6}")
"""Arrays of numbers and text, as numpy writes their types; it takes much else for one."""


class Notes:
    """The notes of one run.

    Args:
        folder: The folder that outlives the run, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.answers = folder / DETECTIONS
        self._plan = folder / PLAN
        self._state = folder / _STATE
        self._noted = False

    def left(self, plan: Plan, *, with_state: bool) -> tuple[int, State]:
        """What an earlier run has left for one with this plan: whole answers, and a state.

        Args:
            plan: What is to be done now.
            with_state: Whether answers without their state are of no use.

        Raises:
            OutputExistsError: The earlier run was to do something else; says what.
            OutputError: The files cannot be changed.
        """
        state, answers = self._read_state() if with_state else ({}, None)
        if not self._plan.exists() or answers == 0:
            self._forget()
            return 0, {}
        self._check(plan)
        return self._cut(answers), state

    def note(self, plan: Plan, answers: int, memory: Remembers | None) -> None:
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
            part = self._plan.with_suffix(".part")
            write_json(part, plan.to_json())
            part.replace(self._plan)
            self._noted = True

    def _check(self, plan: Plan) -> None:
        try:
            before = json.loads(self._plan.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise RunLogError(f"{self._plan} cannot be read: {error}") from error
        if not isinstance(before, dict):
            raise RunLogError(f"{self._plan} is not the plan of a run")
        found = difference(before, plan)
        if found is not None:
            raise OutputExistsError(
                f"the unfinished run cannot be gone on with: {found}; run it as before, or begin "
                "anew with --overwrite"
            )

    def _note_state(self, state: State, answers: int) -> None:
        kinds = [(name, array.dtype.str, array.shape) for name, array in state.items()]
        head = {"answers": answers, "arrays": kinds}
        part = self._state.with_suffix(".part")
        try:
            with part.open("wb") as file:
                file.write(f"{json.dumps(head)}\n".encode("ascii"))
                file.writelines(array.tobytes() for array in state.values())
            part.replace(self._state)
        except OSError as error:
            raise OutputError(f"cannot write {part}: {error.strerror or error}") from error

    def _read_state(self) -> tuple[State, int]:
        """The last state that was kept, and how many answers it follows from; else none and 0."""
        try:
            with self._state.open("rb") as file:
                head = json.loads(file.readline())
                state = {name: _array(file, *kind) for name, *kind in head["arrays"]}
                return state, int(head["answers"])
        except (OSError, ValueError, TypeError, KeyError, ArithmeticError, RuntimeError):
            return {}, 0

    def _cut(self, most: int | None) -> int:
        """Keep whole answers only, and at most so many; say how many are left."""
        try:
            with self.answers.open("r+b") as file:
                end, lines = 0, 0
                for line in file:
                    if not line.endswith(b"\n") or (most is not None and lines > most):
                        break
                    end, lines = end + len(line), lines + 1
                file.truncate(end)
        except OSError as error:
            raise OutputError(f"cannot read {self.answers}: {error.strerror}") from error
        return max(0, lines - 1)  # the first line is the header

    def _forget(self) -> None:
        for path in (self._plan, self._state, self.answers):
            path.unlink(missing_ok=True)


def _array(file: BinaryIO, kind: str, shape: list[int]) -> npt.NDArray[Any]:
    """The next array of a file, which must hold all of it: a damaged head may claim anything."""
    if not _KIND.fullmatch(kind) or not all(type(length) is int for length in shape):
        raise ValueError(f"no kind of array: {kind!r}, {shape!r}")
    dtype = np.dtype(kind)
    size = dtype.itemsize * math.prod(shape)
    if not 0 <= size <= os.fstat(file.fileno()).st_size - file.tell():
        raise ValueError(f"an array of {size} bytes in a file that is shorter")
    return np.frombuffer(file.read(size), dtype).reshape(shape).copy()
