"""The settings of one command: its flags, and all that stands around it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig


def in_force(
    preset: str | None,
    file: Path | None,
    assignments: Sequence[str] | None,
    flags: Mapping[str, Any] | None = None,
) -> RunConfig:
    """What flags, environment, files and preset say together.

    Raises:
        ConfigError: One of them is wrong; says which.
    """
    from videoseg.config.run_config import load

    return load(
        preset=preset,
        file=file,
        flags=flags,
        assignments=assignments or (),
        environment=os.environ,
        folder=Path.cwd(),
    )


def note_origins(config: RunConfig) -> None:
    """Note where settings come from that the command itself does not name."""
    from videoseg.config.layers import PREFIX, PROJECT_FILE

    silent = sorted(
        {
            origin
            for origin in config.origins.values()
            if origin.startswith(PREFIX) or Path(origin).name == PROJECT_FILE
        }
    )
    if silent:
        logging.getLogger("videoseg").warning("settings from %s", ", ".join(silent))
