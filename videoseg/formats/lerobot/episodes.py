"""The episodes of a data set: how long each is, and in which files it stands."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from videoseg.errors import SourceError, shown
from videoseg.formats.lerobot.info import Info, whole
from videoseg.formats.lerobot.tables import parquet

EPISODES = "meta/episodes"
EPISODE_LINES = "meta/episodes.jsonl"
_LONGEST_LINE = 1 << 24
_FARTHEST = 10**8
"""Seconds; a video is shorter."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The part of a video that shows an episode.

    Attributes:
        path: The video, relative to the data set.
        begin: Seconds of the video at which the episode begins.
    """

    path: PurePosixPath
    begin: float = 0.0


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode.

    Attributes:
        index: Its number.
        length: Its rows, as the data set says.
        data: The file of its rows, relative to the data set.
        clips: For each camera that is kept as videos the part of one.
    """

    index: int
    length: int
    data: PurePosixPath
    clips: Mapping[str, Clip]


def read_episodes(folder: Path, info: Info) -> Sequence[Episode]:
    """All episodes of a data set by their number.

    Raises:
        SourceError: There is none, or what is said of one makes no sense.
    """
    found = sorted(
        _of_lines(folder, info) if info.layout == "v2" else _of_tables(folder, info),
        key=lambda episode: episode.index,
    )
    if not found:
        raise SourceError(f"{folder}: the LeRobot data set holds no episode")
    for one, other in itertools.pairwise(found):
        if one.index == other.index:
            raise SourceError(f"{folder}: the data set lists episode {one.index} twice")
    return found


def _of_lines(folder: Path, info: Info) -> Iterator[Episode]:
    path = folder / EPISODE_LINES
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
                if line.strip():
                    yield _of_line(line, f"{path}, line {number}", info)
    except OSError as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: cannot be read ({error.strerror or error})") from error


def _of_line(line: bytes, where: str, info: Info) -> Episode:
    try:
        made = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: is no JSON; restore the file") from error
    if not isinstance(made, dict):
        raise SourceError(f"{where}: must be a table, got {shown(made)}")
    index = whole(made.get("episode_index"), f"{where}: episode_index")
    fields: dict[str, str | int] = {
        "episode_index": index,
        "episode_chunk": index // info.chunks_size,
    }
    return Episode(
        index=index,
        length=whole(made.get("length"), f"{where}: length"),
        data=info.path_of(info.data_path, **fields),
        clips={
            key: Clip(info.path_of(info.video_path, video_key=key, **fields))
            for key in info.cameras
            if info.is_video(key)
        },
    )


def _of_tables(folder: Path, info: Info) -> Iterator[Episode]:
    videos = [key for key in info.cameras if info.is_video(key)]
    for path in tables_of_episodes(folder):
        with parquet(path) as file:
            names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
            for row in file.read(columns=names).to_pylist():
                yield _of_row(row, str(path), info, videos)


def tables_of_episodes(folder: Path) -> Sequence[Path]:
    """The files that list episodes, in their order.

    Raises:
        SourceError: There is none.
    """
    paths = sorted((folder / EPISODES).glob("*/*.parquet"))
    if not paths:
        raise SourceError(f"{folder / EPISODES}: holds no list of episodes; restore it")
    return paths


def _of_row(row: Mapping[str, Any], where: str, info: Info, videos: Sequence[str]) -> Episode:
    index = whole(row.get("episode_index"), f"{where}: episode_index")
    where = f"{where}: episode {index}"

    def place(prefix: str) -> dict[str, str | int]:
        names = ("chunk_index", "file_index")
        return {
            name: whole(row.get(f"{prefix}/{name}"), f"{where}: {prefix}/{name}") for name in names
        }

    return Episode(
        index=index,
        length=whole(row.get("length"), f"{where}: length"),
        data=info.path_of(info.data_path, **place("data")),
        clips={
            key: Clip(
                info.path_of(info.video_path, video_key=key, **place(f"videos/{key}")),
                _seconds(row.get(f"videos/{key}/from_timestamp"), f"{where}: {key}"),
            )
            for key in videos
        },
    )


def _seconds(value: object, what: str) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value < _FARTHEST:
        raise SourceError(f"{what}: from_timestamp must be seconds from 0 on, got {shown(value)}")
    return float(value)
