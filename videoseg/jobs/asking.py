"""How the model of a run is asked: over its frames, on some frames alone, from marks on."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from videoseg.jobs.assembly import Assembly
from videoseg.prompts import is_carried, prompt_on
from videoseg.protocols import Segmenter, Stage
from videoseg.stages.backwards import mark_notes
from videoseg.stages.batched import USUAL
from videoseg.stages.between_cues import cue_frames
from videoseg.stages.checked import Check, unchecked
from videoseg.stages.every_nth import batch_within
from videoseg.stages.known_answers import KnownAnswers
from videoseg.stages.known_phrases import known_only
from videoseg.stages.mask_cues import ask
from videoseg.stages.propagated import Propagated
from videoseg.stages.select import stage_for
from videoseg.stages.view import view_of
from videoseg.types import Detections, Frame

_log = logging.getLogger(__name__)


def load_model(parts: Assembly, log: Callable[[str], None] = _log.warning) -> None:
    """Load the model; ``log`` gets which prompts are not looked for, if any.

    Raises:
        UnknownPhraseError: The model can ground none of them.
    """
    parts.session.load(parts.questions.prompts, parts.clock, log)
    known = tuple(parts.known.values())
    parts.session.note(mark_notes(known, parts.range.start, goes_back=goes_back(parts)))


def run_stage(
    parts: Assembly,
    *,
    backwards: bool = True,
    one_by_one: bool = False,
    known: KnownAnswers | None = None,
    check: Check = unchecked,
    folder: Path | None = None,
) -> Stage:
    """What asks the model over the frames of the run; it is loaded already.

    Args:
        parts: The run.
        backwards: Whether marks may be followed back, where the settings and the input allow it.
        one_by_one: Whether each frame is answered before the next one is taken.
        known: Answers of an earlier run with fewer cues, which are not asked again.
        check: Called before each frame and each answer, and while an answer is waited for.
        folder: Where what is found ahead of its turn waits, on the disk of the outputs; None =
            where the system keeps such files.
    """
    run, asked = parts.config.run, parts.known
    stage = stage_for(
        _view(parts),
        tuple(asked.values()),
        batch=run.batch,
        every=run.every,
        first=parts.range.start,
        load=parts.load,
        again=parts.input.again if backwards and goes_back(parts) else None,
        one_by_one=one_by_one,
        known=known,
        check=check,
        folder=folder,
        watch=lambda done, total: parts.clock.on_ahead(done, total),
    )
    return known_only(stage, tuple(asked), len(parts.questions.prompts))


def batch_of(parts: Assembly) -> int | None:
    """Frames in a call of the model; None where one follows from the other."""
    run = parts.config.run
    marked = parts.questions.has_marked_frames
    return None if marked else batch_within(run.batch or USUAL, run.every)


def frames_back(parts: Assembly) -> int:
    """Frames that marks are followed back over before the first frame is answered."""
    if not goes_back(parts):
        return 0
    start, every = parts.range.start, parts.config.run.every
    marks = [cue_frames(prompt, start) for prompt in parts.known.values()]
    before = range(start, max((some[0] for some in marks if some), default=0), every)
    between = {pair for some in marks for pair in pairwise(some)}
    return len(before) + sum(len(range(a + 1, b, every)) for a, b in between)


def ask_alone(parts: Assembly, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
    """Ask about each frame for itself; a prompt with marks on the frames that they are made on."""
    model = _view(parts)
    for frame in frames:
        asked = {
            number: marked
            for number, prompt in parts.known.items()
            if (marked := prompt_on(prompt, frame.index)) is not None
        }
        yield frame, ask(model, frame, asked, len(parts.questions.prompts))


def carry_marks(parts: Assembly, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
    """Follow what prompts mark through some frames, in order; other prompts are not asked."""
    marked = {n: prompt for n, prompt in parts.known.items() if is_carried(prompt)}
    numbers = tuple(marked)
    for frame, found in Propagated(_view(parts), tuple(marked.values())).run(frames):
        instances = tuple(
            dataclasses.replace(one, prompt=numbers[one.prompt]) for one in found.instances
        )
        yield frame, Detections(frame.stream, frame.index, instances)


def _view(parts: Assembly) -> Segmenter:
    """The model as it sees frames."""
    return view_of(parts.session.model, parts.questions.bounds, parts.config.run.max_size)


def goes_back(parts: Assembly) -> bool:
    """Whether marks are followed backwards, too: where the input can be read again."""
    return parts.config.run.backwards and parts.input.is_rereadable
