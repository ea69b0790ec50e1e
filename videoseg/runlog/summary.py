"""What a finished run did, in the few numbers that people ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from videoseg.prompts import Refused
from videoseg.runlog.codec import Json
from videoseg.runlog.findings import Finding
from videoseg.types import Prompt
from videoseg.types.usage import Usage


@dataclass(frozen=True, slots=True)
class Summary:
    """What a finished run did.

    Attributes:
        out: The output folder, or its address in object storage.
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
        notes: What the model and the source had to say, in one line each.
        refused: Prompts that the model could not ground; nothing was looked for.
        review: What should be looked at again, the worst first.
        review_left_out: How much more there is of that.
    """

    out: Path | str
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
    notes: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    review: tuple[Finding, ...] = ()
    review_left_out: int = 0

    @classmethod
    def of(
        cls, out: Path | str, prompts: Sequence[Prompt], manifest: Json, known: int | None = None
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
            notes=tuple(manifest.get("notes", ())),
            refused=tuple(
                Refused(each["prompt"], each["label"], each["text"], each["reason"])
                for each in manifest.get("refused", ())
            ),
            review=tuple(map(Finding.from_json, manifest.get("review", ()))),
            review_left_out=int(manifest.get("review_left_out", 0)),
        )

    def only(self, outputs: Sequence[str], seconds: Mapping[str, float]) -> Summary:
        """The summary of a call that added some outputs and took so long."""
        return replace(self, outputs=tuple(outputs), seconds=dict(seconds))

    @property
    def not_found(self) -> tuple[Prompt, ...]:
        """The prompts that were looked for and seen on no frame."""
        refused = {each.prompt for each in self.refused}
        counted = enumerate(zip(self.prompts, self.instances, strict=True))
        return tuple(p for place, (p, count) in counted if not count and place not in refused)
