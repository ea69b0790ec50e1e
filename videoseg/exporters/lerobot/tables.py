"""Tables of a data set with columns more; everything else in them stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import OutputError
from videoseg.exporters.lerobot.features import Columns, for_datasets
from videoseg.formats.lerobot.tables import parquet
from videoseg.system.output_files import writing

_HUB = b"huggingface"
"""Where the package ``datasets`` keeps types of columns."""


def copy_rows(given: Path, made: Path, columns: Columns) -> None:
    """Copy a file of rows, group by group, with columns more.

    Args:
        given: The file.
        made: Its copy.
        columns: A value for each of its rows.

    Raises:
        SourceError: The file cannot be read.
        OutputError: The copy cannot be written.
    """
    with parquet(given) as file:
        fields = {name: _arrow_type(values) for name, values in columns.items()}
        schema = file.schema_arrow
        for name, kind in fields.items():
            schema = schema.append(_field(name, kind))
        schema = schema.with_metadata(_hub_metadata(schema.metadata or {}, columns))
        with _table_writer(made, schema) as writer:
            first = 0
            for group in range(file.metadata.num_row_groups):
                table = file.read_row_group(group)
                after = first + table.num_rows
                for name, values in columns.items():
                    table = table.append_column(
                        name, _arrow_values(values[first:after], fields[name])
                    )
                writer.write_table(table.cast(schema), row_group_size=max(1, table.num_rows))
                first = after


def copy_episodes(
    given: Path, made: Path, columns: Mapping[int, Mapping[str, Any]], names: Sequence[str]
) -> None:
    """Copy a list of episodes with columns more.

    Args:
        given: The file.
        made: Its copy.
        columns: What is added, by number of the episode and by name.
        names: Names of all that is added, in their order.

    Raises:
        SourceError: The file cannot be read.
        OutputError: The copy cannot be written.
    """
    import pyarrow as pa

    with parquet(given) as file:
        table = file.read()
    numbers = table["episode_index"].to_pylist()
    for name in names:
        values = [columns.get(number, {}).get(name) for number in numbers]
        table = table.append_column(name, pa.array(values))
    table = table.replace_schema_metadata(None)
    with _table_writer(made, table.schema) as writer:
        writer.write_table(table)


@contextmanager
def _table_writer(path: Path, schema: Any) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with ParquetWriter(path, schema, compression="snappy") as writer:
                yield writer
    except pa.ArrowException as error:
        raise OutputError(f"cannot write {path}: {' '.join(str(error).split())}") from error


def _hub_metadata(metadata: Mapping[bytes, bytes], columns: Columns) -> dict[bytes, bytes]:
    """The metadata of a file, its types of columns completed, or left out if they make no sense."""
    kept = {key: value for key, value in metadata.items() if key != _HUB}
    try:
        hub = json.loads(metadata[_HUB])
        known = hub["info"]["features"]
        hub["info"]["features"] = {**known, **for_datasets(columns, known)}
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return kept
    return {**kept, _HUB: json.dumps(hub).encode("ascii")}


def _field(name: str, kind: Any) -> Any:
    import pyarrow as pa

    return pa.field(name, kind)


def _arrow_type(values: npt.NDArray[Any]) -> Any:
    """A single value, a list of so many, or, for two dimensions, lists of lists."""
    import pyarrow as pa

    value = pa.from_numpy_dtype(values.dtype)
    if values.ndim > 2:
        return pa.list_(pa.list_(value))
    return value if values.shape[1] == 1 else pa.list_(value, values.shape[1])


def _arrow_values(values: npt.NDArray[Any], kind: Any) -> Any:
    import pyarrow as pa

    one = values.ndim == 2 and values.shape[1] == 1
    return pa.array(np.ravel(values) if one else values.tolist(), kind)
