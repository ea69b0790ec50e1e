"""Outputs in object storage: made in a folder of this machine, then uploaded, ``run.json`` last.

What is there without a ``run.json`` is no run. What an interrupted run has found is kept below
``OUT/.videoseg-part`` as it goes, so that any machine can go on with it. A lock there keeps a
second run out (``jobs.stored_lock``).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from videoseg.errors import OutputError, OutputExistsError, SourceNotFoundError, UsageError
from videoseg.jobs.outputs import same_run
from videoseg.jobs.stored_lock import StoredLock
from videoseg.runlog.checkpoint import ANSWERS, PLAN, STATE
from videoseg.runlog.leftover import NOTES
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.output_names import STAGING, is_inside, outputs_of
from videoseg.runlog.plan import Plan
from videoseg.runlog.summary import Summary
from videoseg.system.object_store import Stored

_UPLOADS = 8
"""Files that are uploaded at the same time."""
_KEPT_EVERY = 20.0
"""Least seconds between two uploads of what was found so far."""
_PUBLISHING = f"{STAGING}/publishing.json"
"""Names of what a run is about to upload: what was uploaded of it is no stranger's."""


class StoredOutput(AbstractContextManager["StoredOutput"]):
    """The output of one run in object storage.

    Args:
        address: Where it goes.
        produces: Names of the files and folders that may be made.
        reads: Inputs, which must not be replaced.
        overwrite: Whether results of an earlier run are replaced, and an unfinished one forgotten.
        resume: Whether what an unfinished run has left is gone on with.

    Attributes:
        folder: Where the run writes on this machine.
        notes: What an interrupted run has left, and this one leaves.

    Raises:
        UsageError: An input would be replaced.
        OutputError: The storage cannot be reached.
    """

    def __init__(
        self,
        address: str,
        produces: Sequence[str],
        reads: Iterable[str] = (),
        *,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self._place = Stored(address, OutputError)
        self._produces = tuple(produces)
        self._overwrite, self._resume = overwrite, resume
        for name in self._produces:
            piece = self._place.below(name).address
            if any(each == piece or each.startswith(f"{piece}/") for each in reads):
                raise UsageError(
                    f"{self._place.below(name).shown} is an input, and this run makes it; "
                    "give another output with -o"
                )
        self._there = self._place.names()
        self._made: frozenset[str] = frozenset()
        self._root = Path(tempfile.mkdtemp(prefix="videoseg-"))
        self.folder = self._root / "out"
        self._lock = StoredLock(self._place)
        self._ends = ExitStack()
        self._ends.callback(shutil.rmtree, self._root, ignore_errors=True)
        self.notes = StoredNotes(self._place.below(f"{STAGING}/{NOTES}"), self._lock.check)

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: object) -> None:
        with self._ends:
            if kind is not None:
                with suppress(OutputError):  # the first error is the one to tell
                    self.notes.keep(self.folder / STAGING / NOTES, now=True)

    def finished(self, plan: Plan) -> Summary | None:
        """What a finished run like this one has done there, or None where there is none.

        Raises:
            OutputExistsError: There is one of another kind, or some of what it made is gone, and
                it must not be replaced.
        """
        made = self._manifest()
        if made is None:
            return None
        done = same_run(made, plan, self._place.shown, overwrite=self._overwrite)
        gone = [] if done is None else [name for name in done.outputs if not self._has(name)]
        if gone and not self._overwrite:
            raise OutputExistsError(
                f"{self._place.shown} lacks {', '.join(gone)} of its run; --overwrite makes all of "
                "it again"
            )
        return None if gone else done

    def begin(self) -> None:
        """Refuse before any work what must not be replaced; forget what is not gone on with.

        From here on no other run can write there.

        Raises:
            OutputExistsError: Something must not be replaced.
            OutputError: Another run is writing there.
        """
        self._refuse_replacing()
        self._ends.enter_context(self._lock)
        self._there = self._place.names()
        self._refuse_replacing()  # one that has ended meanwhile
        self.notes.begin(overwrite=self._overwrite, resume=self._resume)

    def _refuse_replacing(self) -> None:
        made = self._manifest()
        self._made = frozenset() if made is None else outputs_of(json.dumps(made).encode())
        ours = self._made | self._half_uploaded()
        for name in self._produces:
            if not self._has(name) or (name in ours and (self._overwrite or made is None)):
                continue
            piece = self._place.below(name).shown
            if self._overwrite and name in self._there:
                continue
            if not self._overwrite:
                raise OutputExistsError(
                    f"{piece} exists; give another place, or --overwrite to replace it"
                )
            raise OutputExistsError(
                f"{piece} holds objects that no run listed in {MANIFEST} has made; move them away, "
                "or give another place"
            )

    def publish(self, done: Summary) -> Summary:
        """Upload what a run has made: all but ``run.json``, then that.

        Raises:
            OutputError: Something cannot be uploaded; what is there is no run then.
        """
        files = {
            path.relative_to(self.folder).as_posix(): path
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and STAGING not in path.relative_to(self.folder).parts
        }
        self._lock.check()
        names = json.dumps(sorted(set(self._produces))).encode()
        self._place.below(_PUBLISHING).write(names)
        if MANIFEST in self._there:  # from here on, what is there is no run
            self._place.remove([MANIFEST])
        self._upload({name: path for name, path in files.items() if name != MANIFEST})
        replaced = [name for name in self._there if self._is_replaced(name) and name not in files]
        self._place.remove(replaced)
        self._lock.check()
        self._upload({MANIFEST: files[MANIFEST]})
        self._place.remove([_PUBLISHING])
        self.notes.forget()
        return replace(done, out=self._place.shown)

    def _upload(self, files: Mapping[str, Path]) -> None:
        with ThreadPoolExecutor(_UPLOADS) as pool:
            for _ in pool.map(
                lambda each: self._place.below(each[0]).upload(each[1]), files.items()
            ):
                pass

    def _is_replaced(self, name: str) -> bool:
        return any(name == piece or name.startswith(f"{piece}/") for piece in self._produces)

    def _has(self, piece: str) -> bool:
        return any(name == piece or name.startswith(f"{piece}/") for name in self._there)

    def _manifest(self) -> dict[str, object] | None:
        """The ``run.json`` that is there, or None."""
        if MANIFEST not in self._there:
            return None
        seen = self._root / "seen"
        seen.mkdir(exist_ok=True)
        self._place.below(MANIFEST).download(seen / MANIFEST)
        made: dict[str, object] = read_manifest(seen)
        return made

    def _half_uploaded(self) -> frozenset[str]:
        """Names of what a run was about to upload that did not end."""
        if _PUBLISHING not in self._there:
            return frozenset()
        try:
            names = json.loads(self._place.below(_PUBLISHING).read())
        except (ValueError, SourceNotFoundError):
            return frozenset()
        return frozenset(name for name in names if isinstance(name, str) and is_inside(name))


class StoredNotes:
    """What an unfinished run has found, in object storage.

    Answers are uploaded in pieces as they come, each named by its generation and its first byte;
    what goes on with them begins a new generation with all of them in one piece.

    Args:
        place: Where they are.
        check: Called before anything is kept there; raises where that is not this run's any more.
    """

    def __init__(self, place: Stored, check: Callable[[], None]) -> None:
        self._place, self._check = place, check
        self._generation = 0
        self._sent = 0
        self._last = time.monotonic()
        self._older: list[str] = []

    def begin(self, *, overwrite: bool, resume: bool) -> None:
        """Look at what there is; forget it where that is wished.

        Raises:
            OutputExistsError: There is an unfinished run, and nothing was said about it.
        """
        names = self._place.names()
        if PLAN in names and not (overwrite or resume):
            raise OutputExistsError(
                f"{self._place.shown} is of an unfinished run; --resume goes on with it, and "
                "--overwrite begins anew"
            )
        if not resume:
            self._place.remove(names)

    def fetch(self, folder: Path) -> None:
        """Put what there is into the folder of notes of a run that begins."""
        names = self._place.names()
        self._older = [name for name in names if name.startswith(ANSWERS)]
        if PLAN not in names or not self._older:
            return
        newest = max(_numbers(name)[0] for name in self._older)
        self._generation = newest + 1
        with (folder / ANSWERS).open("wb") as file:
            for name in self._older:  # in order of their first byte
                generation, start = _numbers(name)
                if generation == newest and start == file.tell():
                    file.write(self._place.below(name).read())
        for name in (PLAN, STATE):
            if name in names:
                (folder / name).write_bytes(self._place.below(name).read())

    def keep(self, folder: Path, *, now: bool = False) -> None:
        """Upload what has come since the last time, if that was a while ago.

        Raises:
            OutputError: The storage fails, or another run has taken this one's place.
        """
        if not now and time.monotonic() - self._last < _KEPT_EVERY:
            return
        self._last = time.monotonic()
        if not (folder / PLAN).exists():
            return
        self._check()
        with (folder / ANSWERS).open("rb") as file:
            file.seek(self._sent)
            content = file.read()
        if content:
            name = f"{ANSWERS}.{self._generation:06d}-{self._sent:015d}"
            self._place.below(name).write(content)
        if (folder / STATE).exists():  # never newer than the answers
            self._place.below(STATE).upload(folder / STATE)
        if not self._sent:
            self._place.below(PLAN).upload(folder / PLAN)
            self._place.remove(self._older)
        self._sent += len(content)

    def forget(self) -> None:
        """Remove all of them."""
        self._place.remove(self._place.names())


def _numbers(name: str) -> tuple[int, int]:
    """Generation and first byte of a piece of the answers; an older one, where it is none."""
    generation, _, start = name.removeprefix(f"{ANSWERS}.").partition("-")
    try:
        return int(generation), int(start)
    except ValueError:
        return -1, -1
