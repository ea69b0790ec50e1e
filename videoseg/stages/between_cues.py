"""Objects between two of their cues: they are followed from either, and both ways have a say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from videoseg.geometry import masks
from videoseg.motion import distance_fields as fields
from videoseg.types import Detections, Frame, Instance, Mask, Prompt

_ALIKE = 0.5
"""From this IoU on two masks are blended; else one of them is on something else."""


@dataclass(frozen=True, slots=True)
class Span:
    """The way of an object from one of its cues to the next.

    Attributes:
        stream: Name of the stream.
        start: Index of the frame on which the earlier cue was asked.
        stop: Index of the frame on which the later one was.
        found: The object on that frame.
    """

    stream: str
    start: int
    stop: int
    found: Instance

    def share(self, index: int) -> float:
        """How much of the way lies behind a frame, 0 to 1."""
        return (index - self.start) / (self.stop - self.start)


def last_correction(prompts: Sequence[Prompt], first: int) -> int | None:
    """The last frame on which an object is marked again; None where none is.

    Args:
        prompts: What is asked.
        first: Index of the first frame; a cue before it is asked on it.
    """
    again = [frames[-1] for prompt in prompts if len(frames := cue_frames(prompt, first)) > 1]
    return max(again, default=None)


def cue_frames(prompt: Prompt, first: int) -> list[int]:
    """The frames from ``first`` on that a prompt is marked on, in order; none if marks hold on all.

    A cue before ``first`` is asked on that frame.
    """
    frames = [cue.frame for cue in prompt.cues]
    known = [frame for frame in frames if frame is not None]
    return sorted({max(frame, first) for frame in known}) if len(known) == len(frames) else []


class SpanFinder:
    """Finds the spans of one stream while its objects are followed forward.

    Args:
        prompts: What is asked.
    """

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = prompts
        self._before = -1
        self._begun: dict[int, int] = {}

    def push(self, frame: Frame, answer: Detections) -> list[Span]:
        """The spans that end on the next frame, which has this answer."""
        spans = []
        found = {one.prompt: one for one in answer.instances}
        for number, prompt in enumerate(self._prompts):
            marks = cue_frames(prompt, 0)
            if not any(self._before < mark <= frame.index for mark in marks):
                continue
            start = self._begun.get(number)
            self._begun[number] = frame.index
            if start is not None and number in found and frame.index - start > 1:
                spans.append(Span(frame.stream, start, frame.index, found[number]))
        self._before = frame.index
        return spans


def joined(forward: Instance, backward: Instance, share: float) -> Instance:
    """An object that is followed from two cues, on a frame between them.

    The nearer a cue and the surer the model, the more its way counts. Where both ways agree for the
    most part, the edge lies between theirs; else the one that counts more is taken.

    Args:
        forward: How it was found on the way from the earlier cue.
        backward: How it was found on the way back from the later one.
        share: How much of the way from the earlier to the later cue lies behind, 0 to 1.
    """
    before, after = (1 - share) * forward.score, share * backward.score
    late = after / (before + after) if before + after else share
    heavier = backward if late > 0.5 else forward
    mask: Mask | None = None
    if masks.iou(forward.mask, backward.mask) >= _ALIKE:
        mask = _blended(forward.mask, backward.mask, late)
    score = (1 - late) * forward.score + late * backward.score
    return replace(heavier, mask=mask or heavier.mask, score=score, outline=None)


def _blended(one: Mask, other: Mask, share: float) -> Mask | None:
    """The mask whose edge lies ``share`` of the way from one's to the other's."""
    x1, y1, x2, y2 = one.crop
    left, top, right, bottom = other.crop
    around = (min(x1, left), min(y1, top), max(x2, right), max(y2, bottom))
    box = masks.padded(around, fields.BAND, one.frame_width, one.frame_height)
    start, end = (
        fields.Field(
            box,
            fields.distances(masks.placed(mask.bitmap, mask.crop, box).astype(np.uint8), 1.0),
            mask.frame_width,
            mask.frame_height,
        )
        for mask in (one, other)
    )
    return fields.mask_of(fields.interpolated(start, end, share))
