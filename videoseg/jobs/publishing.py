"""Writes everything that a run makes into a folder, and puts it into its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from videoseg import pipeline
from videoseg.errors import UsageError
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.outputs import exporters_of, writers_of
from videoseg.pipeline import Tally
from videoseg.runlog.findings import Finding
from videoseg.runlog.log import RunLog
from videoseg.runlog.manifest import Counts, Ended, Manifest, StageTime
from videoseg.runlog.plan import Plan, made_with
from videoseg.runlog.reader import read_run
from videoseg.runlog.review import Limits, Reviewer
from videoseg.runlog.staging import Staging
from videoseg.runlog.summary import Summary
from videoseg.types import Frame, Scene


@dataclass(frozen=True, slots=True, eq=False)
class Publisher:
    """Where a run writes, and what its manifest says of it.

    Attributes:
        parts: The run.
        staging: Its folder until all is complete.
        plan: Its plan.
        on_frame: Called after each frame.
    """

    parts: Assembly
    staging: Staging
    plan: Plan
    on_frame: Callable[[Tally], None]

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
        tally = write_outputs(parts, folder, steps, log, self.on_frame, reviewer)
        tracks = tuple(len(ids) for ids in tally.tracks)
        counts = Counts(tally.frames, tracks, tuple(tally.instances), *parts.input.lost)
        end = ended()
        if not tally.frames and parts.range.start and end.stopped is None:
            raise UsageError(f"{run.start} is after the last frame")
        review = reviewer.finish([each.prompt for each in end.refused])
        end = dataclasses.replace(end, review=review, review_left_out=reviewer.left_out)
        export_outputs(parts, folder, review, made_with(self.plan.to_json()))
        stages = {
            name: StageTime(seconds, tally.frames) for name, seconds in parts.clock.seconds.items()
        }
        earlier = self.staging.earlier()
        manifest = Manifest(self.plan, stages, counts, parts.produces, end, earlier)
        manifest.write(folder)
        self.staging.publish()
        done = Summary.of(self.staging.out, parts.questions.prompts, manifest.to_json(), known)
        return dataclasses.replace(done, idle=parts.load.idle)


def write_outputs(
    parts: Assembly,
    folder: Path,
    steps: Generator[pipeline.Step, None, None],
    log: RunLog,
    on_frame: Callable[[Tally], None] = lambda _: None,
    reviewer: Reviewer | None = None,
) -> Tally:
    """Write the outputs that are written frame by frame, and the log into ``run``."""

    def drawn() -> Iterator[tuple[Scene, Frame]]:
        for step in steps:
            if reviewer is not None:
                with parts.clock.measure("review"):
                    reviewer.add(step.scene)
            yield step.scene, step.frame

    if parts.edges is not None:
        parts.edges.start()
    with closing(steps):
        return pipeline.write(
            drawn(),
            streams=parts.input.streams,
            prompts=parts.questions.prompts,
            writers=writers_of(parts.outputs),
            soften=None if parts.edges is None else parts.edges.softened,
            log=log,
            folder=folder,
            clock=parts.clock,
            on_step=on_frame,
        )


def export_outputs(
    parts: Assembly,
    folder: Path,
    review: Sequence[Finding] = (),
    maker: Mapping[str, str] | None = None,
) -> None:
    """Write the outputs that need the whole run into its folder."""
    run = read_run(folder / "run", review, maker)
    pipeline.export(run, exporters_of(parts.outputs), folder, parts.clock)
