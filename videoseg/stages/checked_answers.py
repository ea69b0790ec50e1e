"""What a model answers, checked before anything is made of it: models come from anybody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from videoseg.errors import ModelError, shown
from videoseg.protocols import Segmenter
from videoseg.types import Detections, Frame, Instance, Prompt


def sound(
    model: Segmenter,
    frames: Sequence[Frame],
    prompts: Sequence[Sequence[Prompt]],
    answers: object,
) -> tuple[Detections, ...]:
    """The answers of a model to ``prompts[i]`` on ``frames[i]``, one for each frame, in order.

    Raises:
        ModelError: They are of another type, number, order, prompt or size.
    """
    name = model.card.name
    found = tuple(answers) if isinstance(answers, Iterable) else (answers,)
    for answer in found:
        if not isinstance(answer, Detections):
            raise ModelError(
                f"model {name!r} must answer Detections for each frame, got {shown(answer)}"
            )
    asked = [(frame.stream, frame.index) for frame in frames]
    given = [(answer.stream, answer.index) for answer in found]
    if asked != given:
        raise ModelError(
            f"model {name!r} was asked about the frames {asked} and answered {shown(given)}"
        )
    for frame, questions, answer in zip(frames, prompts, found, strict=True):
        fault = _fault(frame, len(questions), answer)
        if fault is not None:
            raise ModelError(f"model {name!r}, frame {frame.index} of {frame.stream!r}: {fault}")
    return found


def _fault(frame: Frame, count: int, answer: Detections) -> str | None:
    """What is wrong with one answer, in a clause."""
    if len(answer.presence) not in (0, count):
        return f"presence has {len(answer.presence)} values for {count} prompts"
    for one in answer.instances:
        if not isinstance(one, Instance):
            return f"instances must be of the type Instance, got {shown(one)}"
        if not 0 <= one.prompt < count:
            return f"an instance answers prompt {one.prompt}, but {count} were asked (from 0)"
        size = one.mask.frame_width, one.mask.frame_height
        if size != (frame.width, frame.height):
            return (
                f"a mask is of a frame of {size[0]} x {size[1]}, but the frame is {frame.width} x "
                f"{frame.height}"
            )
    return None
