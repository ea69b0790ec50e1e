"""The dry run: what would be done, after every check that a run makes before it works."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from videoseg.api import Job
    from videoseg.batch import Task


def say_plans(tasks: Sequence[Task], *, several: bool, as_json: bool) -> None:
    """Say what each task would do; raises what would stop it."""
    from videoseg.api import Job

    plans = []
    for task in tasks:
        with Job(task.location, task.prompts, task.config) as job:
            plans.append(_plan(job, task))
        if not as_json:
            _say(plans[-1])
    if as_json:
        document = {"inputs": plans} if several else plans[0]
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _plan(job: Job, task: Task) -> dict[str, object]:
    return {
        "input": task.location,
        "streams": {
            name: f"{info.width} x {info.height}, {info.frame_count or 'unknown'} frames"
            for name, info in job.streams.items()
        },
        "prompts": [prompt.label for prompt in job.prompts],
        "model": job.card.name,
        "out": str(task.out),
        "outputs": list(job.produces()),
    }


def _say(plan: Mapping[str, object]) -> None:
    for key, value in plan.items():
        if isinstance(value, Mapping):
            value = "; ".join(f"{name}: {what}" for name, what in value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = ", ".join(map(str, value))
        typer.echo(f"{key:8} {value}", err=True)
