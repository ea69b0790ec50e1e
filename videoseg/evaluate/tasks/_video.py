"""What tasks over sequences share: J and F of objects through a sequence, and how they jump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from videoseg.evaluate.metrics.boundary import Protocol, counted_frames, score_object
from videoseg.evaluate.metrics.stability import temporal_instability
from videoseg.evaluate.samples import VideoSample, VideoTarget
from videoseg.evaluate.tables import Figure, Picture, Row, mean
from videoseg.motion.flow import flow_between
from videoseg.types import Mask

FIGURES: tuple[Figure, ...] = (
    mean("J&F", "j&f"),
    mean("J", "j"),
    mean("F", "f"),
    mean("J recall", "j recall"),
    mean("J decay", "j decay", higher_is_better=False),
    mean("instability, px", "instability", higher_is_better=False),
    mean("beyond the truth's", "instability excess", higher_is_better=False),
)


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """What was answered about one object through a sequence.

    Attributes:
        question: Unique in the sequence.
        label: What was asked, in words.
        target: The object that was meant.
        predicted: Frame index to mask; a frame that is missing was answered with nothing.
    """

    question: str
    label: str
    target: VideoTarget
    predicted: Mapping[int, Mask | None]


def object_rows(sample: VideoSample, followed: Sequence[Followed], protocol: Protocol) -> list[Row]:
    """One row per object; its picture is the worst frame that counts.

    Raises:
        SourceError: A picture or mask of the sequence is broken.
    """
    jumps = _instability(sample, followed, protocol)
    return [
        _object_row(sample, one, protocol, jump) for one, jump in zip(followed, jumps, strict=True)
    ]


def _object_row(
    sample: VideoSample, one: Followed, protocol: Protocol, jump: Mapping[str, float]
) -> Row:
    scored = [index for index in sample.scored if index >= one.target.first]
    truth = [one.target.mask(index) for index in scored]
    answered = [one.predicted.get(index) for index in scored]
    score = score_object(answered, truth, protocol=protocol)
    worst = counted_frames(len(truth), protocol)[int(np.argmin(score.j_frames))]
    values = {
        "j": score.j.mean,
        "f": score.f.mean,
        "j&f": score.j_and_f,
        "j recall": score.j.recall,
        "j decay": score.j.decay,
        **jump,
    }
    picture = Picture(scored[worst], truth[worst], answered[worst])
    return Row(sample.key, one.question, one.label, ("all", sample.key), values, picture)


def _instability(
    sample: VideoSample, followed: Sequence[Followed], protocol: Protocol
) -> list[dict[str, float]]:
    """For each object how far its outline jumps from frame to frame, mean pixels.

    Pair by pair, so that no more than two pictures are held. Not where frames lack truth.
    """
    if sample.annotated is not None:
        return [{} for _ in followed]
    counted = counted_frames(len(sample.pictures), protocol)
    jumps: list[list[tuple[float, float]]] = [[] for _ in followed]
    for before, after in pairwise(sample.frames()) if followed else ():
        if before.index not in counted or after.index not in counted:
            continue
        full = max(before.width, before.height)
        flows = [flow_between(before.image, after.image, long_side=full)]
        pair = (before.index, after.index)
        for one, found in zip(followed, jumps, strict=True):
            predicted = [one.predicted.get(index) for index in pair]
            truth = [one.target.mask(index) for index in pair]
            measured = temporal_instability(predicted, truth, flows)
            found.append((float(measured.predicted[0]), float(measured.truth[0])))
    means = [np.asarray(found).mean(axis=0).tolist() if found else None for found in jumps]
    return [
        {"instability": both[0], "instability excess": both[0] - both[1]} if both else {}
        for both in means
    ]
