"""Opens inputs, and takes what a caller names one by, with its settings."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.config.run_settings import AUTO
from videoseg.errors import ConfigError, SourceError, UsageError, shown
from videoseg.geometry.sizes import check_pixels
from videoseg.protocols import (
    CountsLosses,
    Describes,
    FrameSource,
    HasNotes,
    ReadsBeside,
    Sparse,
)
from videoseg.system.addresses import is_address, is_stored, local_path, without_secrets
from videoseg.types import StreamInfo, TopicInfo

Location: TypeAlias = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, eq=False)
class Input:
    """An input that is open.

    Attributes:
        location: Its path or address.
        config: The settings, which name the kind of source or leave it to ``location``.
        source: What reads it.
        streams: What it holds, by name, first stream first.
    """

    location: str
    config: RunConfig
    source: FrameSource
    streams: Mapping[str, StreamInfo]

    @classmethod
    def opened(cls, location: str, config: RunConfig) -> Input:
        """Open an input; the caller closes it.

        Raises:
            SourceError: It cannot be read.
        """
        return cls(location, config, *open_source(location, config))

    def close(self) -> None:
        """Let go of the input."""
        registry.release(self.source, "the input")

    @property
    def first(self) -> StreamInfo:
        """Its first stream."""
        return next(iter(self.streams.values()))

    @property
    def kind(self) -> str:
        """Name of the kind of source."""
        return source_name(self.location, self.config)

    @property
    def every(self) -> int:
        """The source yields every n-th of its frames, from the first on."""
        return int(self.source.every) if isinstance(self.source, Sparse) else 1

    @property
    def notes(self) -> tuple[str, ...]:
        """What the source has to say about its input so far, such as fields that it left in."""
        return tuple(self.source.notes) if isinstance(self.source, HasNotes) else ()

    @property
    def beside(self) -> tuple[Path | None, ...]:
        """Other files that the source reads."""
        return tuple(self.source.beside) if isinstance(self.source, ReadsBeside) else ()

    @property
    def lost(self) -> tuple[int, int]:
        """How many frames were dropped so far, and how many repeated."""
        source = self.source
        return (source.dropped, source.repeated) if isinstance(source, CountsLosses) else (0, 0)

    @property
    def is_rereadable(self) -> bool:
        """Whether it can be opened again and then gives the same frames."""
        where = Path(self.location)
        if is_stored(self.location):
            return True
        once = self.location == "-" or is_address(self.location)
        once = once or (where.exists() and not (where.is_file() or where.is_dir()))
        return not (once or any(info.live for info in self.streams.values()))

    @contextmanager
    def again(self) -> Iterator[FrameSource]:
        """The input, opened for a reading of its own."""
        source, _ = open_source(self.location, self.config)
        try:
            yield source
        finally:
            registry.release(source, "the input")


def source_name(location: str, config: RunConfig) -> str:
    """Name of the kind of source that the settings name, or that fits an input."""
    name = config.run.source
    return registry.source_for(location) if name == AUTO else name


def open_source(
    location: Location, config: RunConfig
) -> tuple[FrameSource, Mapping[str, StreamInfo]]:
    """Open an input with the kind of source that the settings name, or that fits its name.

    Raises:
        SourceError: It cannot be read.
    """
    text = location_of(location)
    source: FrameSource = config.part("sources", source_name(text, config))
    streams = source.open(text)
    if not streams:
        source.close()
        raise SourceError(f"{without_secrets(text)}: holds no stream of pictures")
    try:
        for info in streams.values():
            check_pixels(info.width, info.height)
    except ValueError as error:
        registry.release(source, "the input")
        raise SourceError(f"{without_secrets(text)}: {error}") from error
    return source, streams


def topics_of(location: Location, config: RunConfig) -> Sequence[TopicInfo] | None:
    """The topics of a log, those that the settings ask for; None of what is no log.

    Raises:
        SourceError: It cannot be read.
    """
    text = location_of(location)
    source = config.part("sources", source_name(text, config))
    return source.describe(text) if isinstance(source, Describes) else None


def location_of(location: Location) -> str:
    """An input's path or address as text.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(location, str | bytes | os.PathLike):
        raise UsageError(f"an input is a path or an address, got {shown(location)}")
    return local_path(os.fsdecode(location))


def checked_config(config: RunConfig | None) -> RunConfig:
    """The settings, by default the defaults.

    Raises:
        ConfigError: They are none.
    """
    if config is not None and not isinstance(config, RunConfig):
        raise ConfigError(f"config must be a RunConfig, as load_config gives, got {shown(config)}")
    return config or RunConfig()
