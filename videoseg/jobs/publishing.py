"""Writes everything that a run makes into a folder, and puts it into its place."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from videoseg import pipeline
from videoseg.errors import UsageError
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.carried_edits import CarriedEdits
from videoseg.jobs.outputs import along_of, exporters_of, writers_of
from videoseg.pipeline import Tally
from videoseg.runlog.edited import Edited
from videoseg.runlog.log import RunLog
from videoseg.runlog.manifest import Counts, Ended, Manifest, StageTime
from videoseg.runlog.plan import Plan, made_with
from videoseg.runlog.reader import RunFolder, read_run
from videoseg.runlog.review import Limits, Reviewer
from videoseg.runlog.staging import Staging
from videoseg.runlog.summary import Summary
from videoseg.system.threads import Stopwatch
from videoseg.types import Scene

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Watch:
    """Who looks on at a run; what is raised there ends it.

    Attributes:
        on_frame: Called after each frame, and in between wherever the run can end.
        tally: What was found so far.
    """

    on_frame: Callable[[Tally], None]
    tally: Tally

    @classmethod
    def of(cls, parts: Assembly, on_frame: Callable[[Tally], None]) -> Watch:
        """A watch over a run that begins."""
        return cls(on_frame, Tally.of(parts.questions.prompts))

    def step(self, tally: Tally) -> None:
        """A frame is done."""
        self.tally = tally
        self.on_frame(tally)

    def check(self) -> None:
        """Nothing new is done, but the run can end here."""
        self.on_frame(self.tally)


@dataclass(frozen=True, slots=True, eq=False)
class Publisher:
    """Where a run writes, and what its manifest says of it.

    Attributes:
        parts: The run.
        staging: Its folder until all is complete.
        plan: Its plan.
        watch: Who looks on.
        edits: Corrections of an earlier run that are taken over.
    """

    parts: Assembly
    staging: Staging
    plan: Plan
    watch: Watch
    edits: CarriedEdits | None = None

    def publish(
        self,
        steps: Generator[pipeline.Step, None, None],
        log: RunLog,
        ended: Callable[[], Ended],
        known: int = 0,
    ) -> Summary:
        """Write everything and put it into place.

        Args:
            steps: Every frame with what became of it.
            log: The run's log.
            ended: Says how the run ended; asked after the last frame.
            known: Frames whose answers an earlier run has left.

        Raises:
            UsageError: There is not one frame.
        """
        parts, run = self.parts, self.parts.config.run
        limits = Limits(run.review_gap, run.review_shrink, run.review_jump, run.review_score)
        reviewer = Reviewer(parts.questions.prompts, limits)
        folder = self.staging.folder
        edit = None if self.edits is None else self.edits.edited(parts.config.outlines)
        shown = _Shown(edit, reviewer, parts.clock)
        tally = write_outputs(parts, folder, steps, log, self.watch.step, shown)
        tracks = tuple(len(ids) for ids in tally.tracks)
        counts = Counts(tally.frames, tracks, tuple(tally.instances), *parts.input.lost)
        end = ended()
        if not tally.frames and parts.range.start and end.stopped is None:
            raise UsageError(f"{run.start} is after the last frame")
        review = reviewer.finish([each.prompt for each in end.refused])
        end = dataclasses.replace(end, review=review, review_left_out=reviewer.left_out)
        made_by = made_with(self.plan.to_json())
        finished = read_run(folder / "run", review, made_by, edit, check=self.watch.check)
        export_outputs(parts, folder, finished)
        stages = {
            name: StageTime(seconds, tally.frames) for name, seconds in parts.clock.seconds.items()
        }
        made, edited = self._with_edits(folder)
        earlier = self.staging.earlier()
        manifest = Manifest(self.plan, stages, counts, made, end, earlier, edited)
        manifest.write(folder)
        self.staging.publish()
        done = Summary.of(self.staging.out, parts.questions.prompts, manifest.to_json(), known)
        return dataclasses.replace(done, idle=parts.load.idle)

    def _with_edits(self, folder: Path) -> tuple[Sequence[str], Mapping[str, int]]:
        """Write the edits; give what is made then, and which edits are in each output."""
        made = self.parts.produces
        if self.edits is None or not self.edits.names:
            return made, {}
        for note in self.edits.notes():
            _log.warning(note)
        self.edits.write(folder, self.plan)
        shown = dict.fromkeys(self.parts.outputs, self.edits.log.generation)
        return (*made, *self.edits.names), shown


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is written of each Scene; on the way it is looked at.

    Attributes:
        edit: What was corrected, or None.
        reviewer: Looks for what should be looked at again, or None.
        clock: Measures it.
    """

    edit: Edited | None
    reviewer: Reviewer
    clock: Stopwatch

    def __call__(self, scene: Scene) -> Scene:
        shown = scene
        if self.edit is not None:
            with self.clock.measure("edit"):
                shown = self.edit(scene)
        with self.clock.measure("review"):
            self.reviewer.add(shown.without_hidden())
        return shown


def write_outputs(
    parts: Assembly,
    folder: Path,
    steps: Generator[pipeline.Step, None, None],
    log: RunLog,
    on_frame: Callable[[Tally], None] = lambda _: None,
    edit: Callable[[Scene], Scene] = lambda scene: scene,
) -> Tally:
    """Write the outputs that need no finished run, and the log into ``run``."""
    if parts.edges is not None:
        parts.edges.start()
    with closing(steps):
        return pipeline.write(
            ((step.scene, step.frame) for step in steps),
            streams=parts.input.streams,
            prompts=parts.questions.prompts,
            writers=writers_of(parts.outputs),
            along=along_of(parts.outputs),
            soften=None if parts.edges is None else parts.edges.softened,
            edit=edit,
            log=log,
            folder=folder,
            clock=parts.clock,
            on_step=on_frame,
        )


def export_outputs(parts: Assembly, folder: Path, run: RunFolder) -> None:
    """Write the outputs that need the whole run into its folder."""
    along = along_of(parts.outputs)
    left = {name: part for name, part in exporters_of(parts.outputs).items() if name not in along}
    pipeline.export(run, left, folder, parts.clock)
