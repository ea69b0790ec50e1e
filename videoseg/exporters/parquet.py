"""Tracks as a Parquet table, ``tracks.parquet``: a row for every object on every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from videoseg.exporters._needs import check_installed
from videoseg.exporters._rows import RowShape, rows
from videoseg.formats.label_classes import utf8_text
from videoseg.protocols import RunReader
from videoseg.system.output_files import writing
from videoseg.types import StreamInfo

_NAME = "tracks.parquet"
_AT_ONCE = 256
"""Rows of a group, which are held in memory at once."""


@dataclass
class Parquet:
    """Writes the table of ``jsonl`` for programs that read columns; needs ``videoseg[parquet]``.

    The columns are the names of ``jsonl``; ``rle`` is a record of ``size`` and ``counts``.
    """

    takes_hidden: ClassVar[bool] = True
    shape: RowShape = "rle"

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One file.

        Raises:
            MissingDependencyError: pyarrow is not installed.
        """
        del streams
        check_installed("pyarrow", "parquet", "parquet")
        return (_NAME,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Write the file from one pass over the run's Scenes."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        path, schema = folder / _NAME, self._schema()
        with writing(path), ParquetWriter(path, schema, compression="zstd") as file:
            table = map(_as_text, rows(run, self.shape))
            while group := list(islice(table, _AT_ONCE)):
                file.write_table(pa.Table.from_pylist(group, schema))

    def _schema(self) -> Any:
        """The columns and their types."""
        import pyarrow as pa

        text, whole = pa.dictionary(pa.int32(), pa.string()), pa.int64()
        columns = {
            "stream": text,
            "frame": whole,
            "pts": whole,
            "seconds": pa.float64(),
            "stamp": whole,
            "topic": text,
            "frame_id": text,
            "shot": whole,
            "source": pa.string(),
            "track_id": whole,
            "label": text,
            "score": pa.float64(),
            "state": text,
            "hidden": pa.bool_(),
            "box": pa.list_(whole, 4),
            "area": whole,
        }
        if self.shape == "rle":
            columns["rle"] = pa.struct({"size": pa.list_(whole, 2), "counts": pa.string()})
        elif self.shape == "polygon":
            columns["polygon"] = pa.list_(pa.list_(pa.list_(pa.float64())))
        return pa.schema(columns.items())


def _as_text(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose texts are UTF-8."""
    texts = {name: value for name, value in row.items() if isinstance(value, str)}
    return {**row, **{name: utf8_text(text) for name, text in texts.items()}}


PARTS = {"parquet": Parquet}
