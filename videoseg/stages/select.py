"""Picks the stage that drives a model over the frames of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from videoseg.protocols import (
    FrameSource,
    KeepsMissed,
    Keyframed,
    RemoteSegmenter,
    Segmenter,
    Stage,
)
from videoseg.stages.backwards import Backwards, Watch, unwatched
from videoseg.stages.batched import Batched, Load
from videoseg.stages.checked import Check, unchecked
from videoseg.stages.concurrent import Concurrent, most_ahead
from videoseg.stages.every_nth import batch_within, every_nth
from videoseg.stages.joined import Joined
from videoseg.stages.keyframed import Keyframes
from videoseg.stages.known_answers import KnownAnswers
from videoseg.stages.propagated import Propagated
from videoseg.types import Prompt


def stage_for(
    model: Segmenter,
    prompts: Sequence[Prompt],
    *,
    batch: int,
    every: int,
    first: int,
    load: Load,
    again: Callable[[], AbstractContextManager[FrameSource]] | None = None,
    one_by_one: bool = False,
    known: KnownAnswers | None = None,
    check: Check = unchecked,
    folder: Path | None = None,
    watch: Watch = unwatched,
) -> Stage:
    """The stage for some prompts: what was marked on a frame is carried from there.

    Args:
        model: The model.
        prompts: What is asked.
        batch: Frames per call of the model, where each frame is asked for itself; 0 = what fits.
        every: Distance between frames that are asked, in frames.
        first: Index of the first frame, from which those are counted.
        load: Filled in on the way with how the model is kept busy, where frames go in batches.
        again: Opens the input a second time, to follow marks backwards; None = forward alone.
        one_by_one: Whether a frame is answered before the next is taken; ``batch`` and ``every``
            are 1 then.
        known: Answers of an earlier run with fewer cues, which are not asked again.
        check: Called where the stage itself waits: on the way back from a mark, or for a service.
        folder: Where what is found ahead of its turn waits; None = where such files are kept.
        watch: Told of every frame on the way back from a mark.
    """
    marked = _marked(prompts)
    numbers = range(len(prompts)) if known is None else known.asked_everywhere()
    asked = [prompts[number] for number in numbers]
    stage: Stage = Batched(
        model,
        asked,
        batch_within(batch, every),
        load,
        ahead=0 if one_by_one else 1,
        alone=first,
    )
    if marked:
        way = (every, first, marked, check, folder, watch)
        backwards = None if again is None else Backwards(again, *way)
        stage = Propagated(model, prompts, backwards, known)
    elif known is not None:
        stage = Joined(stage, tuple(numbers), known)
    elif (paced := _paced(model, prompts, every, check, one_by_one=one_by_one)) is not None:
        stage = paced
    return every_nth(stage, every, first=first, also=marked)


def _paced(
    model: Segmenter, prompts: Sequence[Prompt], every: int, check: Check, *, one_by_one: bool
) -> Stage | None:
    """The stage for a model that is slow or elsewhere; None for others."""
    if isinstance(model, Keyframed) and model.keyframe_every > 1:
        patience = model.keyframe_patience if isinstance(model, KeepsMissed) else 0
        return Keyframes(model, prompts, model.keyframe_every, patience)
    if isinstance(model, RemoteSegmenter):
        ahead = 1 if one_by_one else most_ahead(model.concurrency, every)
        return Concurrent(model, prompts, ahead, check)
    return None


def _marked(prompts: Sequence[Prompt]) -> frozenset[int]:
    """Frames on which something is marked that is carried from there."""
    return frozenset(cue.frame for each in prompts for cue in each.cues if cue.frame is not None)
