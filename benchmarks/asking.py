"""One phrase asked of a model on one picture, as the benchmarks of phrases do."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from videoseg.errors import UnknownPhraseError
from videoseg.models.embedded import Embedded
from videoseg.types import Detections, Frame, Prompt, RgbImage


def ask(model: Embedded, image: RgbImage, phrase: str) -> Detections | None:
    """The model's answer on uint8 (H, W, 3), or None where it refuses the phrase."""
    prompts = (Prompt(phrase, text=phrase),)
    try:
        model.prepare(prompts)
    except UnknownPhraseError:
        return None
    frame = Frame("benchmark", 0, 0, Fraction(1, 25), np.ascontiguousarray(image))
    return model.segment([frame], [prompts])[0]
