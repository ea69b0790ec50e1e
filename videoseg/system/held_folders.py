"""Folders that are held open, so that what is done in them by name follows no link.

An output folder that came from elsewhere may hold anything in the place of what a run leaves there:
links that lead out of it, pipes, files with a second name elsewhere. ``FolderHandle`` opens nothing
but plain files and real folders, and a folder that is exchanged for a link meanwhile is still the
one that was opened. Where the platform cannot open names relative to a folder (Windows), each name
is looked at before it is used, which leaves a moment in between.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, Self

RELATIVE = os.open in os.supports_dir_fd and shutil.rmtree.avoids_symlink_attacks
"""Whether names can be opened relative to an open folder here."""
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FILE = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody writes to must not be waited for."""
_REPARSE_POINT = 0x400
"""Windows' attribute of links and junctions."""
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFREG: "a file",
}


class NotOursError(Exception):
    """A folder holds what no run leaves there; says what, as a clause."""


class FolderHandle:
    """A folder that is held open until it is closed or forgotten.

    Names are single components, or it is the caller who has checked them.

    Attributes:
        path: Where it was found, for messages and for those who write by path.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self._at = descriptor
        self._close = weakref.finalize(self, _close, descriptor)

    @classmethod
    def at(cls, path: Path) -> FolderHandle:
        """A folder by its path, which may lead through links: that is the user's own wish.

        Raises:
            OSError: It cannot be opened.
        """
        if not RELATIVE:
            os.listdir(path)  # raises what opening would
            return cls(path, None)
        return cls(path, os.open(path, os.O_RDONLY | _FOLDER))

    def inside(self, name: str) -> FolderHandle:
        """A folder in this one.

        Raises:
            NotOursError: It is a link, or no folder.
            OSError: It does not exist or cannot be opened.
        """
        path = self.path / name
        if self._at is None:
            found = self.look(name)
            if found is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
            if not is_folder(found):
                raise NotOursError(f"{name} is {kind_of(found)}")
            return FolderHandle(path, None)
        try:
            return FolderHandle(
                path, os.open(name, os.O_RDONLY | _FOLDER | _NO_LINK, dir_fd=self._at)
            )
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            found = self.look(name)
            kind = "no folder" if found is None else kind_of(found)
            raise NotOursError(f"{name} is {kind}") from error

    def beneath(self, names: Iterable[str], *, make: bool = False) -> FolderHandle:
        """The folder that several names lead to, one inside the other.

        Args:
            names: Without any it is this folder, held a second time.
            make: Whether those that do not exist are made.

        Raises:
            NotOursError: One is a link, or no folder.
            OSError: One does not exist, or cannot be opened or made.
        """
        found = FolderHandle(self.path, None if self._at is None else os.dup(self._at))
        for name in names:
            above = found
            if make:
                with suppress(FileExistsError):
                    above.make(name)
            found = above.inside(name)
            above.close()
        return found

    def look(self, name: str) -> os.stat_result | None:
        """What a name stands for, a link for itself; None where there is nothing."""
        try:
            if self._at is None:
                return os.lstat(self.path / name)
            return os.stat(name, dir_fd=self._at, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stat(self) -> os.stat_result:
        """What this folder is."""
        return os.stat(self.path if self._at is None else self._at)

    def names(self) -> list[str]:
        """What it holds, sorted."""
        return sorted(os.listdir(self.path if self._at is None else self._at))

    def make(self, name: str, mode: int = 0o777) -> None:
        """Make a folder in it."""
        if self._at is None:
            os.mkdir(self.path / name, mode)
        else:
            os.mkdir(name, mode, dir_fd=self._at)

    def open(self, name: str, flags: int = os.O_RDONLY) -> BinaryIO:
        """Open a plain file that has no other name. Never truncates one that is there.

        Raises:
            NotOursError: It is something else.
            OSError: It cannot be opened.
        """
        found = self.look(name)
        if found is not None:
            check_plain(name, found)
        reading = flags & (os.O_WRONLY | os.O_RDWR) == 0
        flags |= _FILE | _NO_LINK
        try:
            if self._at is None:
                descriptor = os.open(self.path / name, flags, 0o666)
            else:
                descriptor = os.open(name, flags, 0o666, dir_fd=self._at)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                raise NotOursError(f"{name} is no plain file") from error
            raise
        file = os.fdopen(descriptor, "rb" if reading else "r+b")
        try:
            check_plain(name, os.fstat(descriptor))
        except NotOursError:
            file.close()
            raise
        return file

    def read(self, name: str, most: int) -> bytes:
        """The content of a plain file.

        Args:
            name: Its name.
            most: Bytes that it may hold.

        Raises:
            NotOursError: It is something else, or longer.
            OSError: It cannot be read.
        """
        with self.open(name) as file:
            content = _content(file, most)
        if content is None:
            raise NotOursError(f"{name} is longer than {most:,} bytes")
        return content

    def write(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a file anew; it appears whole or not at all. What a link led to stays as it is."""
        part = f"{name}.part"
        self.remove(part)
        with self.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            file.writelines(pieces)
        if self._at is None:
            os.replace(self.path / part, self.path / name)
        else:
            os.replace(part, name, src_dir_fd=self._at, dst_dir_fd=self._at)

    def move(self, name: str, folder: FolderHandle, target: str) -> None:
        """Give what a name stands for, a link for itself, a name in another folder."""
        if self._at is None or folder._at is None:
            os.rename(self.path / name, folder.path / target)
        else:
            os.rename(name, target, src_dir_fd=self._at, dst_dir_fd=folder._at)

    def remove(self, name: str) -> None:
        """Remove a file, a link, or a folder with all that is in it; nothing where there is none.

        Raises:
            OSError: It cannot be removed.
        """
        found = self.look(name)
        if found is None:
            return
        if is_folder(found):
            if self._at is None:
                shutil.rmtree(self.path / name)
            else:
                shutil.rmtree(name, dir_fd=self._at)
        elif self._at is None:
            os.unlink(self.path / name)
        else:
            os.unlink(name, dir_fd=self._at)

    def files(self, name: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield all that a name stands for and, of a folder, all that is in it but folders."""
        found = self.look(name)
        if found is None:
            return
        if not is_folder(found):
            yield name, found
            return
        with self.inside(name) as folder:
            for each in folder.names():
                for path, inner in folder.files(each):
                    yield f"{name}/{path}", inner

    def is_at(self, folder: FolderHandle, name: str) -> bool:
        """Whether a name in another folder still stands for this one."""
        found = folder.look(name)
        return found is not None and os.path.samestat(found, self.stat())

    def close(self) -> None:
        """Let go of it. A second call does nothing."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class HasMode(Protocol):
    """What says of what kind a file is."""

    @property
    def st_mode(self) -> int:
        """Kind and permissions."""
        ...


def is_folder(found: HasMode) -> bool:
    """Whether it is a real folder: no link, and no junction of Windows."""
    junction = getattr(found, "st_file_attributes", 0) & _REPARSE_POINT
    return stat.S_ISDIR(found.st_mode) and not junction


def kind_of(found: HasMode) -> str:
    """What it is, for messages."""
    if stat.S_ISDIR(found.st_mode) and not is_folder(found):
        return "a link"
    return _KINDS.get(stat.S_IFMT(found.st_mode), "of an unknown kind")


def without_links(path: str, flags: int) -> int:
    """An opener for ``open`` that does not follow a link at the end of a path."""
    return os.open(path, flags | _NO_LINK, 0o666)


def read_plain(path: Path, most: int) -> bytes:
    """The content of a plain file by its path, which may be a link.

    Args:
        path: Its path.
        most: Bytes that it may hold.

    Raises:
        OSError: It cannot be read, is something else, or is longer.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | _FILE), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"it is {kind_of(found)}", str(path))
        content = _content(file, most)
    if content is None:
        raise OSError(errno.EFBIG, f"it is longer than {most:,} bytes", str(path))
    return content


def _content(file: BinaryIO, most: int) -> bytes | None:
    """All of a file; None where that is more than ``most`` bytes, also if it grows meanwhile."""
    size = os.fstat(file.fileno()).st_size
    if size > most:
        return None
    content = file.read(size + 1)  # as much memory is taken as is asked for
    return None if len(content) > size else content


def check_plain(name: str, found: os.stat_result, *, names: int = 1) -> None:
    """Refuse what is no plain file, or has more names than these.

    Raises:
        NotOursError: It is such.
    """
    if not stat.S_ISREG(found.st_mode):
        raise NotOursError(f"{name} is {kind_of(found)}")
    if found.st_nlink > names:
        raise NotOursError(f"{name} has a second name elsewhere (a hard link)")


def _close(descriptor: int | None) -> None:
    if descriptor is not None:
        with suppress(OSError):
            os.close(descriptor)
