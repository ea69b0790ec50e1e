"""What tasks over sequences share: J and F of objects through a sequence."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from videoseg.evaluate.metrics.boundary import Protocol, counted_frames, score_object
from videoseg.evaluate.samples import VideoSample, VideoTarget
from videoseg.evaluate.tables import Figure, Picture, Row, mean
from videoseg.types import Mask

FIGURES: tuple[Figure, ...] = (
    mean("J&F", "j&f"),
    mean("J", "j"),
    mean("F", "f"),
    mean("J recall", "j recall"),
    mean("J decay", "j decay", higher_is_better=False),
)


def object_row(
    sample: VideoSample,
    target: VideoTarget,
    predicted: Mapping[int, Mask | None],
    protocol: Protocol,
) -> Row:
    """The row of one object through one sequence; its picture is the worst frame that counts.

    Args:
        sample: The sequence.
        target: The object.
        predicted: Frame index to mask; a frame that is missing was answered with nothing.
        protocol: Which frames count.
    """
    truth = [target.mask(index) for index in range(len(sample.pictures))]
    answered = [predicted.get(index) for index in range(len(truth))]
    score = score_object(answered, truth, protocol=protocol)
    worst = counted_frames(len(truth), protocol)[int(np.argmin(score.j_frames))]
    values = {
        "j": score.j.mean,
        "f": score.f.mean,
        "j&f": score.j_and_f,
        "j recall": score.j.recall,
        "j decay": score.j.decay,
    }
    picture = Picture(worst, truth[worst], answered[worst])
    return Row(sample.key, target.key, target.name, ("all", sample.key), values, picture)
