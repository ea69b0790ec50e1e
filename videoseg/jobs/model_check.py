"""Asks a model about a picture whose answers are known, and compares them with its card's."""

from __future__ import annotations

from collections.abc import Sequence

from videoseg import registry
from videoseg.config.run_config import RunConfig
from videoseg.errors import ModelError
from videoseg.geometry import masks
from videoseg.jobs.inputs import open_source
from videoseg.prompts.known_picture import QUESTIONS
from videoseg.prompts.known_picture import known_picture as picture_path
from videoseg.protocols import Grounder, Segmenter
from videoseg.types import Detections, Figure, Frame, Grounding, ModelCard

_SCORE = 0.02
"""How far a score may be from the card's: devices and number formats round differently."""
_PIXELS = 6.0
"""How far a side of a box may be from the card's, pixels."""
_SHARE = 0.03
"""How much of its size a mask may have more or less than the card says."""


def known_picture(config: RunConfig) -> Frame:
    """The picture that models are checked with, 600 x 400.

    Raises:
        ModelError: It is not here.
        SourceError: It cannot be read.
    """
    path = picture_path()
    if not path.is_file():
        raise ModelError(f"the picture for checks is not here: {path}; install videoseg again")
    source, _ = open_source(path, config)
    try:
        return next(iter(source.frames()))
    finally:
        registry.release(source, "the picture")


def answers_of(model: Segmenter | Grounder, card: ModelCard, frame: Frame) -> tuple[Figure, ...]:
    """What a model answers to every question about the picture that it takes.

    Raises:
        MissingDependencyError: Weights or packages are missing.
        ModelError: It does not work here.
    """
    figures = []
    for question, prompt in QUESTIONS.items():
        if question not in card.kinds:
            continue
        model.prepare((prompt,))
        if isinstance(model, Grounder):
            (found,) = model.ground([frame], [(prompt,)])
            figures.append(_of_boxes(question, found))
        else:
            (answer,) = model.segment([frame], [(prompt,)])
            figures.append(_of_masks(question, answer))
    return tuple(figures)


def difference(found: Figure, expected: Figure) -> str:
    """What is other than a card says, in a few words; empty where nothing is."""
    if found.count != expected.count:
        return f"finds {found.count} objects, not {expected.count}"
    off = abs(found.score - expected.score)
    if off > _SCORE:
        return f"the score is {found.score:.3f}, not {expected.score:.3f}"
    far = max(abs(a - b) for a, b in zip(found.box, expected.box, strict=True))
    if far > _PIXELS:
        return f"the box is {far:.0f} pixels off"
    if abs(found.area - expected.area) > _SHARE * expected.area:
        return f"the mask has {found.area} pixels, not {expected.area}"
    return ""


def _of_masks(question: str, answer: Detections) -> Figure:
    ranked = sorted(answer.instances, key=lambda one: one.score)
    if not ranked:
        return Figure(question, 0)
    best = ranked[-1]
    x1, y1, x2, y2 = map(float, masks.bounding_box(best.mask))
    return Figure(
        question, len(ranked), round(best.score, 4), (x1, y1, x2, y2), masks.area(best.mask)
    )


def _of_boxes(question: str, found: Sequence[Grounding]) -> Figure:
    ranked = sorted(found, key=lambda one: one.score)
    if not ranked:
        return Figure(question, 0)
    x1, y1, x2, y2 = (round(value, 1) for value in ranked[-1].box)
    return Figure(question, len(ranked), round(ranked[-1].score, 4), (x1, y1, x2, y2))
