"""Runs ``videoseg`` in this process, and keeps what a run saw: its streams, frames and words.

The model sees nothing, so that nothing but the input is tested.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

from videoseg import registry
from videoseg.cli._app import run
from videoseg.runlog.staging import STAGING
from videoseg.types import Detections, Frame, ModelCard, Prompt, Scene, StreamInfo


@dataclass
class Blind:
    """A model that finds nothing."""

    card: ClassVar[ModelCard] = ModelCard(
        "blind", "", frozenset({"text", "point", "negative", "box", "mask"}), True, "Apache-2.0", 0
    )

    def prepare(self, prompts: Sequence[Prompt]) -> None: ...

    def segment(
        self, frames: Sequence[Frame], prompts: Sequence[Sequence[Prompt]]
    ) -> Sequence[Detections]:
        return [Detections(frame.stream, frame.index) for frame in frames]

    def close(self) -> None: ...


@dataclass
class Kept:
    """A writer that keeps what it is given."""

    needs_image: ClassVar[bool] = True
    latest: ClassVar[Kept | None] = None
    streams: Mapping[str, StreamInfo] = field(init=False, default_factory=dict)
    frames: list[Frame] = field(init=False, default_factory=list)

    def produces(self, streams: Mapping[str, StreamInfo]) -> Sequence[str]:
        return ("kept",)

    def open(
        self, folder: Path, streams: Mapping[str, StreamInfo], prompts: Sequence[Prompt]
    ) -> None:
        Kept.latest, self.streams = self, streams
        (folder / "kept").touch()

    def write(self, scene: Scene, frame: Frame | None) -> None:
        assert frame is not None
        assert (scene.index, scene.pts, scene.duration) == (frame.index, frame.pts, frame.duration)
        self.frames.append(frame)

    def close(self, *, complete: bool) -> None: ...


@dataclass(frozen=True)
class Ran:
    """What came of one command.

    Attributes:
        code: Its exit code.
        out: What it wrote to standard output.
        lines: The lines that it wrote to standard error.
        info: The stream, where a run came so far.
        frames: The frames that were written.
        counts: From ``run.json``; empty where there is none.
    """

    code: int
    out: str
    lines: tuple[str, ...]
    info: StreamInfo | None = None
    frames: tuple[Frame, ...] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What it had to remark."""
        return tuple(line for line in self.lines if line.startswith("note: "))

    @property
    def dropped(self) -> int:
        """Frames that were left out."""
        return int(self.counts["dropped"])


def captured(
    arguments: Sequence[str], ours: Mapping[str, Mapping[str, Any]]
) -> tuple[int, str, str]:
    """Run one command in this process; its exit code, and what it wrote to out and to err.

    Args:
        arguments: Of ``videoseg``.
        ours: Parts to add, by kind and name.
    """
    out, err = io.StringIO(), io.StringIO()
    with parts(ours), redirect_stdout(out), redirect_stderr(err):
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


@contextmanager
def parts(ours: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Within, there are parts beside those of the package, by kind and name."""
    real = registry._built_in

    def with_ours(kind: registry.Kind) -> dict[str, Any]:
        return {**real(kind), **ours.get(kind, {})}

    with mock.patch.object(registry, "_built_in", with_ours):
        yield


def command(*arguments: str) -> Ran:
    """Run one command in this process, with a model that finds nothing."""
    ours: dict[str, dict[str, Any]] = {"models": {"blind": Blind}, "writers": {"kept": Kept}}
    code, out, err = captured(arguments, ours)
    return Ran(code, out, tuple(err.splitlines()))


def segmented(location: Path | str, *arguments: str, **video: Any) -> Ran:
    """``videoseg segment`` on an input; ``video`` are settings of the video source."""
    settings = [f"--set=sources.video.{name}={value}" for name, value in video.items()]
    Kept.latest = None
    with tempfile.TemporaryDirectory() as folder:
        made = command(
            "segment", str(location), "thing", "--model", "blind", "--write", "kept",
            "-o", f"{folder}/out", *settings, *arguments,
        )  # fmt: skip
        manifest = Path(folder, "out", "run.json")
        counts = json.loads(manifest.read_bytes())["counts"] if manifest.exists() else {}
        left = [path.name for path in Path(folder).rglob("*") if path.name != "out"]
        assert manifest.exists() or set(left[:1]) <= {STAGING}, "nothing half done is seen"
    kept: Kept | None = Kept.latest
    if kept is None:
        return Ran(made.code, made.out, made.lines, counts=counts)
    (info,) = kept.streams.values()
    return Ran(made.code, made.out, made.lines, info, tuple(kept.frames), counts)
