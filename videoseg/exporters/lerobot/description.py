"""What a data set says of itself, completed by what is added: JSON files below ``meta/``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from videoseg.exporters.lerobot.features import Added
from videoseg.exporters.lerobot.found import FoundStream, Pixels
from videoseg.exporters.lerobot.statistics import Stats, combined, plain
from videoseg.formats.lerobot import INFO, DataSet
from videoseg.protocols import RunReader
from videoseg.system.held_folders import read_plain
from videoseg.system.output_files import writing

STATS = "meta/stats.json"
EPISODE_STATS = "meta/episodes_stats.jsonl"
ABOUT = "meta/videoseg.json"
_MOST_BYTES = 1 << 30


def write_info(data: DataSet, top: Path, added: Sequence[Added], pixels: Pixels) -> None:
    """Write ``meta/info.json`` with the features that are added."""
    made = {**data.info.raw, "features": dict(data.info.features)}
    for each in added:
        made["features"] |= each.described(data.info, pixels)
    if made.get("video_path") is None:
        made["video_path"] = data.info.video_path
    if isinstance(made.get("total_videos"), int):
        made["total_videos"] += len(added) * len(data.episodes)
    _write(top / INFO, made)


def has_quantiles(data: DataSet) -> bool:
    """Whether the statistics of a data set have quantiles."""
    found = _read_object(data.folder / STATS)
    return any(isinstance(each, dict) and "q01" in each for each in found.values())


def write_stats(data: DataSet, top: Path, stats: Mapping[str, Mapping[int, Stats]]) -> None:
    """Write the files of statistics that a data set has, with those of what is added.

    Args:
        data: The data set.
        top: Its copy.
        stats: For each feature those of each episode, by its number.
    """
    quantiles = has_quantiles(data)
    if (data.folder / STATS).is_file():
        made = _read_object(data.folder / STATS)
        for name, parts in stats.items():
            if parts:
                made[name] = plain(combined(list(parts.values())), quantiles=quantiles)
        _write(top / STATS, made)
    if not (data.folder / EPISODE_STATS).is_file():
        return
    with (data.folder / EPISODE_STATS).open("rb") as file, writing(top / EPISODE_STATS):
        (top / EPISODE_STATS).parent.mkdir(parents=True, exist_ok=True)
        with (top / EPISODE_STATS).open("wb") as copy:
            for line in file:
                copy.write(_completed(line, stats))


def write_about(
    data: DataSet,
    top: Path,
    added: Sequence[Added],
    found: Mapping[str, FoundStream],
    run: RunReader,
    pixels: Pixels,
) -> None:
    """Write ``meta/videoseg.json``: what the numbers mean, and which episodes were looked at."""
    streams = data.by_name()
    episodes = [
        {
            "episode_index": streams[name].episode.index,
            "camera": streams[name].camera,
            "objects": [
                {
                    "slot": slot,
                    "track_id": track_id,
                    "prompt": prompt,
                    "label": each.labels[track_id],
                }
                for slot, (track_id, prompt) in enumerate(each.objects.items())
            ],
        }
        for name, each in found.items()
    ]
    _write(
        top / ABOUT,
        {
            "pixels": pixels,
            "prompts": [prompt.label for prompt in run.prompts],
            "cameras": {each.camera: list(each.names) for each in added},
            "episodes": episodes,
        },
    )


def _completed(line: bytes, stats: Mapping[str, Mapping[int, Stats]]) -> bytes:
    """A line of statistics of one episode with those of what is added; others as they are."""
    try:
        made = json.loads(line)
        number, kept = made["episode_index"], dict(made["stats"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return line
    for name, parts in stats.items():
        if number in parts:
            kept[name] = plain(parts[number], quantiles=False)
    return json.dumps({**made, "stats": kept}).encode("ascii") + b"\n"


def _read_object(path: Path) -> dict[str, Any]:
    """A table in a file of JSON; empty where there is none that can be read."""
    try:
        made = json.loads(read_plain(path, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) else {}


def _write(path: Path, value: object) -> None:
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=4) + "\n", encoding="ascii")
