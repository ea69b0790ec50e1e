"""Makes a run's files appear all at once, complete, or not at all.

Everything is written below ``OUT/.videoseg-part/new`` under its final name, on the file system of
its destination. ``publish`` renames each piece into place; leaving without it removes the staging
folder, or all but what a later run can go on with, if there is such. Its lock file keeps a second
run out; a lock that nobody holds belongs to a killed run, whose staging folder is taken over: what
it had begun to publish was complete, and is put into place.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote

from videoseg.errors import OutputError, OutputExistsError, UsageError
from videoseg.run.manifest import NAME as MANIFEST

STAGING = ".videoseg-part"
PLAN = "plan.json"
"""The note by which an unfinished run is known."""


class Staging:
    """A context manager that owns the staging folder of one output folder.

    What a run notes in ``notes`` outlives its end, however it came, until one has published; if
    there is a plan among it.

    Args:
        out: The output folder; made if need be, and removed again if nothing is published.
        produces: Names of the files and folders that may be made, relative to ``out``.
        overwrite: Whether existing pieces of these names are replaced, and an unfinished run is
            forgotten. A folder is replaced only where the ``run.json`` beside it lists it, for it
            may hold a stranger's files.
        resume: Whether what an unfinished run has left is kept to go on with.
        replaces: Names that may be replaced also without ``overwrite``.

    Raises:
        UsageError: Two parts would make the same piece.
        OutputExistsError: On entering: a piece or an unfinished run exists and must not be lost.
        OutputError: On entering: the folder cannot be written, or another run is writing to it.
    """

    def __init__(
        self,
        out: Path,
        produces: Sequence[str],
        overwrite: bool = False,
        *,
        resume: bool = False,
        replaces: Sequence[str] = (),
    ) -> None:
        self.out = out
        self.overwrite = overwrite
        self._resume = resume
        self._replaces = frozenset(replaces)
        self._pieces = _top_pieces(produces)
        self._staging = out / STAGING
        self._made: list[Path] = []
        self._lock: BinaryIO | None = None

    @property
    def folder(self) -> Path:
        """Where writers write."""
        return self._staging / "new"

    @property
    def notes(self) -> Path:
        """Where a run keeps what a later one needs to go on with it; not published."""
        return self._staging / "notes"

    @property
    def unfinished(self) -> bool:
        """Whether there is a run that can be gone on with; its plan says so."""
        return (self.notes / PLAN).exists()

    @property
    def _aside(self) -> Path:
        """Where what is replaced waits until all is in place."""
        return self._staging / "old"

    @property
    def killed_publishing(self) -> bool:
        """Whether a run was killed while it published, as long as that is not settled."""
        return self._marker.exists()

    @property
    def _marker(self) -> Path:
        """Names the pieces that are on their way to their places."""
        return self._staging / "publishing"

    def __enter__(self) -> Staging:
        if not self._staging.exists():
            self._refuse_existing()
        try:
            self._make_out()
            self._lock = self._take_lock()
            self._take_over()
            self._refuse_existing()
            self._refuse_unfinished()
            for folder in (self.folder, self.notes):
                folder.mkdir(exist_ok=True)
        except OSError as error:
            self._leave()
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot write to {self.out}: {error.strerror or error}") from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        refused = isinstance(error, OutputExistsError)
        if error is not None and not refused and self.unfinished:
            error.add_note("what was answered so far is kept, and --resume goes on from there")
        self._leave()

    def publish(self) -> list[Path]:
        """Move every piece that was made into place, ``run.json`` last.

        Returns:
            The paths, in that order.

        Raises:
            RuntimeError: A part made something that it had not announced.
            OutputExistsError: A piece has appeared meanwhile and must not be replaced.
            OutputError: A piece cannot be moved; all are as they were before.
        """
        self._refuse_strangers()
        self._refuse_existing()
        made = [name for name in self._pieces if os.path.lexists(self.folder / name)]
        made.sort(key=lambda name: name == MANIFEST)
        try:
            self._marker.write_text(json.dumps(made), encoding="utf-8")
        except OSError as error:
            raise self._failure(error) from error
        self._move(made)
        shutil.rmtree(self.notes, ignore_errors=True)
        return [self.out / name for name in made]

    def _move(self, made: Sequence[str]) -> None:
        """Put pieces into place, or all back to where they were."""
        undo: list[tuple[Path, Path]] = []
        try:
            for name in made:
                final = self.out / name
                final.parent.mkdir(parents=True, exist_ok=True)
                if os.path.lexists(final):
                    aside = self._aside / quote(name, safe="")
                    self._aside.mkdir(exist_ok=True)
                    final.rename(aside)
                    undo.append((aside, final))
                (self.folder / name).rename(final)
                undo.append((final, self.folder / name))
        except BaseException as error:
            for source, target in reversed(undo):
                source.rename(target)
            self._marker.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self._failure(error) from error
            raise

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(f"cannot publish to {self.out}: {error.strerror}")

    def _refuse_unfinished(self) -> None:
        """Refuse to lose what a run has found; forget it where that is wished."""
        if self._resume or not self.unfinished:
            return
        if not self.overwrite:
            raise OutputExistsError(
                f"{self.out} holds an unfinished run; --resume goes on with it, and --overwrite "
                "begins anew"
            )
        shutil.rmtree(self.notes)

    def _refuse_existing(self) -> None:
        """Refuse before any work what ``publish`` would have to refuse after it."""
        ours: set[str] | None = None
        for name in self._pieces:
            final = self.out / name
            if not os.path.lexists(final) or name in self._replaces:
                continue
            if not self.overwrite:
                raise OutputExistsError(
                    f"{final} exists; give another folder, or --overwrite to replace it"
                )
            if final.is_dir() and not final.is_symlink():
                ours = _outputs_of(self.out) if ours is None else ours
                if name not in ours:
                    raise OutputExistsError(
                        f"{final} is a folder that no run listed in {self.out / MANIFEST} has "
                        "made; move it away, or give another folder"
                    )

    def _refuse_strangers(self) -> None:
        pieces = {PurePosixPath(name) for name in self._pieces}
        folders = {parent for piece in pieces for parent in piece.parents}
        waiting = [self.folder]
        while waiting:
            for path in waiting.pop().iterdir():
                name = PurePosixPath(path.relative_to(self.folder).as_posix())
                if name in folders:
                    waiting.append(path)
                elif name not in pieces:
                    raise RuntimeError(f"a part made {name}, which it had not announced")

    def _make_out(self) -> None:
        missing: list[Path] = []
        path = self.out
        while not path.exists() and path != path.parent:
            missing.append(path)
            path = path.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _take_lock(self) -> BinaryIO:
        """Hold the lock file of the staging folder, also against a run that is just leaving."""
        path = self._staging / "lock"
        while True:
            self._staging.mkdir(exist_ok=True)
            try:
                file = path.open("ab")
            except FileNotFoundError:
                continue
            if not _lock(file):
                file.close()
                raise OutputError(f"another run is writing to {self.out}; wait for it to end")
            try:
                if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                    return file
            except FileNotFoundError:
                pass
            file.close()

    def _take_over(self) -> None:
        """Put into place what a killed run was publishing, and remove what it had only begun."""
        if self.killed_publishing:
            with contextlib.suppress(ValueError):  # torn: no piece had been moved yet
                names = json.loads(self._marker.read_bytes())
                self._move([name for name in names if os.path.lexists(self.folder / name)])
                shutil.rmtree(self.notes, ignore_errors=True)
            self._marker.unlink(missing_ok=True)
        for leftover in (self.folder, self._aside):
            if leftover.exists():
                shutil.rmtree(leftover)

    def _leave(self) -> None:
        """Remove the staging folder if it is ours, and the folders made to hold it if empty."""
        if self._lock is not None:
            if sys.platform == "win32":  # where an open file cannot be removed
                self._lock.close()
            gone = self.folder if self.unfinished else self._staging
            shutil.rmtree(gone, ignore_errors=True)
            self._lock.close()
            self._lock = None
        with contextlib.suppress(OSError):
            # Each goes only if it is empty: not while another run stages in it, nor once it holds
            # what was published.
            for folder in reversed(self._made):
                folder.rmdir()


def settle(out: Path) -> None:
    """Put into place what a run that was killed while it published had made; else do nothing.

    Raises:
        OutputError: It cannot be put there, or another run is writing to ``out``.
    """
    staging = Staging(out, ())
    if staging.killed_publishing:
        with staging:
            pass


def _top_pieces(produces: Sequence[str]) -> tuple[str, ...]:
    """The announced names, checked: relative, inside, and none twice or inside another."""
    paths = [PurePosixPath(name) for name in produces]
    for path in paths:
        if path.is_absolute() or ".." in path.parts or not path.parts or path.parts[0] == STAGING:
            raise ValueError(f"not a name inside the output folder: {path}")
    for position, path in enumerate(paths):
        for other in paths[:position]:
            if path == other or path in other.parents or other in path.parents:
                raise UsageError(f"two parts would make {path}; leave one of them out")
    return tuple(map(str, paths))


def _outputs_of(out: Path) -> set[str]:
    """What the run that last published to ``out`` made, as its manifest says."""
    try:
        return set(json.loads((out / MANIFEST).read_bytes())["outputs"])
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def _lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; False if someone else holds it.

    A file system without locks counts as free: the lock is a help, not a promise.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True
