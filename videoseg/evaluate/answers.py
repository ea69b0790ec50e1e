"""What a model answered to one question, in memory and as one JSON value of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from videoseg.geometry import masks
from videoseg.types import Mask


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One object that the model found."""

    mask: Mask
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came back for one question on one frame.

    Attributes:
        question: Unique in its sample, among the answers on one frame.
        found: What the model found, best first; empty = nothing.
        seconds: Wall time of the call; where one call answered several questions, its equal share.
        frame: Index of the frame, 0 for images.
        presence: The model's own probability that the thing is there, None where it gives none.
        refused: Why the model could not take the question at all (a phrase it does not know).
    """

    question: str
    found: tuple[Found, ...]
    seconds: float
    frame: int = 0
    presence: float | None = None
    refused: str | None = None

    @property
    def score(self) -> float:
        """The highest score of anything found, 0 where nothing was."""
        return self.found[0].score if self.found else 0.0

    @property
    def best(self) -> Mask | None:
        """The best object alone: the answer to a question about one object."""
        return self.found[0].mask if self.found else None

    @property
    def union(self) -> Mask | None:
        """Everything that was found: the answer to a question about all of a kind."""
        return masks.union([one.mask for one in self.found])

    def to_json(self) -> dict[str, Any]:
        """As one value of the cache; masks are COCO compressed run lengths."""
        value: dict[str, Any] = {
            "question": self.question,
            "frame": self.frame,
            "seconds": round(self.seconds, 6),
            "found": [
                {
                    "score": one.score,
                    "size": [one.mask.frame_height, one.mask.frame_width],
                    "counts": masks.encode_rle(one.mask),
                }
                for one in self.found
            ],
        }
        if self.presence is not None:
            value["presence"] = self.presence
        if self.refused is not None:
            value["refused"] = self.refused
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Answer:
        """From one value of the cache.

        Raises:
            KeyError, TypeError, ValueError: It is not what ``to_json`` writes.
        """
        found = []
        for one in value["found"]:
            height, width = one["size"]
            mask = masks.decode_rle(one["counts"], width=width, height=height)
            if mask is None:
                raise ValueError("a mask of the cache is empty")
            found.append(Found(mask, float(one["score"])))
        return cls(
            question=value["question"],
            found=tuple(found),
            seconds=float(value["seconds"]),
            frame=int(value["frame"]),
            presence=value.get("presence"),
            refused=value.get("refused"),
        )
