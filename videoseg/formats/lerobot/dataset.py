"""A LeRobot data set in a folder: its cameras, its episodes, its rows."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from videoseg.errors import SourceError
from videoseg.formats.lerobot.episodes import (
    EPISODE_LINES,
    Episode,
    read_episodes,
    tables_of_episodes,
)
from videoseg.formats.lerobot.info import INFO, Info, read_info
from videoseg.formats.lerobot.tables import check_pyarrow, columns_of, parquet

TIME_BASE = Fraction(1, 90_000)
"""Seconds per unit of a row's time: the clock of MPEG, on which the usual rates are whole."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_PICTURES_AT_ONCE = 8
_LATEST = 10**8
"""Seconds; rows are earlier."""

Times = npt.NDArray[np.float64]
"""float64 (rows,): seconds from the beginning of the episode, as the rows say."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One camera of one episode.

    Attributes:
        episode: The episode.
        camera: Name of the feature.
        name: Name of the stream: ``ep000003.observation.images.top``.
    """

    episode: Episode
    camera: str
    name: str


@dataclass
class DataSet:
    """A data set.

    Attributes:
        folder: Where it is.
        info: What it says of itself.
        episodes: Its episodes by number.
    """

    folder: Path
    info: Info
    episodes: Sequence[Episode]
    _rows: tuple[Path, Any] | None = field(init=False, repr=False, default=None)

    @classmethod
    def at(cls, folder: Path) -> DataSet:
        """Open a folder.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            SourceError: It is no data set that can be read.
        """
        check_pyarrow()
        info = read_info(folder)
        return cls(folder, info, read_episodes(folder, info))

    def streams(self, cameras: Sequence[str], episodes: Sequence[Episode]) -> Iterator[Stream]:
        """Every camera of every episode, episode by episode, with its name."""
        for episode in episodes:
            for camera in cameras:
                yield Stream(episode, camera, self.name_of(episode, camera))

    def name_of(self, episode: Episode, camera: str) -> str:
        """The name of a stream, which every file system takes; no two are alike."""
        return f"ep{episode.index:06d}.{self._labels[camera]}"

    def by_name(self) -> Mapping[str, Stream]:
        """All streams by their names."""
        return {each.name: each for each in self.streams(self.info.cameras, self.episodes)}

    def file_of(self, stream: Stream) -> Path:
        """The file that holds the pictures of a stream."""
        clip = stream.episode.clips.get(stream.camera)
        return self.folder / (stream.episode.data if clip is None else clip.path)

    def files_of(self, streams: Sequence[Stream]) -> Iterator[Path]:
        """Every file that is read for some streams; some more than once."""
        yield self.folder / INFO
        if self.info.layout == "v2":
            yield self.folder / EPISODE_LINES
        else:
            yield from tables_of_episodes(self.folder)
        for each in streams:
            yield self.folder / each.episode.data
            yield self.file_of(each)

    def times(self, episode: Episode) -> Times:
        """When the rows of an episode are.

        Raises:
            SourceError: Their file cannot be read, or holds times that are none.
        """
        where, table = self._table(episode)
        times = table["timestamp"][self.rows(episode)]
        if not np.isfinite(times).all() or (np.abs(times) >= _LATEST).any():
            raise SourceError(f"{where}: episode {episode.index} has timestamps that are no times")
        return np.asarray(times, dtype=np.float64)

    def rows(self, episode: Episode) -> npt.NDArray[np.intp]:
        """Where the rows of an episode stand in their file, rising."""
        _, table = self._table(episode)
        return np.flatnonzero(table["episode_index"] == episode.index)

    def row_count(self, episode: Episode) -> int:
        """Rows in the file of an episode, those of others too."""
        return len(self._table(episode)[1]["episode_index"])

    def pictures(self, stream: Stream, rows: Sequence[int]) -> Iterator[tuple[int, bytes | None]]:
        """The files of some pictures that are kept in rows; None for one that is not there.

        Args:
            stream: Which.
            rows: Numbers of rows of its episode, rising.

        Raises:
            SourceError: The file of rows cannot be read.
        """
        path, mine = self.folder / stream.episode.data, self.rows(stream.episode)
        wanted = {int(mine[row]): row for row in rows}
        with parquet(path) as file:
            if stream.camera not in file.schema_arrow.names:
                raise SourceError(f"{path}: has no column {stream.camera}")
            groups, first = [], 0
            for group in range(file.metadata.num_row_groups):
                after = first + file.metadata.row_group(group).num_rows
                if any(first <= row < after for row in wanted):
                    groups.append((group, first))
                first = after
            for group, at in groups:
                batches = file.iter_batches(
                    _PICTURES_AT_ONCE, row_groups=[group], columns=[stream.camera]
                )
                for batch in batches:
                    for place in range(batch.num_rows):
                        if at + place in wanted:
                            yield wanted[at + place], _bytes_of(batch.column(0)[place].as_py())
                    at += batch.num_rows

    def _table(self, episode: Episode) -> tuple[Path, Mapping[str, npt.NDArray[Any]]]:
        """Times and episodes of all rows in the file of an episode, and the file."""
        path = self.folder / episode.data
        if self._rows is None or self._rows[0] != path:
            with parquet(path) as file:
                names = ["episode_index", "timestamp"]
                table = columns_of(file, path, names)
                try:
                    columns = {name: table[name].to_numpy() for name in names}
                    columns = {
                        "episode_index": columns["episode_index"].astype(np.int64),
                        "timestamp": columns["timestamp"].astype(np.float64),
                    }
                except (ValueError, TypeError) as error:
                    raise SourceError(f"{path}: its columns of numbers hold others") from error
            self._rows = path, columns
        return self._rows

    @functools.cached_property
    def _labels(self) -> Mapping[str, str]:
        """For each camera a name that every file system takes, no two alike even without case."""
        labels: dict[str, str] = {}
        taken: set[str] = set()
        for key in self.info.cameras:
            plain = _UNSAFE.sub("_", key)[:100].strip("._") or "camera"
            label, number = plain, 1
            while label.lower() in taken:
                number += 1
                label = f"{plain}-{number}"
            taken.add(label.lower())
            labels[key] = label
        return labels


def _bytes_of(value: object) -> bytes | None:
    """The file of a picture, as the feature ``Image`` of ``datasets`` keeps it."""
    data = value.get("bytes") if isinstance(value, dict) else value
    return data if isinstance(data, bytes) and data else None
