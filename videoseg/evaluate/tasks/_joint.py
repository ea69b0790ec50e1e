"""Answers about all objects of a sequence taken as one, as Ref-DAVIS17 is scored.

Published results come of ``davis2017-evaluation``'s task without first masks, once for each
annotator, whose expressions refer to every object once: a pixel belongs to the one expression whose
answer is surest there, and what is left of the answers is paired with the objects so that the sum
of J&F is highest. The mean is over objects, then over annotators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from videoseg.evaluate.answers import Answer
from videoseg.evaluate.metrics.boundary import score_object
from videoseg.evaluate.samples import VideoSample
from videoseg.evaluate.tasks._video import Followed
from videoseg.geometry import masks
from videoseg.types import Mask

NOBODY = -1


def scored_together(
    sample: VideoSample, said: Sequence[Followed], given: Mapping[str, Sequence[Answer]]
) -> list[Followed]:
    """What one annotator's expressions were answered with, a pixel to one of them, paired anew.

    Args:
        sample: The sequence.
        said: The expressions, at most one for an object.
        given: The answers to each, by question.
    """
    frames: dict[int, list[Answer]] = {}
    for one in said:
        for answer in given[one.question]:
            frames.setdefault(answer.frame, []).append(answer)
    won = {index: _surest(answers) for index, answers in frames.items()}
    parted = [{index: found.get(one.question) for index, found in won.items()} for one in said]
    order = _pairing(sample, said, parted)
    return [replace(one, predicted=parted[chosen]) for one, chosen in zip(said, order, strict=True)]


def _surest(answers: Iterable[Answer]) -> dict[str, Mask | None]:
    """What is left of each answer on one frame; of equally sure ones the first has the pixel."""
    known = list(answers)
    found = [(n, one) for n, answer in enumerate(known) for one in answer.found]
    if not found:
        return {}
    size = found[0][1].mask.frame_height, found[0][1].mask.frame_width
    best, owner = np.full(size, -np.inf), np.full(size, NOBODY)
    for n, one in found:
        wins = masks.to_bitmap(one.mask) & (one.score > best)
        best[wins], owner[wins] = one.score, n
    return {answer.question: masks.from_bitmap(owner == n) for n, answer in enumerate(known)}


def _pairing(
    sample: VideoSample, said: Sequence[Followed], parted: Sequence[Mapping[int, Mask | None]]
) -> list[int]:
    """For each object which answer counts for it."""
    from scipy.optimize import linear_sum_assignment

    if len(said) < 2:
        return list(range(len(said)))
    score = np.zeros((len(said), len(parted)))
    for row, one in enumerate(said):
        truth = [one.target.mask(index) for index in sample.scored]
        for column, predicted in enumerate(parted):
            answered = [predicted.get(index) for index in sample.scored]
            score[row, column] = score_object(answered, truth, protocol="unsupervised").j_and_f
    _, columns = linear_sum_assignment(-score)
    return [int(column) for column in columns]
