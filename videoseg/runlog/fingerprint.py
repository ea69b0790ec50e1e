"""What a run is told apart by, as plain values: files by content, versions, settings."""

from __future__ import annotations

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.errors import SourceError
from videoseg.runlog.codec import Json, fraction_text

PACKAGES = (
    "videoseg",
    "av",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "scipy",
    "shapely",
    "torch",
    "transformers",
)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file, or a folder of files, by its content.

    Attributes:
        name: File name, or the path as the user gave it.
        size: Bytes; of a folder, of all files directly in it.
        sha256: Hex digest of the content; of a folder, of its sorted lines ``digest  name``.
            None with ``size`` None for what is no file: a device, an address.
        etag: What the storage tells the content of an object apart by, in place of the digest.
    """

    name: str
    size: int | None
    sha256: str | None
    etag: str | None = None

    @property
    def is_told_apart(self) -> bool:
        """Whether other content would have another record."""
        return self.sha256 is not None or self.etag is not None

    def to_json(self) -> dict[str, Json]:
        """Plain JSON values; ``etag`` where there is one."""
        made = {"name": self.name, "size": self.size, "sha256": self.sha256}
        return made if self.etag is None else {**made, "etag": self.etag}


def identity(record: Mapping[str, Json]) -> tuple[Json, ...]:
    """What a file is told apart by, of a record as JSON."""
    return tuple(record[key] for key in ("size", "sha256", "etag") if key in record)


def record_file(path: Path, name: str | None = None) -> FileRecord:
    """Size and digest of a file or of the files directly in a folder, read in pieces.

    Args:
        path: Where it is.
        name: What to call it; by default its file name.

    Raises:
        SourceError: It exists and cannot be read.
    """
    called = path.name if name is None else name
    try:
        if path.is_dir():
            inside = [record_file(child) for child in sorted(path.iterdir()) if child.is_file()]
            lines = "".join(f"{record.sha256}  {record.name}\n" for record in inside)
            digest = hashlib.sha256(lines.encode("utf-8", errors="surrogateescape")).hexdigest()
            return FileRecord(called, sum(record.size or 0 for record in inside), digest)
        if not path.is_file():
            return FileRecord(called, None, None)
        with path.open("rb") as file:
            return record_stream(file, called)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def record_stream(file: BufferedReader | RawIOBase, name: str) -> FileRecord:
    """Size and digest of what is open, read in pieces from its beginning."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileRecord(name, file.tell(), digest)


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result, without importing them."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def plain(value: Any) -> Json:
    """A setting as plain JSON values: a dataclass (its settings alone), mapping, sequence, path.

    Raises:
        TypeError: It has no plain form.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = (each.name for each in dataclasses.fields(value) if each.init)
        return {name: plain(getattr(value, name)) for name in settings}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(inner) for inner in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Json:
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Fraction):
        return fraction_text(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a setting of type {type(value).__name__} has no plain form")
