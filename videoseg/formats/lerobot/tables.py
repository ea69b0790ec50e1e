"""Reads Parquet files of a data set, with errors in one line that name the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from videoseg.errors import SourceError, SourceNotFoundError, missing_package, shown

_MOST_CLAIMED = 1 << 31
"""Bytes that a group of rows may unpack to."""


def check_pyarrow() -> None:
    """Refuse data sets where the package that reads their rows is missing.

    Raises:
        MissingDependencyError: It is.
    """
    if find_spec("pyarrow") is None:
        raise missing_package("a LeRobot data set", "pyarrow", extra="robotics")


@contextmanager
def parquet(path: Path) -> Iterator[Any]:
    """An open file of rows, ``pyarrow.parquet.ParquetFile``.

    What pyarrow refuses in the block is said in one line.

    Raises:
        SourceNotFoundError: There is none.
        SourceError: It cannot be read, or claims to be too large.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    if not path.is_file():
        raise SourceNotFoundError(f"{path}: no such file; the data set is incomplete")
    try:
        with path.open("rb") as handle, ParquetFile(handle) as file:
            groups = range(file.metadata.num_row_groups)
            claimed = max(
                (file.metadata.row_group(group).total_byte_size for group in groups), default=0
            )
            if claimed > _MOST_CLAIMED:
                raise SourceError(f"{path}: claims {claimed:,} bytes in one group of rows")
            yield file
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: cannot be read ({shown(str(error))}); restore it") from error


def columns_of(file: Any, path: Path, names: list[str]) -> Any:
    """Some columns of all rows.

    Raises:
        SourceError: One is not there.
    """
    missing = next((name for name in names if name not in file.schema_arrow.names), None)
    if missing is not None:
        raise SourceError(f"{path}: has no column {shown(missing)}; the data set is damaged")
    return file.read(columns=names)
