"""Miniature LeRobot data sets, v3.0 and v2.1, made in code: the number of every frame is known.

Frame ``n`` of a data set, counted over all its episodes, shows ``media.moving_square(n)``; that of
its camera in rows shows the one 100 further.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.support import media
from videoseg.types import RgbImage

TOP, WRIST = "observation.images.top", "observation.images.wrist"
"""A camera that is kept as videos, and one that is kept in rows."""
WRIST_AHEAD = 100
_PATHS = {
    "v3": (
        "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    ),
    "v2": (
        "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    ),
}


@dataclass(frozen=True)
class Spec:
    """What a data set is like.

    Attributes:
        layout: ``v3`` or ``v2``.
        lengths: Rows of each episode.
        rate: Rows per second.
        width: Pixels across.
        height: Pixels down.
        cameras: Which of ``TOP`` and ``WRIST`` it has.
        video: A film for all of ``TOP``, v3 alone; None = one is made.
        times: Seconds of each row from the beginning of the film; v3 alone; None = by the rate.
        info: Changes to ``meta/info.json``.
    """

    layout: str = "v3"
    lengths: tuple[int, ...] = (6, 5)
    rate: int = 25
    width: int = 96
    height: int = 64
    cameras: tuple[str, ...] = (TOP,)
    video: Path | None = None
    times: Sequence[float] | None = None
    info: Mapping[str, Any] | None = None


def make(folder: Path, **spec: Any) -> Path:
    """A data set with these fields of ``Spec``, below ``folder``."""
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    made, top = Spec(**spec), folder / "dataset"
    (top / "meta").mkdir(parents=True)
    write_json(top / "meta/info.json", {**info_of(made), **(made.info or {})})
    (_v3 if made.layout == "v3" else _v2)(top, made)
    return top


def info_of(spec: Spec) -> dict[str, Any]:
    """What ``meta/info.json`` says."""
    shape = {"shape": [spec.height, spec.width, 3], "names": ["height", "width", "channels"]}
    features: dict[str, Any] = {
        key: {"dtype": "video" if key == TOP else "image", **shape} for key in spec.cameras
    }
    features["observation.state"] = {"dtype": "float32", "shape": [2], "names": ["x", "y"]}
    features["timestamp"] = {"dtype": "float32", "shape": [1], "names": None}
    for name in ("frame_index", "episode_index", "index", "task_index"):
        features[name] = {"dtype": "int64", "shape": [1], "names": None}
    data, video = _PATHS[spec.layout]
    count = len(spec.lengths)
    found = {
        "codebase_version": "v3.0" if spec.layout == "v3" else "v2.1",
        "robot_type": None,
        "total_episodes": count,
        "total_frames": sum(spec.lengths),
        "total_tasks": 1,
        "chunks_size": 1000,
        "fps": spec.rate,
        "splits": {"train": f"0:{count}"},
        "data_path": data,
        "video_path": video,
        "features": features,
    }
    if spec.layout == "v2":
        found |= {"total_videos": count * (TOP in spec.cameras), "total_chunks": 1}
    return found


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=4), encoding="utf-8")


def change_info(top: Path, **changes: Any) -> Path:
    """Change what a data set says of itself; a value that is None is removed."""
    path = top / "meta/info.json"
    made = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    write_json(path, {key: value for key, value in made.items() if value is not None})
    return top


def edit_table(path: Path, **columns: Any) -> None:
    """Replace columns of a file of rows; with ``take=`` keep some of its rows alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    if "take" in columns:
        table = table.take(pa.array(columns.pop("take")))
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        field = table.schema.field(place)
        table = table.set_column(place, field, [pa.array(values, field.type)])
    pq.write_table(table, path)


def _v3(top: Path, spec: Spec) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    firsts = np.cumsum([0, *spec.lengths])[:-1].tolist()
    begins = [first / spec.rate for first in firsts]
    times = [float(time) for time in spec.times] if spec.times is not None else None
    rows = []
    for episode, (first, length) in enumerate(zip(firsts, spec.lengths, strict=True)):
        if times is not None:
            begins[episode] = times[first]
        own = None if times is None else [t - times[first] for t in times[first : first + length]]
        rows += _rows(spec, episode, first, length, own)
    path = top / "data/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, _schema(spec)), path, row_group_size=4)
    listed = []
    for episode, (first, length) in enumerate(zip(firsts, spec.lengths, strict=True)):
        row = {"episode_index": episode, "tasks": ["push"], "length": length}
        row |= {"data/chunk_index": 0, "data/file_index": 0}
        row |= {"dataset_from_index": first, "dataset_to_index": first + length}
        if TOP in spec.cameras:
            row |= {f"videos/{TOP}/chunk_index": 0, f"videos/{TOP}/file_index": 0}
            row[f"videos/{TOP}/from_timestamp"] = begins[episode]
            row[f"videos/{TOP}/to_timestamp"] = begins[episode] + length / spec.rate
        row |= {f"stats/observation.state/{k}": v for k, v in _stats(first, length).items()}
        listed.append(row)
    path = top / "meta/episodes/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(listed), path)
    count = sum(spec.lengths)
    write_json(top / "meta/stats.json", {"observation.state": _stats(0, count)})
    tasks = {"task_index": [0], "task": ["push"]}
    pq.write_table(pa.table(tasks), top / "meta/tasks.parquet")
    if TOP in spec.cameras:
        path = top / f"videos/{TOP}/chunk-000/file-000.mp4"
        path.parent.mkdir(parents=True)
        shutil.copyfile(spec.video or _film(spec, 0, count), path)


def _v2(top: Path, spec: Spec) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (top / "data/chunk-000").mkdir(parents=True)
    episodes, stats, first = [], [], 0
    for episode, length in enumerate(spec.lengths):
        rows = _rows(spec, episode, first, length, None)
        path = top / f"data/chunk-000/episode_{episode:06d}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, _schema(spec)), path)
        episodes.append({"episode_index": episode, "tasks": ["push"], "length": length})
        stats.append(
            {
                "episode_index": episode,
                "stats": {"observation.state": _stats(first, length)},
            }
        )
        if TOP in spec.cameras:
            path = top / f"videos/chunk-000/{TOP}/episode_{episode:06d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_film(spec, first, length), path)
        first += length
    for name, lines in (("episodes", episodes), ("episodes_stats", stats)):
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (top / f"meta/{name}.jsonl").write_text(text, encoding="utf-8")
    (top / "meta/tasks.jsonl").write_text('{"task_index": 0, "task": "push"}\n', encoding="utf-8")


def _rows(
    spec: Spec, episode: int, first: int, length: int, times: Sequence[float] | None
) -> list[dict[str, Any]]:
    made = []
    for number in range(length):
        row = {
            "observation.state": [float(first + number), 0.5],
            "timestamp": number / spec.rate if times is None else times[number],
            "frame_index": number,
            "episode_index": episode,
            "index": first + number,
            "task_index": 0,
        }
        if WRIST in spec.cameras:
            image = media.moving_square(first + number + WRIST_AHEAD, spec.width, spec.height)
            row[WRIST] = {"bytes": png_of(image), "path": f"frame-{number:06d}.png"}
        made.append(row)
    return made


def png_of(image: RgbImage) -> bytes:
    """The file of a picture."""
    ok, data = cv2.imencode(".png", image[..., ::-1])
    assert ok
    return data.tobytes()


def _schema(spec: Spec) -> Any:
    import pyarrow as pa

    fields = [(WRIST, pa.struct({"bytes": pa.binary(), "path": pa.string()}))]
    fields = fields if WRIST in spec.cameras else []
    fields.append(("observation.state", pa.list_(pa.float32(), 2)))
    fields.append(("timestamp", pa.float32()))
    names = ("frame_index", "episode_index", "index", "task_index")
    fields += [(name, pa.int64()) for name in names]
    hub = {"info": {"features": {"timestamp": {"dtype": "float32", "_type": "Value"}}}}
    return pa.schema(fields, metadata={"huggingface": json.dumps(hub)})


def _stats(first: int, length: int) -> dict[str, list[Any]]:
    x = np.arange(first, first + length)
    return {
        "min": [float(x.min()), 0.5],
        "max": [float(x.max()), 0.5],
        "mean": [float(x.mean()), 0.5],
        "std": [float(x.std()), 0.0],
        "count": [length],
    }


def _film(spec: Spec, first: int, length: int) -> Path:
    return media.clip(
        name=f"{first}-{length}.mp4",
        width=spec.width,
        height=spec.height,
        frames=length,
        rate=Fraction(spec.rate),
        picture=_square_from(first),
    )


@functools.cache
def _square_from(first: int) -> media.Picture:
    """``moving_square``, its frames counted from a later one."""
    return lambda index, width, height: media.moving_square(first + index, width, height)
