"""Which outputs a run makes, and what a finished run has made already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from videoseg.config.run_config import AUTO, RunConfig, output_kind
from videoseg.errors import OutputExistsError, UsageError, shown
from videoseg.jobs.inputs import Location
from videoseg.protocols import Exporter, Writer
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.plan import Plan, difference
from videoseg.runlog.staging import settle
from videoseg.runlog.summary import Summary
from videoseg.types import StreamInfo

VIDEO_OUTPUTS = ("svg", "animated-svg", "overlay", "masks")
"""What a run makes of a video where the settings say ``auto``."""
STILL_OUTPUTS = ("svg", "overlay-png", "masks")
"""What a run makes of a photograph where the settings say ``auto``."""
FOR_STILLS = {"overlay": "overlay-png"}
"""What an output of a video is for a photograph."""


def outputs_of(
    config: RunConfig, streams: Mapping[str, StreamInfo]
) -> dict[str, Writer | Exporter]:
    """The outputs that the settings name, or that fit an input, by name."""
    names = config.run.write
    still = all(info.still for info in streams.values())
    if AUTO in names:
        fitting = STILL_OUTPUTS if still else VIDEO_OUTPUTS
        names = (*fitting, *(name for name in names if name != AUTO))
    if still:
        names = tuple(FOR_STILLS.get(name, name) for name in names)
    return {name: config.part(output_kind(name), name) for name in dict.fromkeys(names)}


def folder_of(out: Location) -> Path:
    """A folder's path.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(out, str | bytes | os.PathLike):
        raise UsageError(f"a folder is a path, got {shown(out)}")
    if not out:
        raise UsageError("the name of a folder is empty; write . for the working folder")
    return Path(os.fsdecode(out))


def finished_run(out: Path, plan: Plan, *, overwrite: bool) -> Summary | None:
    """What a finished run in ``out`` did, if there is one.

    Raises:
        OutputExistsError: There is one of another kind, which must not be replaced.
    """
    settle(out)
    if not (out / MANIFEST).exists():
        return None
    made = read_manifest(out)
    changed = difference(made, plan)
    stopped = made.get("stopped")
    if changed is None and stopped is None:
        return Summary.of(out, plan.prompts, made)
    if overwrite:
        return None
    if changed is None:
        raise OutputExistsError(
            f"{out} holds a run that was stopped: {stopped}; --overwrite completes it and asks "
            "only for missing answers"
        )
    raise OutputExistsError(
        f"{out} holds the result of another run: {changed}; --overwrite replaces it"
    )
