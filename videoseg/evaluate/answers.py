"""What a model answered to one question, in memory and as one JSON value of the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from videoseg.geometry import masks
from videoseg.types import Mask


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One object that was found.

    Attributes:
        mask: Its pixels.
        score: How sure the model is.
        track: Its identity through the video; None where it was not followed.
    """

    mask: Mask
    score: float
    track: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a value of the cache; the mask as COCO compressed run lengths."""
        value: dict[str, Any] = {
            "score": self.score,
            "size": [self.mask.frame_height, self.mask.frame_width],
            "counts": masks.encode_rle(self.mask),
        }
        return value if self.track is None else {**value, "track": self.track}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Found:
        """From a value of the cache.

        Raises:
            KeyError, TypeError, ValueError: It is not what ``to_json`` writes.
        """
        height, width = value["size"]
        mask = masks.decode_rle(value["counts"], width=width, height=height)
        if mask is None:
            raise ValueError("a mask of the cache is empty")
        return cls(mask, float(value["score"]), value.get("track"))


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
        cost: US dollars that a service took for it, None where that is not known.
    """

    question: str
    found: tuple[Found, ...]
    seconds: float
    frame: int = 0
    presence: float | None = None
    refused: str | None = None
    cost: float | None = None

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
            "found": [one.to_json() for one in self.found],
        }
        if self.cost is not None:
            value["cost"] = self.cost
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
        return cls(
            question=value["question"],
            found=tuple(Found.from_json(one) for one in value["found"]),
            seconds=float(value["seconds"]),
            frame=int(value["frame"]),
            presence=value.get("presence"),
            refused=value.get("refused"),
            cost=value.get("cost"),
        )
