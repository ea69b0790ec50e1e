"""``run.json``: what a run read, did and made, so that it can be told apart and repeated."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from videoseg.errors import OutputError, SourceError
from videoseg.run._codec import Json, fraction_text, prompt_to_json, stream_to_json
from videoseg.types import Prompt, StreamInfo

NAME = "run.json"
PACKAGES = (
    "videoseg",
    "av",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "scipy",
    "shapely",
    "torch",
    "transformers",
)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file, or a folder of files, by its content.

    Attributes:
        name: File name, or the path as the user gave it.
        size: Bytes; of a folder, of all files directly in it.
        sha256: Hex digest of the content; of a folder, of its sorted lines ``digest  name``.
            None with ``size`` None for what is no file: a device, an address.
    """

    name: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage of a run was busy, and over how many frames."""

    seconds: float
    frames: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a run found.

    Attributes:
        frames: Scenes written.
        tracks: Track ids given out.
        instances: For each prompt, how many instances the model found over all frames.
    """

    frames: int
    tracks: int
    instances: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that ``run.json`` says.

    Attributes:
        inputs: What was read (``record_file``).
        streams: The streams of the source.
        prompts: What was asked.
        model: Name of the model.
        weights: Its weight files.
        settings: Parts and options; dataclasses, paths and fractions are written as plain values.
        stages: Busy time per stage, in the order of the flow.
        counts: What was found.
        outputs: Names in the output folder, relative to it.
        versions: Package name to version.
    """

    inputs: Sequence[FileRecord]
    streams: Sequence[StreamInfo]
    prompts: Sequence[Prompt]
    model: str
    weights: Sequence[FileRecord]
    settings: Mapping[str, Any]
    stages: Mapping[str, StageTime]
    counts: Counts
    outputs: Sequence[str]
    versions: Mapping[str, str] = field(default_factory=lambda: installed_versions())

    def __post_init__(self) -> None:
        if len(self.counts.instances) != len(self.prompts):
            raise ValueError(
                f"one count per prompt, got {len(self.counts.instances)} for {len(self.prompts)}"
            )

    def to_json(self) -> Json:
        """Plain JSON values, in a fixed order of keys."""
        asked = list(zip(self.prompts, self.counts.instances, strict=True))
        return {
            "format": "videoseg-manifest",
            "version": 1,
            "inputs": plain(self.inputs),
            "streams": [stream_to_json(info) for info in self.streams],
            "prompts": [prompt_to_json(prompt) for prompt in self.prompts],
            "model": {"name": self.model, "weights": plain(self.weights)},
            "settings": plain(self.settings),
            "stages": plain(self.stages),
            "counts": {
                "frames": self.counts.frames,
                "tracks": self.counts.tracks,
                "instances": [{"label": prompt.label, "count": count} for prompt, count in asked],
                "not_found": [prompt.label for prompt, count in asked if not count],
            },
            "outputs": list(self.outputs),
            "versions": dict(sorted(self.versions.items())),
        }

    def write(self, folder: Path) -> Path:
        """Write ``run.json`` into a folder.

        Raises:
            OutputError: The folder cannot be written.
        """
        path = folder / NAME
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        try:
            # Text from a command line may hold bytes that are no UTF-8, as lone surrogates.
            path.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        return path


def differences(earlier: Json, now: Json) -> tuple[str, ...]:
    """Where two manifests (``Manifest.to_json``) are of runs that could make something else.

    Compares content of the input, prompts, model with its weights and settings; not when, where and
    with which versions they ran. Each difference is a clause for a message.
    """
    first, second = (json.loads(json.dumps(_decisive(each))) for each in (earlier, now))
    return tuple(_unlike(first, second, ""))


def _decisive(manifest: Json) -> Json:
    """What a result follows from. A file that was hashed counts by its content, not its name."""
    inputs = [each["sha256"] or each["name"] for each in manifest["inputs"]]
    return {
        "input": inputs,
        "prompts": manifest["prompts"],
        "model": manifest["model"],
        "settings": manifest["settings"],
    }


def _unlike(first: Json, second: Json, path: str) -> Iterator[str]:
    """Every place where two JSON values differ; what is longer than a number is only named."""
    if isinstance(first, dict) and isinstance(second, dict):
        for key in dict.fromkeys((*first, *second)):
            if key not in first or key not in second:
                yield f"{path}{key} is only in {'this run' if key in second else 'the earlier one'}"
            else:
                yield from _unlike(first[key], second[key], f"{path}{key}.")
    elif first != second:
        name, was, now = path.rstrip("."), _shown(first), _shown(second)
        if name.startswith("settings.") and was is not None and now is not None:
            yield f"{name} was {was}, is {now}"
        else:
            yield f"{name} differ" if name.endswith("s") else f"{name} differs"


def _shown(value: Json) -> str | None:
    """A setting as a few words, or None where it would take many."""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, dict | list) for each in values) or len(values) > 8:
        return None
    return ", ".join("nothing" if each in (None, "") else str(each) for each in values) or "nothing"


def record_file(path: Path, name: str | None = None) -> FileRecord:
    """Size and digest of a file or of the files directly in a folder, read in pieces.

    Args:
        path: Where it is.
        name: What to call it; by default its file name.

    Raises:
        SourceError: It exists and cannot be read.
    """
    called = path.name if name is None else name
    try:
        if path.is_dir():
            inside = [record_file(child) for child in sorted(path.iterdir()) if child.is_file()]
            lines = "".join(f"{record.sha256}  {record.name}\n" for record in inside)
            digest = hashlib.sha256(lines.encode("utf-8", errors="surrogateescape")).hexdigest()
            return FileRecord(called, sum(record.size or 0 for record in inside), digest)
        if not path.is_file():
            return FileRecord(called, None, None)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileRecord(called, file.tell(), digest)
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror or error}") from error


def installed_versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape a result, without importing them."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def plain(value: Any) -> Json:
    """A setting as plain JSON values: a dataclass (its settings alone), mapping, sequence, path.

    Raises:
        TypeError: It has no plain form.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = (each.name for each in dataclasses.fields(value) if each.init)
        return {name: plain(getattr(value, name)) for name in settings}
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(inner) for inner in value]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> Json:
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Fraction):
        return fraction_text(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a setting of type {type(value).__name__} has no plain form")
