"""Object storage through fsspec: sizes, ranges, listings, uploads; what fails is tried again.

Credentials come from where the storage's own tools look for them (environment, instance, profile),
never from an address, and no message holds any. Nothing is imported before an address is used.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from videoseg.errors import SourceError, SourceNotFoundError, VideosegError, missing_package
from videoseg.system.addresses import stored_parts, without_secrets
from videoseg.system.range_reader import Blocks, RangeReader

_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
"""Package that a protocol needs beside fsspec."""
_ATTEMPTS = 5
_FIRST_WAIT = 0.2
"""Seconds to wait after the first failure; twice as long after each other one."""
_FOR_GOOD = (
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    NotImplementedError,
    ValueError,
    TypeError,
)
"""What trying again does not mend."""
_NO_KEYS = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"})

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stored:
    """A place in object storage: an object, or what stands before the names of several.

    Attributes:
        address: Its address.
        error: What is raised where something fails.
    """

    address: str
    error: type[VideosegError] = SourceError

    @property
    def shown(self) -> str:
        """The address as people may read it."""
        return without_secrets(self.address)

    def below(self, name: str) -> Stored:
        """What lies below it by a name."""
        return Stored(f"{self.address.rstrip('/')}/{name}", self.error)

    def size(self) -> int:
        """Bytes of an object.

        Raises:
            SourceNotFoundError: There is none.
            VideosegError: It cannot be reached; as ``error`` says.
        """
        return int(self._info()["size"])

    def etag(self) -> str | None:
        """What the storage tells the content of an object apart by; None where it does not.

        That is its MD5 where the storage says it, else its ETag: another one does not mean other
        content (one upload was in parts, the other was not), but the same one means the same.

        Raises:
            SourceNotFoundError: There is none.
            VideosegError: It cannot be reached; as ``error`` says.
        """
        found = self._info()
        marks = (str(found.get(name) or "").strip('"') for name in ("md5Hash", "ETag", "etag"))
        return next((mark for mark in marks if mark and not mark.startswith("W/")), None)

    def read(self, start: int | None = None, stop: int | None = None) -> bytes:
        """An object, or the bytes of a range of it."""
        return bytes(self._asked(lambda fs, key: fs.cat_file(key, start=start, end=stop)))

    def write(self, content: bytes) -> None:
        """Put an object there in one piece; it replaces one that is there."""
        self._asked(lambda fs, key: fs.pipe_file(key, content))

    def create(self, content: bytes) -> bool:
        """Put an object there if there is none, which the storage decides; says whether it did.

        Where a call is tried again since its answer was lost, what it has created counts as there.
        """

        def put(fs: Any, key: str) -> bool:
            try:
                fs.pipe_file(key, content, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in (errno.EINVAL, errno.ENOSYS):
                    raise
                # A server of S3's kind that does not say which condition failed, or knows none.
                if fs.exists(key):
                    return False
                if error.errno == errno.EINVAL:
                    raise
                fs.pipe_file(key, content)
            return True

        return self._asked(put)

    def upload(self, path: Path) -> None:
        """Put a file there; it replaces an object that is there."""
        self._asked(lambda fs, key: fs.put_file(str(path), key))

    def download(self, path: Path) -> None:
        """Fetch an object into a file."""
        self._asked(lambda fs, key: fs.get_file(key, str(path)))

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects below it by their names; what is not there is no matter."""
        for name in names:
            place = self.below(name)
            try:
                place._asked(lambda fs, key: fs.rm_file(key))
            except SourceNotFoundError:
                continue

    def names(self) -> Mapping[str, int]:
        """Names of all objects below it, relative to it, with their bytes; in order."""
        prefix = f"{stored_parts(self.address)[1].rstrip('/')}/"

        def listed(fs: Any, key: str) -> dict[str, int]:
            try:
                found = fs.find(key.rstrip("/"), detail=True)
            except FileNotFoundError:
                return {}
            inside = {name.lstrip("/"): int(each["size"] or 0) for name, each in found.items()}
            start = prefix.lstrip("/")
            return {n.removeprefix(start): s for n, s in inside.items() if n.startswith(start)}

        return dict(sorted(self._asked(listed).items()))

    def fitting(self) -> list[str]:
        """Addresses of the objects that fit a wildcard, in order of their names."""
        scheme, _ = stored_parts(self.address)
        found = self._asked(lambda fs, key: fs.glob(key, detail=True))
        objects = (name for name, each in found.items() if each.get("type") != "directory")
        return sorted(f"{scheme}://{name.lstrip('/')}" for name in objects)

    def _info(self) -> Mapping[str, Any]:
        """What the storage says of an object."""
        found: Mapping[str, Any] = self._asked(lambda fs, key: fs.info(key))
        if found.get("type") == "directory":
            raise SourceNotFoundError(f"{self.shown}: no such object; check the name")
        return found

    def _asked(self, call: Callable[[Any, str], _T]) -> _T:
        """Ask the storage, again where it fails for a while."""
        system, key = self._system()
        wait = _FIRST_WAIT
        for left in reversed(range(_ATTEMPTS)):
            try:
                return call(system, key)
            except FileNotFoundError as error:
                raise SourceNotFoundError(
                    f"{self.shown}: no such object; check the name"
                ) from error
            except Exception as error:  # each storage has errors of its own
                if not left or isinstance(error, _FOR_GOOD) or type(error).__name__ in _NO_KEYS:
                    raise self.error(f"{self.shown}: {_said(error)}") from error
            time.sleep(wait)
            wait *= 2
        raise AssertionError  # the last attempt returns or raises

    def _system(self) -> tuple[Any, str]:
        """The file system of fsspec, and the object's name in it.

        Raises:
            MissingDependencyError: A package is missing.
            VideosegError: The address holds a password.
        """
        scheme, key = stored_parts(self.address)
        user, at, _ = key.partition("/")[0].rpartition("@")
        if at and (":" in user or scheme.startswith("s3")):
            raise self.error(
                f"{self.shown}: keys are not taken from an address; give them in the environment "
                "(AWS_ACCESS_KEY_ID, AWS_PROFILE and such)"
            )
        package = _PACKAGES.get(scheme, "fsspec")
        extra = "storage" if package in ("s3fs", "fsspec") else None
        try:
            import fsspec

            return fsspec.filesystem(scheme, use_listings_cache=False), key
        except ImportError as error:
            raise missing_package(f"{scheme}://", package, extra=extra) from error


def open_ranges(address: str) -> RangeReader:
    """An object as a file that is read by ranges.

    Raises:
        SourceError: It is not there, or the storage cannot be reached.
    """
    stored = Stored(address)
    return RangeReader(Blocks(stored.size(), stored.read))


def _said(error: Exception) -> str:
    """What went wrong, and what to do, in one line."""
    if type(error).__name__ in _NO_KEYS:
        return "no credentials were found; set those of the storage in the environment"
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, PermissionError):
        return f"access is refused ({text}); check credentials and permissions"
    return f"the storage fails ({text}); check the address and the connection"
