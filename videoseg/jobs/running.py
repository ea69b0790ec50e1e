"""Runs what was put together: with the model, with answers known before, or on trial."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeAlias

from videoseg import pipeline
from videoseg.jobs.asking import load_model, run_stage
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.carried_edits import CarriedEdits
from videoseg.jobs.earlier_answers import EarlierAnswers
from videoseg.jobs.earlier_tracks import Renumbered
from videoseg.jobs.model_session import ModelSession
from videoseg.jobs.outline_workers import OutlineWorkers
from videoseg.jobs.outputs import finished_run
from videoseg.jobs.publishing import Publisher, Watch, export_outputs, write_outputs
from videoseg.jobs.range_workers import RangeWorkers
from videoseg.jobs.ranges import (
    AskedRun,
    Crew,
    CrewFor,
    FromOneGo,
    FromRanges,
    Grid,
    can_share,
    why_here,
    why_serial,
)
from videoseg.jobs.several_found import SeveralFound
from videoseg.pipeline import Tally
from videoseg.protocols import Resumable, Stage, Tracker, TwoPassTracker
from videoseg.runlog.checkpoint import Notes
from videoseg.runlog.log import RunLog
from videoseg.runlog.lost_inputs import refuse_losing
from videoseg.runlog.manifest import Ended
from videoseg.runlog.plan import Plan
from videoseg.runlog.reader import RunFolder
from videoseg.runlog.staging import Staging, forget_leftover
from videoseg.runlog.summary import Summary
from videoseg.stages.budget import Budget
from videoseg.stages.checked import Check, Checked
from videoseg.stages.known_answers import KnownAnswers
from videoseg.stages.replayed import Replayed
from videoseg.tracking.region import Confined
from videoseg.types import Detections, Frame, Scene
from videoseg.types.usage import Usage

_log = logging.getLogger(__name__)


class KeptNotes(Protocol):
    """Keeps what a run notes for another machine to go on with."""

    def fetch(self, folder: Path) -> None:
        """Put what an earlier run has left into the folder of notes."""
        ...

    def keep(self, folder: Path) -> None:
        """Something was noted in the folder."""
        ...


OnAnswer: TypeAlias = Callable[[Frame, Detections | None], object]
"""Called with a frame and what the model answered about it."""
Steps: TypeAlias = Generator[pipeline.Step, None, None]
Answers: TypeAlias = Iterable[tuple[str, int, Detections | None]]
"""``stream, index, answer`` in the order of a run."""


def follow(
    parts: Assembly,
    stage: Stage,
    on_answer: OnAnswer = lambda _, __: None,
    frames: Iterable[Frame] | None = None,
    ahead: int = pipeline.FRAMES_AHEAD,
    edits: CarriedEdits | None = None,
    outline_workers: OutlineWorkers | None = None,
) -> Steps:
    """Every frame with what became of it; by default those of the run.

    ``ahead`` frames are decoded before they are asked for, as ``pipeline.follow`` says. With
    ``edits``, tracks have the ids that they had before. ``outline_workers`` make the outlines, or
    else this process does.
    """
    tracker: Tracker = Confined(parts.tracker, parts.questions.bounds)
    if edits is not None:
        tracker = Renumbered(tracker, edits.tracks)
    tracker.start(parts.input.streams, parts.questions.prompts)
    shown = parts.range.frames() if frames is None else frames
    vectorize: Callable[[Scene], Scene] = parts.config.outlines.vectorized
    at_once = None
    if outline_workers is not None:
        vectorize, at_once = outline_workers.vectorized, outline_workers.jobs
    return pipeline.follow(shown, stage, tracker, vectorize, parts.clock, on_answer, ahead, at_once)


def run(
    parts: Assembly,
    out: Path,
    plan: Plan,
    *,
    overwrite: bool,
    resume: bool,
    on_frame: Callable[[Tally], None],
    reads: Sequence[str],
    earlier: EarlierAnswers | None = None,
    edits: CarriedEdits | None = None,
    jobs: int = 1,
    crew: CrewFor | None = None,
    kept: KeptNotes | None = None,
) -> Summary:
    """Ask the model and write all outputs below ``out``, as ``Job.run`` says.

    ``crew`` answers frames elsewhere; ``kept`` keeps what was found so far in another place, too.
    """
    if resume and (done := finished_run(out, plan, overwrite=overwrite)) is not None:
        forget_leftover(out)
        return done
    _refuse_losing(parts, out, reads)
    staging = Staging(out, _pieces(parts, edits), overwrite, resume=resume)
    with staging, ExitStack() as ends:
        if edits is not None:
            edits.check_unchanged()
        before = parts.session.usage
        watch = Watch.of(parts, on_frame)
        by, folder = crew or jobs, staging.notes
        stage, reused = _loaded_stage(parts, plan, earlier, by, folder, ends, watch.check)
        notes = Notes(staging.notes, None if earlier is None else earlier.origin)
        memory = stage if isinstance(stage, Resumable) else None
        if kept is not None:
            kept.fetch(staging.notes)
        known, state = notes.left(plan, with_state=memory is not None)
        log = ends.enter_context(
            _run_log(parts, staging.folder, answers=notes.answers, known=known)
        )
        keep = _Keeping.of(parts, plan, log, notes, memory, kept)
        left = RunFolder(staging.folder / "run", notes.answers).detections()
        limited = Budget(Replayed(islice(left, known), stage, state))
        outline_workers = _outline_workers(parts, 1 if crew else jobs, ends)
        checked = Checked(limited, watch.check)
        steps = follow(parts, checked, keep, edits=edits, outline_workers=outline_workers)
        publisher = Publisher(parts, staging, plan, watch, edits)
        done = publisher.publish(steps, log, partial(_ended, parts, limited, before), known)
        if reused is None:
            return done
        return dataclasses.replace(done, known=max(known, done.frames - reused.frames))


@dataclass(frozen=True, slots=True)
class _Keeping:
    """Keeps each answer as it comes.

    Attributes:
        session: Has what there is to say about the prompts.
        plan: Of the run.
        log: Where answers are.
        notes: Where it is noted how far the log goes.
        memory: What the model keeps in mind, or None.
        several: Looks whether a phrase for one thing fits several.
        elsewhere: Keeps the notes in another place, too, or None.
    """

    session: ModelSession
    plan: Plan
    log: RunLog
    notes: Notes
    memory: Resumable | None
    several: SeveralFound
    elsewhere: KeptNotes | None

    @classmethod
    def of(
        cls,
        parts: Assembly,
        plan: Plan,
        log: RunLog,
        notes: Notes,
        memory: Resumable | None,
        elsewhere: KeptNotes | None,
    ) -> _Keeping:
        """For a run."""
        session = parts.session
        several = SeveralFound(parts.questions.prompts, hasattr(session.model, "pick"))
        return cls(session, plan, log, notes, memory, several, elsewhere)

    def __call__(self, frame: Frame, detections: Detections | None) -> None:
        """Keep the answer to a frame."""
        if detections is not None:
            self.session.note(self.several.look(detections))
        if self.log.append_answer(frame, detections):
            self.notes.note(self.plan, self.log.answers, self.memory)
            if self.elsewhere is not None:
                self.elsewhere.keep(self.notes.answers.parent)


def _ended(parts: Assembly, limited: Budget, before: Usage | None) -> Ended:
    """How a run ended that had spent so much before."""
    used = parts.session.usage
    said = (*parts.session.notes, *parts.input.notes)
    return Ended(limited.reached, used and used.since(before), said, parts.session.refused)


def _loaded_stage(
    parts: Assembly,
    plan: Plan,
    earlier: EarlierAnswers | None,
    by: CrewFor | int,
    folder: Path,
    ends: ExitStack,
    check: Check,
) -> tuple[Stage, KnownAnswers | None]:
    """What answers the frames, with its model loaded, and what it need not ask.

    A crew or so many processes do it, which ``ends`` lets go, where that makes no difference. What
    is found ahead of its turn waits in ``folder``.
    """
    stage = _answered_by(parts, by, ends) if earlier is None else None
    if stage is not None:
        return stage, None
    load_model(parts)
    reused = _reused(parts, plan, earlier)
    return run_stage(parts, known=reused, check=check, folder=folder), reused


def _answered_by(parts: Assembly, by: CrewFor | int, ends: ExitStack) -> Stage | None:
    """The answers of a crew, in ranges or in one go; None where this process should answer."""
    if isinstance(by, int):
        jobs = can_share(parts, by)
        crew: Crew | None = None if jobs == 1 else RangeWorkers(AskedRun.of(parts), jobs)
        in_one_go = False
    else:
        in_one_go = why_serial(parts) is not None
        elsewhere = why_here(parts) is None
        crew = by(AskedRun.of(parts, in_one_go=in_one_go)) if elsewhere else None
    if crew is None:
        return None
    ends.enter_context(crew)
    with parts.clock.measure("load model"):
        loaded = crew.loaded()
    parts.session.loaded_elsewhere(loaded.refused, loaded.notes)
    return FromOneGo(crew) if in_one_go else FromRanges(crew, Grid.of(parts))


def _outline_workers(parts: Assembly, jobs: int, ends: ExitStack) -> OutlineWorkers | None:
    """Processes that make outlines, which ``ends`` lets go; None where there is little to make.

    Polygons are made sooner than they are handed over and back.
    """
    ranges = Grid.of(parts).count()
    most = jobs if ranges is None else min(jobs, ranges)
    if most == 1 or not parts.config.outlines.curves:
        return None
    return ends.enter_context(OutlineWorkers(parts.config.outlines, most))


def _reused(parts: Assembly, plan: Plan, earlier: EarlierAnswers | None) -> KnownAnswers | None:
    """What need not be asked of a run whose model is loaded, since an earlier one has answered."""
    if earlier is None:
        return None
    why = earlier.prepare(parts, plan)
    if why is not None:
        _log.warning("all frames are asked anew: %s", why)
    return earlier.known


def replay(
    parts: Assembly,
    answers: Callable[[], Answers],
    out: Path,
    plan: Plan,
    *,
    overwrite: bool,
    on_frame: Callable[[Tally], None],
    end: Ended,
    edits: CarriedEdits | None = None,
) -> Summary:
    """Write all outputs below ``out`` from known answers, as ``Job.replay`` says."""
    watch = Watch.of(parts, on_frame)

    def known() -> Stage:
        return Checked(Replayed(answers(), whole=end.stopped is None), watch.check)

    def steps(on_answer: OnAnswer) -> Steps:
        if isinstance(parts.tracker, TwoPassTracker):
            with parts.clock.measure("study"):
                pairs = known().run(parts.range.frames())
                parts.tracker.study(parts.input.streams, pairs)
        return follow(parts, known(), on_answer, edits=edits)

    return run_once(
        parts,
        steps,
        out,
        plan,
        overwrite=overwrite,
        watch=watch,
        ended=lambda: end,
        edits=edits,
    )


def run_once(
    parts: Assembly,
    steps: Callable[[OnAnswer], Steps],
    out: Path,
    plan: Plan,
    *,
    overwrite: bool,
    watch: Watch,
    ended: Callable[[], Ended],
    reads: Sequence[str] = (),
    edits: CarriedEdits | None = None,
) -> Summary:
    """Write all outputs below ``out``; an interrupted run leaves nothing to go on with.

    Args:
        parts: The run.
        steps: Gives every frame with what became of it; its argument is to be called with each
            answer as soon as there is one.
        out: The output folder.
        plan: The run's plan.
        overwrite: Whether earlier results of the same names are replaced.
        watch: Who looks on.
        ended: Says how the run ended; asked after the last frame.
        reads: Files beside the input that must not be replaced.
        edits: Corrections of an earlier run that are taken over.
    """
    _refuse_losing(parts, out, reads)
    staging = Staging(out, _pieces(parts, edits), overwrite)
    with staging, ExitStack() as ends:
        if edits is not None:
            edits.check_unchanged()
        log = ends.enter_context(_run_log(parts, staging.folder))
        publisher = Publisher(parts, staging, plan, watch, edits)
        return publisher.publish(steps(log.append_answer), log, ended)


def try_out(parts: Assembly, folder: Path, frames: Iterable[Frame]) -> Tally:
    """Make everything of some frames, in order, in an empty folder; nothing is published."""
    with _run_log(parts, folder) as log:
        stage = run_stage(parts, backwards=False)
        steps = follow(parts, stage, log.append_answer, frames)
        tally = write_outputs(parts, folder, steps, log)
        export_outputs(parts, folder, RunFolder(folder / "run"))
        return tally


def _pieces(parts: Assembly, edits: CarriedEdits | None) -> tuple[str, ...]:
    """Names of what a run makes in its output folder."""
    return parts.produces if edits is None else (*parts.produces, *edits.names)


def _run_log(
    parts: Assembly, folder: Path, *, answers: Path | None = None, known: int = 0
) -> RunLog:
    """The log of a run in a folder; with ``known`` answers that an earlier one has left."""
    streams, prompts = parts.input.streams, parts.questions.prompts
    return RunLog(folder / "run", streams, prompts, answers=answers, known=known)


def _refuse_losing(parts: Assembly, out: Path, reads: Sequence[str] = ()) -> None:
    """Refuse to replace what is read."""
    read: list[str | Path] = [parts.input.location, *parts.questions.files, *reads]
    refuse_losing(read, out, parts.produces)
