"""A copy of a LeRobot data set with what was found in it, ``lerobot/``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeAlias

import numpy as np
import numpy.typing as npt
from typing_extensions import Doc

from videoseg.errors import UsageError
from videoseg.exporters.lerobot import description
from videoseg.exporters.lerobot.features import Added, Columns
from videoseg.exporters.lerobot.found import (
    FoundStream,
    Labels,
    Pixels,
    found_by,
    labels_of,
)
from videoseg.exporters.lerobot.mask_video import write_masks
from videoseg.exporters.lerobot.statistics import PixelCounts, Stats, plain, stats_of
from videoseg.exporters.lerobot.tables import copy_episodes, copy_rows
from videoseg.formats.lerobot import TIME_BASE, DataSet, Episode, is_lerobot
from videoseg.formats.lerobot.episodes import tables_of_episodes
from videoseg.formats.lerobot.info import INFO
from videoseg.protocols import RunReader
from videoseg.settings import Guarded
from videoseg.system.output_files import unnamed_file, writing
from videoseg.types import StreamInfo

Place: TypeAlias = dict[str, str | int]
"""What a template of paths needs for one file."""

_FOLDER = "lerobot"
_LEFT_BEHIND = frozenset({".cache", ".git"})
"""Folders of tools, which a copy must not have."""


@dataclass
class LeRobot:
    """Writes ``lerobot/``: the whole data set, in its layout, with features more; needs pyarrow.

    For each camera that was read, ``observation.masks.top`` is a lossless video whose pixels are
    the numbers of objects, from 1 in the order in which they appear in the episode, or those of
    prompts. Columns have a slot for each object: ``annotation.top.track_ids``, ``.prompts``,
    ``.scores``, ``.boxes`` (left, top, right, bottom) and ``.areas``. On rows that the run has not
    looked at, of other episodes too, masks are empty and track ids -1; where it has seen nothing
    they are 0. ``meta/videoseg.json`` says what the numbers mean.
    """

    pixels: Annotated[
        Pixels, Doc("numbers in videos of masks: of the object in its episode, or of its prompt")
    ] = "object"
    data_set: Annotated[
        str,
        Doc("folder of the data set, if it was moved since the run; empty = where it was"),
        Guarded("a folder"),
    ] = ""

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        """One folder.

        Raises:
            MissingDependencyError: pyarrow is not installed.
            UsageError: The input is no data set of LeRobot, or has such features already, or two
                cameras would have the same ones.
        """
        data = self._data_set(streams)
        added, labels = _added(data, streams, {}), dict[str, str]()
        for each in added:
            if labels.setdefault(each.label, each.camera) != each.camera:
                raise UsageError(
                    f"{data.folder}: what is added for {labels[each.label]} and {each.camera} "
                    "would have the same names; read one of them (sources.lerobot.cameras)"
                )
        taken = [name for each in added for name in each.names if name in data.info.features]
        if taken:
            raise UsageError(
                f"{data.folder}: has the feature {taken[0]} already; read the data set that it "
                "was made from"
            )
        return (_FOLDER,)

    def export(self, run: RunReader, folder: Path) -> None:
        """Copy the data set and write what is added, episode by episode.

        Raises:
            SourceError: The data set cannot be read any more.
            OutputError: The copy cannot be written.
        """
        data, top = self._data_set(run.streams), folder / _FOLDER
        with writing(top), unnamed_file(folder) as file:
            found = found_by(run, file, self.pixels)
            added = _added(data, run.streams, found)
            copy = _Copy(data, top, added, found, self.pixels)
            _copy_files(data, top, copy.rewritten())
            copy.write()
            description.write_info(data, top, added, self.pixels)
            description.write_stats(data, top, copy.stats)
            description.write_about(data, top, added, found, run, self.pixels)

    def _data_set(self, streams: Mapping[str, StreamInfo]) -> DataSet:
        """The data set that all streams are of.

        Raises:
            UsageError: They are of none.
        """
        places = {self.data_set or info.location or info.stream for info in streams.values()}
        place = min(places, default="")
        if len(places) != 1 or not is_lerobot(Path(place)):
            raise UsageError(
                f"--write lerobot adds to a LeRobot data set, and {place or 'the input'} is none; "
                "if it was moved, --set exporters.lerobot.data_set=FOLDER says where it is"
            )
        data = DataSet.at(Path(place))
        known = data.by_name()
        other = next((name for name in streams if name not in known), None)
        if other is not None:
            raise UsageError(f"{place}: the data set has no stream {other}")
        return data


PARTS = {"lerobot": LeRobot}


@dataclass
class _Copy:
    """What is written anew, because something is added to it.

    Attributes:
        data: The data set.
        top: Its copy.
        added: What is added for each camera.
        found: What was found, by stream.
        pixels: What the numbers of pixels are.
        stats: For each added feature statistics of each episode.
    """

    data: DataSet
    top: Path
    added: Sequence[Added]
    found: Mapping[str, FoundStream]
    pixels: Pixels
    stats: dict[str, dict[int, Stats]] = field(default_factory=dict)
    _listed: dict[int, dict[str, Any]] = field(default_factory=dict)
    _places: dict[tuple[int, str], Place] = field(default_factory=dict)
    _blanks: dict[str, tuple[npt.NDArray[np.int64], Place]] = field(default_factory=dict)

    def rewritten(self) -> set[PurePosixPath]:
        """Files that are not copied as they are, relative to the data set."""
        files = {episode.data for episode in self.data.episodes}
        files |= {PurePosixPath(INFO), PurePosixPath(description.STATS)}
        files.add(PurePosixPath(description.EPISODE_STATS))
        return files | {self._relative(path) for path in self._lists()}

    def write(self) -> None:
        """Write videos of masks, rows and lists of episodes."""
        names = [name for each in self.added for name in each.names]
        self.stats = {name: {} for name in names}
        by_file: dict[PurePosixPath, list[Episode]] = {}
        for episode in self.data.episodes:
            by_file.setdefault(episode.data, []).append(episode)
        for path, episodes in by_file.items():
            if (self.data.folder / path).is_file():
                columns = self._columns(episodes)
                copy_rows(self.data.folder / path, self.top / path, columns)
        listed = list(dict.fromkeys(name for row in self._listed.values() for name in row))
        for given in self._lists():
            copy_episodes(given, self.top / self._relative(given), self._listed, listed)

    def _columns(self, episodes: Sequence[Episode]) -> Columns:
        """The added columns of all rows of a file; its videos of masks are written on the way."""
        count = self.data.row_count(episodes[0])
        whole: Columns = {}
        for added in self.added:
            whole |= added.blank(count)
        for episode in episodes:
            rows = self.data.rows(episode)
            for added in self.added:
                name = self.data.name_of(episode, added.camera)
                mine = added.columns(self.found.get(name), len(rows))
                for column, values in mine.items():
                    whole[column][rows] = values
                    if len(rows):
                        self.stats[column][episode.index] = stats_of(values)
                self._write_masks(episode, added, self.found.get(name))
            self._list(episode)
        return whole

    def _write_masks(self, episode: Episode, added: Added, found: FoundStream | None) -> None:
        """Write the video of one camera of one episode, or find one that is as empty."""
        times = np.rint(self.data.times(episode) / float(TIME_BASE)).astype(np.int64)
        place = self._place(episode)
        blank = self._blanks.get(added.masks)
        if found is None and blank is not None and np.array_equal(blank[0][: len(times)], times):
            counts = PixelCounts.of_nothing(len(times), added.width * added.height)
            place = blank[1]
        elif len(times):
            counts, info = PixelCounts(), self.data.info
            frames = _every_row(added, found, times.tolist(), self.pixels, counts)
            path = info.path_of(info.video_path, video_key=added.masks, **place)
            write_masks(self.top / path, frames, info.fps, added.width, added.height)
            if found is None and info.layout == "v3":
                self._blanks[added.masks] = times, place
        self._places[episode.index, added.masks] = place
        if len(times):
            self.stats[added.masks][episode.index] = counts.stats()

    def _place(self, episode: Episode) -> Place:
        """What templates of paths need for an episode's own file."""
        size = self.data.info.chunks_size
        chunk, file = divmod(episode.index, size)
        if self.data.info.layout == "v2":
            return {"episode_chunk": chunk, "episode_index": episode.index}
        return {"chunk_index": chunk, "file_index": file}

    def _list(self, episode: Episode) -> None:
        """Keep what the list of episodes says of an episode's videos and statistics."""
        if self.data.info.layout == "v2":
            return
        times = self.data.times(episode)
        end = float(times.max() + 1 / self.data.info.fps) if len(times) else 0.0
        row: dict[str, Any] = {}
        for added in self.added:
            prefix = f"videos/{added.masks}"
            place = self._places[episode.index, added.masks]
            row |= {f"{prefix}/{name}": value for name, value in place.items()}
            row |= {f"{prefix}/from_timestamp": 0.0, f"{prefix}/to_timestamp": end}
        quantiles = description.has_quantiles(self.data)
        for name, parts in self.stats.items():
            if episode.index in parts:
                made = plain(parts[episode.index], quantiles=quantiles)
                row |= {f"stats/{name}/{key}": value for key, value in made.items()}
        self._listed[episode.index] = row

    def _lists(self) -> Sequence[Path]:
        return () if self.data.info.layout == "v2" else tables_of_episodes(self.data.folder)

    def _relative(self, path: Path) -> PurePosixPath:
        return PurePosixPath(path.relative_to(self.data.folder).as_posix())


def _every_row(
    added: Added,
    found: FoundStream | None,
    times: Sequence[int],
    pixels: Pixels,
    counts: PixelCounts,
) -> Iterator[tuple[int, Labels]]:
    """The masks of every row whose time rises, those not looked at empty; counted on the way."""
    seen = found.frames() if found is not None else iter(())
    index, sightings = next(seen, (-1, ()))
    nothing = np.zeros((added.height, added.width), np.uint8)
    latest: int | None = None
    for row, pts in enumerate(times):
        while index >= 0 and index < row:
            index, sightings = next(seen, (-1, ()))
        here = index == row
        labels = labels_of(sightings, added.width, added.height, pixels) if here else nothing
        if latest is None or pts > latest:
            counts.add(labels)
            yield pts, labels
            latest = pts


def _added(
    data: DataSet, streams: Mapping[str, StreamInfo], found: Mapping[str, FoundStream]
) -> Sequence[Added]:
    """What is added for each camera that was read, in the order of the data set."""
    known = data.by_name()
    sizes: dict[str, tuple[int, int]] = {}
    slots: dict[str, int] = {}
    for name, info in streams.items():
        camera = known[name].camera
        sizes[camera] = (info.width, info.height)
        objects = len(found[name].objects) if name in found else 0
        slots[camera] = max(slots.get(camera, 1), objects)
    return [Added(key, *sizes[key], slots[key]) for key in data.info.cameras if key in sizes]


def _copy_files(data: DataSet, top: Path, without: set[PurePosixPath]) -> None:
    """Copy all files of a data set but some; links as what they lead to.

    Raises:
        OutputError: One cannot be copied.
    """
    named = {path for path in data.files_of(list(data.by_name().values())) if path.is_file()}
    for path in sorted({*_files(data.folder, top), *named}):
        relative = PurePosixPath(path.relative_to(data.folder).as_posix())
        if relative not in without:
            with writing(top / relative):
                (top / relative).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, top / relative)


def _files(folder: Path, top: Path) -> Iterator[Path]:
    """The files in a folder and in folders in it, but not those in which its copy is made."""
    inside = {parent.resolve() for parent in (top, *top.parents)} - {folder.resolve()}
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if name not in _LEFT_BEHIND and (here / name).resolve() not in inside
        ]
        for name in files:
            if (here / name).is_file():
                yield here / name
