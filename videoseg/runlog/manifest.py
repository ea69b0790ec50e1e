"""``run.json``: what a run read, did and made, so that it can be told apart and repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NotRequired

from annotated_types import MinLen, Predicate
from typing_extensions import TypedDict

from videoseg.errors import OutputError, RunLogError
from videoseg.prompts import Refused
from videoseg.runlog.codec import Json
from videoseg.runlog.findings import Finding, Kind, is_exact_time
from videoseg.runlog.fingerprint import plain
from videoseg.runlog.plan import Plan
from videoseg.system.held_folders import read_plain
from videoseg.types.usage import Usage

NAME = "run.json"
_FORMAT = "videoseg-manifest"
_VERSION = 1
LONGEST = 1 << 28
"""Bytes of a manifest at most."""


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
        tracks: For each prompt, how many track ids were given out.
        instances: For each prompt, how many outlines were written over all frames.
        dropped: Frames of the input that were left out: damaged, or with a time that did not rise.
        repeated: Damaged frames that were replaced by the one before.
    """

    frames: int
    tracks: tuple[int, ...]
    instances: tuple[int, ...]
    dropped: int = 0
    repeated: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        stopped: Why it ended before its input did, else None.
        usage: What a model that is a service has used, else None.
        notes: What the model and the source have to say, in one line each.
        refused: Prompts that the model could not ground.
        review: What should be looked at again, the worst first.
        review_left_out: How much more there is of that.
    """

    stopped: str | None = None
    usage: Usage | None = None
    notes: Sequence[str] = ()
    refused: Sequence[Refused] = ()
    review: Sequence[Finding] = ()
    review_left_out: int = 0

    def to_json(self) -> dict[str, Json]:
        """Plain JSON values; what is None is left out."""
        found = {
            "stopped": self.stopped,
            "usage": plain(self.usage),
            "notes": list(self.notes),
            "refused": plain(self.refused),
            "review": [each.to_json() for each in self.review],
            "review_left_out": self.review_left_out,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that ``run.json`` says.

    Attributes:
        plan: What the run was to do.
        stages: Busy time per stage, in the order of the flow.
        counts: What was found.
        outputs: Names in the output folder, relative to it.
        ended: Whether it came to the end, and what that took.
        earlier: Names that an earlier run, which this one replaces, made there and this one did
            not: they are left as they are, and may be replaced later.
        edited: For each output that was made with edits the id of the last one (``edits.py``).
    """

    plan: Plan
    stages: Mapping[str, StageTime]
    counts: Counts
    outputs: Sequence[str]
    ended: Ended = field(default_factory=lambda: Ended())
    earlier: Sequence[str] = ()
    edited: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        asked, found = len(self.plan.prompts), len(self.counts.instances)
        if asked != found or asked != len(self.counts.tracks):
            raise ValueError(f"one count per prompt, got {found} for {asked}")

    def to_json(self) -> Json:
        """Plain JSON values, in a fixed order of keys."""
        counts = self.counts
        asked = [
            {"label": prompt.label, "count": count, "tracks": tracks}
            for prompt, count, tracks in zip(
                self.plan.prompts, counts.instances, counts.tracks, strict=True
            )
        ]
        refused = {each.prompt for each in self.ended.refused}
        return {
            "format": _FORMAT,
            "version": _VERSION,
            **self.plan.to_json(),
            "stages": plain(self.stages),
            "counts": {
                "frames": counts.frames,
                "dropped": counts.dropped,
                "repeated": counts.repeated,
                "tracks": sum(counts.tracks),
                "instances": asked,
                "not_found": [
                    each["label"]
                    for place, each in enumerate(asked)
                    if not each["count"] and place not in refused
                ],
            },
            "outputs": list(self.outputs),
            **({"earlier_outputs": list(self.earlier)} if self.earlier else {}),
            **({"edited": dict(self.edited)} if self.edited else {}),
            **self.ended.to_json(),
        }

    def write(self, folder: Path) -> Path:
        """Write ``run.json`` into a folder.

        Raises:
            OutputError: The folder cannot be written.
        """
        path = folder / NAME
        write_json(path, self.to_json())
        return path


def read_manifest(folder: Path) -> dict[str, Json]:
    """What the ``run.json`` of an output folder says.

    Raises:
        RunLogError: There is none, or it is none of ours.
    """
    path = folder / NAME
    try:
        made = json.loads(read_plain(path, LONGEST))
    except FileNotFoundError as error:
        raise RunLogError(f"{folder} holds no finished run: no {NAME} in it") from error
    except OSError as error:
        raise RunLogError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise RunLogError(f"{path} is damaged: {error}") from error
    if not isinstance(made, dict) or made.get("format") != _FORMAT:
        raise RunLogError(f"{path} is not the {NAME} of a run")
    if made.get("version") != _VERSION:
        raise RunLogError(
            f"{path} has format version {made.get('version')!r}; this videoseg reads {_VERSION}"
        )
    _check(made, path)
    return made


class _Input(TypedDict):
    name: str
    size: int | None
    sha256: str | None
    etag: NotRequired[str]


class _Stage(TypedDict):
    seconds: float


class _Found(TypedDict):
    count: int
    tracks: int


class _Counts(TypedDict):
    frames: int
    instances: list[_Found]


class _Refused(TypedDict):
    prompt: int
    label: str
    text: str
    reason: str


class _Finding(TypedDict):
    kind: Kind
    prompt: int
    label: str
    track: int | None
    stream: str | None
    frame: int | None
    time: Annotated[str, Predicate(is_exact_time)] | None
    until: int | None
    value: float | None
    at_cut: bool
    weight: float


class _Made(TypedDict):
    """What is relied on in the ``run.json`` of an earlier run."""

    inputs: Annotated[list[_Input], MinLen(1)]
    settings: dict[str, dict[str, Any]]
    stages: dict[str, _Stage]
    counts: _Counts
    outputs: list[str]
    earlier_outputs: NotRequired[list[str]]
    edited: NotRequired[dict[str, int]]
    notes: NotRequired[list[str]]
    refused: NotRequired[list[_Refused]]
    review: NotRequired[list[_Finding]]
    review_left_out: NotRequired[int]


def _check(made: Json, path: Path) -> None:
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(_Made).validate_python(made, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise RunLogError(f"{path} is damaged: {key!r}: {first['msg']}") from error
    if "run" not in made["settings"]:
        raise RunLogError(f"{path} is damaged: 'settings.run' is missing")


def write_json(path: Path, made: Json) -> None:
    """Write plain values as text that people can read.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        path.write_bytes(json_bytes(made))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def json_bytes(made: Json) -> bytes:
    """Plain values as text that people can read."""
    text = json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False)
    # Text from a command line may hold bytes that are no UTF-8, as lone surrogates.
    return f"{text}\n".encode(errors="backslashreplace")
