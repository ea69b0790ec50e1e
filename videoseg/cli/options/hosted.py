"""What verbs share about models that are services: consent, limits, and what was used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from videoseg.cli._terminal import ask, tell
from videoseg.errors import UsageError
from videoseg.system.addresses import is_address

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.runlog.summary import Summary
    from videoseg.types import Prompt
    from videoseg.types.usage import Usage

STOPPED = 3
"""Exit code of a run that a limit ended."""

Yes: TypeAlias = Annotated[
    bool, typer.Option("--yes", help="Allow sending frames to the model's service without asking.")
]


@dataclass(frozen=True)
class ServiceOptions:
    """What a service may be sent, and what it may cost."""

    yes: Yes = False
    max_cost: Annotated[
        float | None,
        typer.Option(
            metavar="DOLLARS", help="Stop before a service costs more; keep what is done.", min=0
        ),
    ] = None
    max_calls: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Stop after N calls to a service; keep what is done.", min=1
        ),
    ] = None

    def limited(self, config: RunConfig, *, jobs: int = 1) -> RunConfig:
        """Settings with these limits for the model that they name.

        Raises:
            UsageError: The model is no service, or several processes would each have the limit.
        """
        limits = {"max_cost": self.max_cost, "max_calls": self.max_calls}
        given = {name: value for name, value in limits.items() if value}
        if given and not _has(config, "max_cost", "max_calls"):
            raise UsageError(
                f"--max-cost and --max-calls are for services; {config.run.model} is not one"
            )
        if given and jobs > 1:
            raise UsageError("--max-cost and --max-calls apply to one process; leave out --jobs")
        return _with(config, given)


def without_cache(config: RunConfig) -> RunConfig:
    """Settings under which a service is asked afresh."""
    from videoseg.models._hosted.cache import OFF

    return _with(config, {"cache": OFF}) if _has(config, "cache", "max_calls") else config


def _has(config: RunConfig, *names: str) -> bool:
    """Whether the model has all of these settings."""
    from videoseg import registry
    from videoseg.settings import settings_of

    known = {each.name for each in settings_of(registry.find("models", config.run.model).cls)}
    return known.issuperset(names)


def _with(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """Settings with some of the model's changed."""
    from dataclasses import replace

    models = dict(config.tables.get("models", {}))
    models[config.run.model] = {**models.get(config.run.model, {}), **given}
    return replace(config, tables={**config.tables, "models": models})


def ask_consent(
    config: RunConfig, what: str, frames: Callable[[], int | None], *, yes: bool
) -> None:
    """Have the user agree before any frame leaves this machine.

    Args:
        config: Names the model.
        what: Whose frames.
        frames: Says how many there are at most, None where that is not known; called only where
            there is something to ask.
        yes: Whether the user has agreed already.

    Raises:
        UsageError: They do not agree, or there is nobody to ask.
    """
    from videoseg.protocols import destinations_of

    found = destinations_of(config.part("models", config.run.model))
    if not found or yes:
        return
    places = {
        each.host if each.key is None else f"{each.host} with the key {each.key}": None
        for each in found
    }
    most = frames()
    count = "all frames" if most is None else "1 frame" if most == 1 else f"up to {most:,} frames"
    sent = f"{count} of {what} to {' and to '.join(places)}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"the model sends {sent}; --yes allows it")
    if not ask(f"Send {sent}?"):
        raise UsageError("nothing was sent")


def frames_of(
    locations: Sequence[str], prompts: Sequence[Prompt], config: RunConfig
) -> Callable[[], int | None]:
    """How many frames of some inputs a run would be about; for ``ask_consent``.

    What can be opened only once is not opened for that, and a mistake is left to the run.
    """

    def count() -> int | None:
        from videoseg.errors import VideosegError
        from videoseg.jobs.job import Job

        frames = 0
        for location in locations:
            if location == "-" or is_address(location):
                return None
            try:
                with Job(location, prompts, config) as job:
                    found = job.frame_count
            except VideosegError:
                return None
            if found is None:
                return None
            frames += found
        return frames

    return count


def end_if_stopped(summary: Summary | None) -> None:
    """Say that a limit ended a run, if one did, and end with the exit code for it."""
    if summary is not None and summary.stopped is not None:
        frames = "1 frame" if summary.frames == 1 else f"{summary.frames} frames"
        tell(f"videoseg: stopped after {frames}: {summary.stopped}", err=True)
        raise typer.Exit(STOPPED)


def usage_lines(usage: Usage, frames: int) -> list[str]:
    """What a service was used for, and what a thousand frames would take."""
    earlier = f", {usage.cached} answers from earlier" if usage.cached else ""
    repeated = f", {usage.repeated} of them repeated" if usage.repeated else ""
    mean = f"; {usage.seconds / usage.calls:.2f} s each" if usage.calls else ""
    lines = [f"service: {usage.calls} calls{repeated}{earlier}{mean}"]
    if usage.unreadable:
        lines.append(f"note: {usage.unreadable} answers could not be read and were left out")
    each = per_thousand(usage, frames)
    if each:
        shown = [f"{each['input_tokens']:,.0f} tokens in, {each['output_tokens']:,.0f} out"]
        shown += [f"{each['seconds']:,.0f} s of waiting"]
        shown += [f"${each['cost']:.2f}"] if "cost" in each else []
        lines.append(f"per 1,000 frames: {', '.join(shown)}")
    if usage.cost is not None:
        lines.append(f"cost: ${usage.cost:.4f} ({usage.priced})")
    return lines


def per_thousand(usage: Usage, frames: int) -> dict[str, float]:
    """Tokens, seconds of waiting, and cost for a thousand frames; empty without a frame."""
    if not frames:
        return {}
    scale = 1000 / frames
    found = {
        "input_tokens": usage.input_tokens * scale,
        "output_tokens": usage.output_tokens * scale,
        "seconds": usage.seconds * scale,
    }
    return found if usage.cost is None else {**found, "cost": usage.cost * scale}
