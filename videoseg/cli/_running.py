"""Runs the tasks of one command line with progress shown, and turns their ends into a code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from videoseg.cli import _report
from videoseg.cli._exit_codes import FAILED, PARTLY
from videoseg.cli._logging import speaks_json, write_event
from videoseg.cli._progress import Mode, Progress
from videoseg.cli._terminal import remark, tell

if TYPE_CHECKING:
    from videoseg.cli.options.cluster import ClusterOptions
    from videoseg.jobs.batch import OnFrame, Outcome, Task, Watch
    from videoseg.jobs.job import Job
    from videoseg.jobs.workers import News


class EndedByInterruptError(Exception):
    """Ctrl-C ended a run as it is meant to, and what became of it has been said."""


def run_one(task: Task, jobs: int, spread: ClusterOptions, mode: Mode, *, quiet: bool) -> Outcome:
    """Do one task, with up to so many processes of this machine; what is wrong is raised."""
    from videoseg.jobs.batch import attempt
    from videoseg.jobs.range_workers import crew_of

    processes = spread.processes(jobs)
    crew = crew_of(processes, spread.gpus_per_worker) if spread.gpus_per_worker else None
    outcome = attempt(task, _watched(mode), jobs=processes, crew=crew)
    if not quiet:
        _report.print_outcome(outcome)
    return outcome


def run_several(
    tasks: Sequence[Task], jobs: int, spread: ClusterOptions, mode: Mode, *, quiet: bool
) -> list[Outcome]:
    """Do all tasks, say each one's end as it comes, and sum up in a table, also when interrupted.

    Outcomes are in the order of the tasks.
    """
    from videoseg.jobs.batch import one_by_one

    outcomes: list[Outcome] = []
    jobs = min(spread.processes(jobs), len(tasks))
    alone = jobs == 1 and not spread.is_remote and not spread.gpus_per_worker
    ends = one_by_one(tasks, _watched(mode)) if alone else _at_once(tasks, jobs, spread, mode)
    places = {task.out: number for number, task in enumerate(tasks)}
    try:
        with closing(ends):
            for outcome in ends:
                outcomes.append(outcome)
                if outcome.state == "failed":
                    _print_failure(outcome)
                elif not quiet and speaks_json():
                    write_event("summary", **_report.as_json(outcome))
    finally:
        outcomes.sort(key=lambda outcome: places[outcome.task.out])
        if not quiet and outcomes and not speaks_json():
            _report.print_table(outcomes, len(tasks))
    return outcomes


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """0 where nothing failed, 1 where everything did, else 3.

    That is also the code where a limit ended a run, or a phrase was not looked for.
    """
    failed = _report.tally(outcomes)["failed"]
    if not failed:
        return PARTLY if any(map(_is_partial, outcomes)) else 0
    return FAILED if failed == len(outcomes) else PARTLY


def _is_partial(outcome: Outcome) -> bool:
    summary = outcome.summary
    return summary is not None and bool(summary.stopped or summary.refused)


def _print_failure(outcome: Outcome) -> None:
    if speaks_json():
        write_event("error", input=outcome.task.location, message=outcome.reason)
        return
    named = outcome.reason.startswith(outcome.task.location)
    where = "" if named else f"{outcome.task.location}: "
    tell(f"videoseg: {where}{outcome.reason}", err=True)


def _watched(mode: Mode) -> Watch:
    @contextmanager
    def watch(job: Job) -> Iterator[OnFrame]:
        with Progress(job.frame_count, job.clock, quiet=mode is Mode.NONE, mode=mode) as progress:
            yield progress.show

    return watch


def _spread(
    tasks: Sequence[Task], jobs: int, spread: ClusterOptions, on_news: Callable[[News], None]
) -> Generator[Outcome, None, None]:
    """Outcomes of tasks on a cluster, or in processes of this machine."""
    if spread.cluster is not None:
        from videoseg.jobs.cluster import Cluster, on_cluster

        cluster = Cluster(spread.cluster, spread.workers, spread.gpus_per_worker)
        return on_cluster(tasks, cluster, on_news)
    from videoseg.jobs.workers import at_once

    return at_once(tasks, jobs, on_news, spread.gpus_per_worker)


def _at_once(
    tasks: Sequence[Task], jobs: int, spread: ClusterOptions, mode: Mode
) -> Generator[Outcome, None, None]:
    """Run in processes, here or elsewhere; one bar counts inputs and says how far they are."""
    from tqdm import tqdm

    running: dict[str, str] = {}
    hidden = mode is not Mode.AUTO or not sys.stderr.isatty()
    with tqdm(total=len(tasks), unit=" input", disable=hidden, dynamic_ncols=True) as bar:

        def on_news(news: News) -> None:
            if mode is Mode.JSON:
                write_event(
                    "progress", input=news.task.location, frames=news.frames, total=news.total
                )
            far = f"{news.frames / news.total:.0%}" if news.total else f"{news.frames} frames"
            running[news.task.location] = f"{os.path.basename(news.task.location)} {far}"
            remark(bar, ", ".join(running.values()))

        with closing(_spread(tasks, jobs, spread, on_news)) as ends:
            for outcome in ends:
                running.pop(outcome.task.location, None)
                remark(bar, ", ".join(running.values()), refresh=False)
                bar.update()
                yield outcome
