"""Makes a run's files appear all at once, complete, or not at all.

Everything is written below ``OUT/.videoseg-part/new`` under its final name, on the file system of
its destination. ``publish`` renames each piece into place; leaving without it removes the staging
folder, or all but what a later run can go on with, if there is such. Its lock file keeps a second
run out; a lock that nobody holds belongs to a killed run, whose staging folder is taken over: what
it had begun to publish was complete, and is put into place.

An output folder may have been received from somebody, with a staging folder in it. So nothing that
is found there is believed: the lock holds the token that a run writes when it makes the folder, the
folder belongs to this user, the pieces that are put into place have names that lead nowhere but
into ``OUT`` (``output_names.py``) and are those of the staged ``run.json``, and no link is followed
(``system/held_folders.py``). Else the folder is refused, and left as it is. The token is no
secret: it tells what
a run has left from what something else has made; safety rests on the other rules.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote

from videoseg.errors import OutputError, OutputExistsError, UsageError
from videoseg.runlog import leftover
from videoseg.runlog.leftover import LOCK, MARKER, NEW, NOTES, OLD
from videoseg.runlog.manifest import LONGEST
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.output_names import STAGING as STAGING
from videoseg.runlog.output_names import clash, is_inside, marker_of, outputs_of
from videoseg.system.held_folders import FolderHandle, NotOursError, is_folder, kind_of, read_plain
from videoseg.system.threads import interrupts_held

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
        OutputError: On entering: the folder cannot be written, another run is writing to it, or it
            holds a staging folder that no run of this user has left.
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
        self._token = ""
        self._ours = False

    @property
    def folder(self) -> Path:
        """Where writers write."""
        return self._staging / NEW

    @property
    def notes(self) -> Path:
        """Where a run keeps what a later one needs to go on with it; not published."""
        return self._staging / NOTES

    @property
    def unfinished(self) -> bool:
        """Whether there is a run that can be gone on with; its plan says so."""
        return (self.notes / PLAN).exists()

    @property
    def killed_publishing(self) -> bool:
        """Whether a run was killed while it published, as long as that is not settled."""
        return os.path.lexists(self._staging / MARKER)

    def __enter__(self) -> Staging:
        if not os.path.lexists(self._staging):
            self._refuse_existing()
        try:
            self._make_out()
            self._out = FolderHandle.at(self.out)
            self._held, self._lock = self._take_lock()
            self._take_over()
            self._ours = True
            self._refuse_existing()
            self._refuse_unfinished()
            self._held.make(NEW)
            with contextlib.suppress(FileExistsError):
                self._held.make(NOTES)
        except NotOursError as error:
            self._leave()
            raise OutputError(
                f"{self._staging} is not what a run of yours has left: {error}; move it away, or "
                "give another folder"
            ) from error
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
        try:
            self._refuse_exchanged()
            self._refuse_strangers()
            self._refuse_existing()
            made = [name for name in self._pieces if os.path.lexists(self.folder / name)]
            made.sort(key=lambda name: name == MANIFEST)
            with interrupts_held():
                self._held.write(MARKER, [marker_of(made, self._token)])
                try:
                    self._move(made)
                except BaseException:
                    self._held.remove(MARKER)
                    raise
        except OutputError:
            raise
        except (OSError, NotOursError) as error:
            what = error if isinstance(error, NotOursError) else error.strerror or error
            raise OutputError(f"cannot publish to {self.out}: {what}") from error
        with contextlib.suppress(OSError):
            for done in (NOTES, MARKER):
                self._held.remove(done)
        return [self.out / name for name in made]

    def _move(self, made: Sequence[str]) -> None:
        """Put pieces into place, or all back to where they were."""
        undo: list[tuple[FolderHandle, str, FolderHandle, str]] = []
        with contextlib.ExitStack() as folders:
            hold = folders.enter_context
            new = hold(self._held.inside(NEW))
            try:
                for name in made:
                    *above, last = PurePosixPath(name).parts
                    staged = hold(new.beneath(above))
                    final = hold(self._out.beneath(above, make=True))
                    if final.look(last) is not None:
                        aside = quote(name, safe="")
                        old = hold(self._held.beneath([OLD], make=True))
                        final.move(last, old, aside)
                        undo.append((old, aside, final, last))
                    staged.move(last, final, last)
                    undo.append((final, last, staged, last))
            except BaseException:
                for folder, name, before, called in reversed(undo):
                    folder.move(name, before, called)
                raise

    def earlier(self) -> tuple[str, ...]:
        """What earlier runs made in the folder and this one does not make: it is left there."""
        left = filter(is_inside, self._published() - set(self._pieces))
        return tuple(sorted(name for name in left if os.path.lexists(self.out / name)))

    def _refuse_unfinished(self) -> None:
        """Refuse to lose what a run has found; forget it where that is wished."""
        if self._resume or not self.unfinished:
            return
        if not self.overwrite:
            raise OutputExistsError(
                f"{self.out} holds an unfinished run; --resume goes on with it, and --overwrite "
                "begins anew"
            )
        self._held.remove(NOTES)

    def _refuse_existing(self) -> None:
        """Refuse before any work what ``publish`` would have to refuse after it."""
        ours: frozenset[str] | None = None
        for name in self._pieces:
            self._refuse_links(name)
            final = self.out / name
            if not os.path.lexists(final) or name in self._replaces:
                continue
            if not self.overwrite:
                raise OutputExistsError(
                    f"{final} exists; give another folder, or --overwrite to replace it"
                )
            if is_folder(os.lstat(final)):
                ours = self._published() if ours is None else ours
                if name not in ours:
                    raise OutputExistsError(
                        f"{final} is a folder that no run listed in {self.out / MANIFEST} has "
                        "made; move it away, or give another folder"
                    )

    def _refuse_links(self, name: str) -> None:
        """Refuse a folder of a piece that is a link: it may lead anywhere."""
        for above in PurePosixPath(name).parents:
            folder = self.out / above
            if folder != self.out and os.path.lexists(folder) and not is_folder(os.lstat(folder)):
                raise OutputError(
                    f"{folder} is {kind_of(os.lstat(folder))}, and {name} must lie in a folder; "
                    "move it away, or give another folder"
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

    def _refuse_exchanged(self) -> None:
        """Refuse to publish what was written somewhere else: parts write by path."""
        with self._held.inside(NEW) as new:
            same = os.path.samestat(os.stat(self.folder), new.stat())
            if not (same and self._held.is_at(self._out, STAGING)):
                raise NotOursError(f"{self._staging} was exchanged while the run wrote to it")

    def _make_out(self) -> None:
        missing: list[Path] = []
        path = self.out
        while not path.exists() and path != path.parent:
            missing.append(path)
            path = path.parent
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            self._made.append(path)

    def _take_lock(self) -> tuple[FolderHandle, BinaryIO]:
        """Hold the staging folder and its lock file, also against a run that is just leaving."""
        while True:
            with contextlib.suppress(FileExistsError):
                self._out.make(STAGING, 0o700)
            try:
                held = self._out.inside(STAGING)
                if held.look(LOCK) is None and held.names():
                    raise NotOursError("it has no lock")
                file = held.open(LOCK, os.O_RDWR | os.O_CREAT)
            except FileNotFoundError:
                continue
            if not _lock(file):
                file.close()
                raise OutputError(f"another run is writing to {self.out}; wait for it to end")
            found = held.look(LOCK)
            if (
                found is not None
                and os.path.samestat(os.fstat(file.fileno()), found)
                and held.is_at(self._out, STAGING)
            ):
                return held, file
            file.close()

    def _take_over(self) -> None:
        """Put into place what a killed run was publishing, and remove what it had only begun.

        Raises:
            NotOursError: This is no staging folder of this user; nothing has been changed.
        """
        assert self._lock is not None  # noqa: S101 - taken before
        self._token = leftover.token_of(self._lock, self._held)
        leftover.check(self._held)
        if self._held.look(MARKER) is not None:
            waiting = leftover.waiting(self._held, self._out, self._token, self._published())
            if waiting is not None:
                if waiting:
                    self._move(waiting)
                self._held.remove(NOTES)
            self._held.remove(MARKER)
        for name in (NEW, OLD):
            self._held.remove(name)

    def _published(self) -> frozenset[str]:
        """What the run that last published to ``out`` made, as its manifest says."""
        try:
            return outputs_of(read_plain(self.out / MANIFEST, LONGEST))
        except OSError:
            return frozenset()

    def _leave(self) -> None:
        """Remove the staging folder if it is ours, and the folders made to hold it if empty."""
        if self._lock is not None:
            if sys.platform == "win32":  # where an open file cannot be removed
                self._lock.close()
            if self._ours:
                with contextlib.suppress(OSError):
                    self._clear()
            self._lock.close()
            self._lock = None
            self._held.close()
        with contextlib.suppress(OSError):
            # Each goes only if it is empty: not while another run stages in it, nor once it holds
            # what was published.
            for folder in reversed(self._made):
                folder.rmdir()

    def _clear(self) -> None:
        """Remove what this run has staged, the lock last: a folder without one is empty."""
        if self.unfinished:
            self._held.remove(NEW)
            return
        for name in self._held.names():
            if name != LOCK:
                self._held.remove(name)
        self._held.remove(LOCK)
        if self._held.is_at(self._out, STAGING):
            self._out.remove(STAGING)


def settle(out: Path) -> None:
    """Put into place what a run that was killed while it published had made; else do nothing.

    Raises:
        OutputError: It cannot be put there, another run is writing to ``out``, or the folder holds
            what no run has left.
    """
    staging = Staging(out, ())
    if staging.killed_publishing:
        with staging:
            pass


def _top_pieces(produces: Sequence[str]) -> tuple[str, ...]:
    """The announced names, checked: relative, inside, and none twice or inside another."""
    for name in produces:
        if not name or not is_inside(str(PurePosixPath(name))):
            raise ValueError(f"not a name inside the output folder: {name}")
    pieces = tuple(str(PurePosixPath(name)) for name in produces)
    if (twice := clash(pieces)) is not None:
        raise UsageError(f"two parts would make {twice}; leave one of them out")
    return pieces


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


def forget_leftover(out: Path) -> None:
    """Remove the lock that a run has left which was killed after all else was done; else nothing.

    One that another run holds stays.
    """
    with contextlib.suppress(OSError):  # an OutputError is one
        if os.listdir(out / STAGING) == [LOCK]:
            with Staging(out, (), resume=True):
                pass
