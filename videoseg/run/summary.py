"""What a finished run did, in the few numbers that people ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from videoseg.run._codec import Json
from videoseg.types import Prompt
from videoseg.usage import Usage


@dataclass(frozen=True, slots=True)
class Summary:
    """What a finished run did.

    Attributes:
        out: The output folder.
        outputs: Names of what was made in it.
        frames: Frames in the input.
        prompts: What was asked.
        tracks: For each prompt the number of objects followed.
        instances: For each prompt the number of outlines written.
        seconds: Seconds spent in each stage, by name; stages overlap.
        known: Frames whose answer was known from an earlier run.
        dropped: Frames of the input that were left out, damaged or misplaced.
        repeated: Damaged frames that were replaced by the one before.
        usage: What a model that is a service has used, else None.
        stopped: Why the run ended before its input did, else None.
        idle: Share of the time in which the model had nothing to do, or None where unknown.
    """

    out: Path
    outputs: tuple[str, ...]
    frames: int
    prompts: tuple[Prompt, ...]
    tracks: tuple[int, ...]
    instances: tuple[int, ...]
    seconds: Mapping[str, float]
    known: int = 0
    dropped: int = 0
    repeated: int = 0
    usage: Usage | None = None
    stopped: str | None = None
    idle: float | None = None

    @classmethod
    def of(
        cls, out: Path, prompts: Sequence[Prompt], manifest: Json, known: int | None = None
    ) -> Summary:
        """The summary of a run from what its ``run.json`` says; ``known=None``: all was known."""
        counts = manifest["counts"]
        frames = int(counts["frames"])
        return cls(
            out=out,
            outputs=tuple(manifest["outputs"]),
            frames=frames,
            prompts=tuple(prompts),
            tracks=tuple(each["tracks"] for each in counts["instances"]),
            instances=tuple(each["count"] for each in counts["instances"]),
            seconds={name: each["seconds"] for name, each in manifest["stages"].items()},
            known=frames if known is None else known,
            dropped=int(counts.get("dropped", 0)),
            repeated=int(counts.get("repeated", 0)),
            usage=Usage(**manifest["usage"]) if "usage" in manifest else None,
            stopped=manifest.get("stopped"),
        )

    def only(self, outputs: Sequence[str], seconds: Mapping[str, float]) -> Summary:
        """The summary of a call that added some outputs and took so long."""
        return replace(self, outputs=tuple(outputs), seconds=dict(seconds))

    @property
    def not_found(self) -> tuple[Prompt, ...]:
        """The prompts that were seen on no frame."""
        return tuple(p for p, count in zip(self.prompts, self.instances, strict=True) if not count)
