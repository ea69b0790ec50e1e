"""Which outputs a run makes, and what a finished run has made already."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from videoseg.config.run_config import RunConfig
from videoseg.config.run_settings import AUTO
from videoseg.config.tables import output_kind
from videoseg.edges.soft_edges import HARD, SoftEdges
from videoseg.errors import OutputExistsError, UsageError, shown
from videoseg.formats.robotics.recordings import is_recording
from videoseg.jobs.inputs import Location
from videoseg.protocols import Exporter, ExportsAlong, TakesHidden, TakesMattes, Writer
from videoseg.runlog.manifest import NAME as MANIFEST
from videoseg.runlog.manifest import read_manifest
from videoseg.runlog.plan import Plan, difference
from videoseg.runlog.staging import settle
from videoseg.runlog.summary import Summary
from videoseg.system.addresses import is_stored, without_secrets
from videoseg.types import StreamInfo

VIDEO_OUTPUTS = ("svg", "animated-svg", "overlay", "masks")
"""What a run makes of a video where the settings say ``auto``."""
LOG_OUTPUTS = (*VIDEO_OUTPUTS, "mcap")
"""What a run makes of a robot's log likewise: the log's own readers want a log."""
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
        fitting = STILL_OUTPUTS if still else _fitting(streams)
        names = (*fitting, *(name for name in names if name != AUTO))
    if still:
        names = tuple(FOR_STILLS.get(name, name) for name in names)
    return {name: config.part(output_kind(name), name) for name in dict.fromkeys(names)}


def _fitting(streams: Mapping[str, StreamInfo]) -> tuple[str, ...]:
    places = {info.location for info in streams.values() if info.location is not None}
    return LOG_OUTPUTS if any(map(is_recording, places)) else VIDEO_OUTPUTS


def writers_of(outputs: Mapping[str, Writer | Exporter]) -> dict[str, Writer]:
    """Those outputs that are written frame by frame, by name."""
    return {name: part for name, part in outputs.items() if isinstance(part, Writer)}


def exporters_of(outputs: Mapping[str, Writer | Exporter]) -> dict[str, Exporter]:
    """Those outputs that need the whole run at once, by name."""
    return {name: part for name, part in outputs.items() if isinstance(part, Exporter)}


def along_of(outputs: Mapping[str, Writer | Exporter]) -> dict[str, ExportsAlong]:
    """Those of ``exporters_of`` that can work while a run is made, by name."""
    return {
        name: part
        for name, part in outputs.items()
        if isinstance(part, ExportsAlong) and not isinstance(part, TakesHidden)
    }


def soft_edges_for(outputs: Mapping[str, Writer | Exporter], config: RunConfig) -> SoftEdges | None:
    """The step that gives objects soft edges, where an output takes them and the settings ask."""
    edges = config.edges
    if not _take_mattes(outputs) or not edges.changes_masks:
        return None
    return SoftEdges(edges, None if edges.engine == HARD else config.part("matting", edges.engine))


def edge_settings(
    outputs: Mapping[str, Writer | Exporter], config: RunConfig, edges: SoftEdges | None
) -> dict[str, Any]:
    """What a run notes of the edges of its mattes, also that they are hard; empty without mattes.

    Args:
        outputs: Its outputs.
        config: Its settings.
        edges: As ``soft_edges_for`` has made it.
    """
    if not _take_mattes(outputs):
        return {}
    engine = None if edges is None else edges.engine
    matting = {} if engine is None else {"matting": {config.edges.engine: engine}}
    return {"edges": config.edges, **matting}


def _take_mattes(outputs: Mapping[str, Writer | Exporter]) -> bool:
    """Whether an object's soft edge matters to an output."""
    return any(isinstance(part, TakesMattes) and part.needs_alpha for part in outputs.values())


def made_by(
    outputs: Mapping[str, Writer | Exporter], streams: Mapping[str, StreamInfo]
) -> list[str]:
    """Names of the files and folders that outputs make of some streams."""
    return [name for part in outputs.values() for name in part.produces(streams)]


def folder_of(out: Location) -> Path:
    """A folder's path.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(out, str | bytes | os.PathLike):
        raise UsageError(f"a folder is a path, got {shown(out)}")
    if not out:
        raise UsageError("the name of a folder is empty; write . for the working folder")
    folder = os.fsdecode(out)
    if is_stored(folder):
        raise UsageError(
            f"{without_secrets(folder)} is in object storage; copy the folder to this machine first"
        )
    return Path(folder)


def place_of(out: Location) -> Path | str:
    """Where outputs go: a folder's path, or an address in object storage.

    Raises:
        UsageError: It is neither.
    """
    return out if isinstance(out, str) and is_stored(out) else folder_of(out)


def complete_run(out: Path, plan: Plan, *, overwrite: bool) -> Summary | None:
    """What a finished run in ``out`` did, if there is one and all that it made is still there.

    Raises:
        OutputExistsError: There is one of another kind, or some of what it made is gone, and
            ``overwrite`` is False.
    """
    found = finished_run(out, plan, overwrite=overwrite)
    gone = [] if found is None else [n for n in found.outputs if not (out / n).exists()]
    if gone and not overwrite:
        raise OutputExistsError(
            f"{out} lacks {', '.join(gone)} of its run; --overwrite makes all of it again"
        )
    return None if gone else found


def finished_run(out: Path, plan: Plan, *, overwrite: bool) -> Summary | None:
    """What a finished run in ``out`` did, if there is one.

    Raises:
        OutputExistsError: There is one of another kind, which must not be replaced.
    """
    settle(out)
    if not (out / MANIFEST).exists():
        return None
    return same_run(read_manifest(out), plan, out, overwrite=overwrite)


def same_run(
    made: Mapping[str, Any], plan: Plan, out: Path | str, *, overwrite: bool
) -> Summary | None:
    """What the run did that a ``run.json`` is of, if it is finished and one with this plan.

    Raises:
        OutputExistsError: It is of another kind, and must not be replaced.
    """
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
