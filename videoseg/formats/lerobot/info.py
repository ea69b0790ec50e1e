"""``meta/info.json`` of a LeRobot data set: its layout, its cameras, and where its files are."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Literal, TypeAlias

from videoseg.errors import SourceError, SourceNotFoundError, shown
from videoseg.system.held_folders import read_plain
from videoseg.system.text_files import decoded

Layout: TypeAlias = Literal["v2", "v3"]
"""``v2``: files of one episode each (v2.0 and v2.1). ``v3``: files that episodes share (v3.0)."""

INFO = "meta/info.json"
MASK = "videoseg.mask"
"""Marks, in the ``info`` of a feature, a video of masks: it is no camera."""
VIDEO_PATHS: Mapping[Layout, str] = {
    "v2": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
    "v3": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
}
"""Where videos are, in data sets that had none and so do not say it."""
LARGEST = 2**31 - 1
"""Largest number of an episode, a file or a row."""
_VERSIONS: Mapping[str, Layout] = {"v2.0": "v2", "v2.1": "v2", "v3.0": "v3"}
_MOST_BYTES = 1 << 24
_LONGEST = 1000
"""Characters of a template or a name."""
_FASTEST = 10**5
_CHUNK = 1000
"""Files of a chunk where the data set does not say."""
_NUMBER = re.compile(r"(0\d{1,2})?d?")
"""How a template may ask for digits; more would be a request for memory."""
_FIELDS: Mapping[Layout, frozenset[str]] = {
    "v2": frozenset({"episode_chunk", "episode_index", "video_key"}),
    "v3": frozenset({"chunk_index", "file_index", "video_key"}),
}


@dataclass(frozen=True, slots=True)
class Info:
    """What a data set says of itself.

    Attributes:
        layout: How its files are arranged.
        fps: Nominal rows per second.
        features: Its columns and videos, by name.
        cameras: Those of its features that are pictures, in their order.
        data_path: Template for files of rows.
        video_path: Template for videos.
        chunks_size: Files of a chunk.
        raw: All of it.
    """

    layout: Layout
    fps: Fraction
    features: Mapping[str, Mapping[str, Any]]
    cameras: Sequence[str]
    data_path: str
    video_path: str
    chunks_size: int
    raw: Mapping[str, Any]

    def is_video(self, key: str) -> bool:
        """Whether a feature is kept as videos, and not as pictures in the rows."""
        return self.features[key].get("dtype") == "video"

    def path_of(self, template: str, **fields: str | int) -> PurePosixPath:
        """A file that a template names, relative to the data set.

        Raises:
            SourceError: The template does not lead to a file in the data set.
        """
        used = {key: fields[key] for key in _checked(template, self.layout) if key in fields}
        try:
            text = template.format(**used)
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise SourceError(f"{INFO}: the path {shown(template)} cannot be filled in") from error
        path = PurePosixPath(text)
        windows = PureWindowsPath(text)
        outside = path.is_absolute() or windows.drive or windows.root or ".." in windows.parts
        if outside or "\0" in text or not path.name:
            raise SourceError(
                f"{INFO}: the path {shown(text)} does not lead to a file in the data set; correct "
                "data_path, video_path or the name of the feature"
            )
        return path


def is_lerobot(folder: Path) -> bool:
    """Whether a folder is a data set of LeRobot, of whatever version; never raises."""
    try:
        made = json.loads(read_plain(folder / INFO, _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(made, dict) and "codebase_version" in made


def read_info(folder: Path) -> Info:
    """Read and check what a data set says of itself.

    Raises:
        SourceNotFoundError: There is no such folder.
        SourceError: It is no data set, of a version that is not read, or makes no sense.
    """
    path = folder / INFO
    if not folder.exists():
        raise SourceNotFoundError(f"{folder}: no such file or folder; check the path")
    try:
        raw = json.loads(decoded(read_plain(path, _MOST_BYTES), str(path), SourceError))
    except SourceError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise SourceError(f"{folder}: is no LeRobot data set; {INFO}: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is no JSON ({shown(str(error))}); restore the file") from error
    if not isinstance(raw, dict) or "codebase_version" not in raw:
        raise SourceError(f"{path}: has no codebase_version; this is no LeRobot data set")
    layout = _VERSIONS.get(str(raw["codebase_version"]))
    if layout is None:
        raise SourceError(
            f"{path}: layout {shown(raw['codebase_version'])} is not read; convert the data set "
            "to v3.0 with the tools of LeRobot"
        )
    features = _features(raw.get("features"), path)
    return Info(
        layout=layout,
        fps=_rate(raw.get("fps"), path),
        features=features,
        cameras=tuple(key for key, feature in features.items() if _is_camera(feature)),
        data_path=_template(raw, "data_path", layout, path),
        video_path=_template(raw, "video_path", layout, path, VIDEO_PATHS[layout]),
        chunks_size=whole(raw.get("chunks_size", _CHUNK), f"{path}: chunks_size", least=1),
        raw=raw,
    )


def whole(value: object, what: str, least: int = 0) -> int:
    """A whole number up to ``LARGEST``.

    Raises:
        SourceError: It is none; ``what`` says what it was meant for.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= LARGEST:
        raise SourceError(f"{what} must be a whole number from {least} on, got {shown(value)}")
    return value


def _features(value: object, path: Path) -> dict[str, Mapping[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
        raise SourceError(f"{path}: features must be a table of tables, got {shown(value)}")
    long = next((key for key in value if not 0 < len(key) <= _LONGEST), None)
    if long is not None:
        raise SourceError(f"{path}: {shown(long)} is no name of a feature")
    return value


def _is_camera(feature: Mapping[str, Any]) -> bool:
    """Whether a feature is pictures to look at: no depth, and no masks."""
    info = feature.get("info") or feature.get("video_info") or {}
    names = ("is_depth_map", "video.is_depth_map", MASK)
    special = isinstance(info, dict) and any(info.get(name) for name in names)
    return feature.get("dtype") in ("video", "image") and not special


def _rate(value: object, path: Path) -> Fraction:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= _FASTEST:
        rate = Fraction(value).limit_denominator(1001)
        if rate:
            return rate
    raise SourceError(f"{path}: fps must be a number above 0, got {shown(value)}")


def _template(
    raw: Mapping[str, Any], name: str, layout: Layout, path: Path, otherwise: str | None = None
) -> str:
    value = raw.get(name)
    if value is None and otherwise is not None:
        return otherwise
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise SourceError(f"{path}: {name} must be a path, got {shown(value)}")
    _checked(value, layout)
    return value


def _checked(template: str, layout: Layout) -> Sequence[str]:
    """The fields of a template.

    Raises:
        SourceError: It has others than its layout knows, or asks for attributes or endless digits.
    """
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise SourceError(f"{INFO}: {shown(template)} is no template of a path") from error
    fields = []
    for _, field, form, conversion in parts:
        if field is None:
            continue
        if field not in _FIELDS[layout] or conversion or not _NUMBER.fullmatch(form or ""):
            raise SourceError(
                f"{INFO}: {shown(template)} has a field that is not known; there are "
                f"{', '.join(sorted(_FIELDS[layout]))}"
            )
        fields.append(field)
    return fields
