"""Opens inputs, and takes what a caller names one by, with its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TypeAlias

from videoseg import registry
from videoseg.config.run_config import AUTO, RunConfig
from videoseg.errors import ConfigError, SourceError, UsageError, shown
from videoseg.geometry.sizes import check_pixels
from videoseg.protocols import FrameSource
from videoseg.system.addresses import local_path, without_secrets
from videoseg.types import StreamInfo

Location: TypeAlias = str | os.PathLike[str]


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
