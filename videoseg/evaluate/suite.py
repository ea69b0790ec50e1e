"""The whole table of one model with baselines beside it, over a folder of measuring data.

The folder holds ``images/coco_val`` (COCO-style), ``clicks/grabcut`` (GrabCut-style) and ``davis``
(DAVIS-style). What is not there, or what a model does not take, is left out with the reason.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from videoseg.errors import MissingDependencyError, PromptError
from videoseg.evaluate.candidates import Candidate, baseline
from videoseg.evaluate.datasets import open_data_set
from videoseg.evaluate.development_data import MARK
from videoseg.evaluate.harness import Result, evaluate
from videoseg.evaluate.report import as_json, json_text, tables, write_report, write_text
from videoseg.evaluate.tables import Entry
from videoseg.evaluate.tasks import Task, open_task

Settings = Mapping[str, Any]
_BOX = "baseline-box"
"""The baseline that answers with the box itself."""
_GRABCUT = "baseline-grabcut"
"""The baseline that runs OpenCV's GrabCut in a box."""
U2NET = "baseline-u2netp"
"""The baseline that runs the salience network u2netp."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A baseline in one line of the suite.

    Attributes:
        name: Of the baseline.
        called: What the table calls it.
        task: Settings of the task that differ for it.
    """

    name: str
    called: str
    task: Settings = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trial:
    """One task over one data set, and who is measured beside the model."""

    path: str
    layout: str
    task: str
    rivals: tuple[Rival, ...] = ()

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{Path(self.path).name}-{self.task}"


_CUT = Rival(_GRABCUT, "GrabCut of OpenCV")
_FROM_BOX = (
    Rival(_BOX, "the box as mask"),
    _CUT,
    Rival(U2NET, "U2-Net-P on the crop"),
)
TRIALS = (
    Trial("images/coco_val", "coco", "names"),
    Trial("images/coco_val", "coco", "boxes", _FROM_BOX),
    Trial("images/coco_val", "coco", "clicks"),
    Trial("clicks/grabcut", "grabcut", "boxes", _FROM_BOX),
    Trial("clicks/grabcut", "grabcut", "clicks"),
    Trial("clicks/grabcut", "grabcut", "scribbles", (_CUT,)),
    Trial(
        "davis",
        "davis",
        "carried",
        (
            Rival(_BOX, "the box repeated as mask", {"repeat": True}),
            Rival(_BOX, "the true first mask carried by flow alone", {"start": "mask"}),
        ),
    ),
    Trial("davis", "davis", "text-video"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One model or baseline in one trial: its result, or why there is none."""

    trial: Trial
    called: str
    result: Result | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class _Entrant:
    """The model or a baseline in a trial, with the name of its run folder."""

    called: str
    candidate: Candidate
    task: Settings
    where: str
    optional: bool = False


def run_suite(
    folder: Path,
    model: Candidate,
    out: Path,
    *,
    trials: Sequence[Trial] = TRIALS,
    settings: Mapping[str, Settings] | None = None,
    baselines: bool = True,
    limit: int | None = None,
    skip_broken: bool = False,
    on_start: Callable[[str], None] = lambda _: None,
    on_sample: Callable[[int], None] = lambda _: None,
) -> list[Measured]:
    """Measure the model and the baselines in every trial; each keeps a run folder below ``out``.

    Args:
        folder: The measuring data.
        model: The model to measure.
        out: Where the run folders and the whole table go.
        trials: What to measure.
        settings: Settings of baselines by name (``python`` of the one that needs its own).
        baselines: Measure them too.
        limit: Take only the first samples of each data set.
        skip_broken: Count broken data and go on.
        on_start: Called with the name of what is measured next.
        on_sample: Called with the number of samples done in it.

    Raises:
        VideosegError: As of ``evaluate``, but for what is left out with the reason: data that is
            not there, questions that the model does not take, a baseline that is not installed.
    """
    found: list[Measured] = []
    for trial in trials:
        for entrant in _entrants(trial, model, settings or {}, baselines=baselines):
            on_start(f"{trial.name}: {entrant.called}")
            measure = functools.partial(
                evaluate, limit=limit, skip_broken=skip_broken, on_sample=on_sample
            )
            found.append(_measured(folder / trial.path, trial, entrant, out, measure))
    write_text(out / "suite.md", suite_markdown(found))
    write_text(out / "suite.json", json_text([_as_json(one) for one in found]))
    return found


def _entrants(
    trial: Trial, model: Candidate, settings: Mapping[str, Settings], *, baselines: bool
) -> list[_Entrant]:
    """The model, then the baselines of a trial."""
    entrants = [_Entrant(model.card.name, model, {}, model.card.name)]
    for rival in trial.rivals if baselines else ():
        made = baseline(rival.name, settings.get(rival.name))
        where = f"{rival.name}-{len(entrants)}"
        entrants.append(_Entrant(rival.called, made, rival.task, where, optional=True))
    return entrants


def _measured(
    data: Path, trial: Trial, entrant: _Entrant, out: Path, measure: Callable[..., Result]
) -> Measured:
    """Measure one entrant and write its report, or say why not."""
    task = open_task(trial.task, entrant.task)
    reason = _obstacle(data, task, entrant)
    if reason is not None:
        return Measured(trial, entrant.called, None, reason)
    folder = out / trial.name / entrant.where
    try:
        result = measure(open_data_set(data, trial.layout), task, entrant.candidate, folder)
    except MissingDependencyError as error:
        if not entrant.optional:
            raise
        return Measured(trial, entrant.called, None, str(error))
    write_report(result, folder)
    return Measured(trial, entrant.called, result, None)


def suite_markdown(found: Sequence[Measured]) -> str:
    """The whole table as people read it."""
    sessions = {session: None for one in found if one.result for session in one.result.sessions}
    lines = ["# The whole table", "", *(f"- measured: {session}" for session in sessions)]
    lines.append("- in brackets: 95 % bootstrap interval over images or sequences (units)")
    for members in _by_trial(found).values():
        trial = members[0].trial
        lines += ["", f"## {trial.task} on {Path(trial.path).name}", ""]
        lines += tables([entry for one in members for entry in _called(one)])
        lines += [
            f"\n{MARK} {one.called}: {seen.samples} of these samples: {seen.how}"
            for one in members
            if one.result is not None
            for seen in one.result.seen
        ]
        times = [
            f"{one.called} {one.result.latency.p50:.3f} s"
            for one in members
            if one.result is not None and one.result.latency is not None
        ]
        if times:
            lines += ["", f"Median time per question: {', '.join(times)}."]
        lines += [
            f"\nNot measured: {one.called} ({one.reason})" for one in members if not one.result
        ]
    return "\n".join(lines) + "\n"


def _obstacle(data: Path, task: Task, entrant: _Entrant) -> str | None:
    """Why this cannot be measured, or None."""
    if not data.exists():
        return f"{data} does not exist"
    try:
        entrant.candidate.check_kinds(task.kinds, f"task {task.name!r}")
    except PromptError as error:
        return str(error)
    return None


def _by_trial(found: Sequence[Measured]) -> dict[str, list[Measured]]:
    trials: dict[str, list[Measured]] = {}
    for one in found:
        trials.setdefault(one.trial.name, []).append(one)
    return trials


def _called(one: Measured) -> list[Entry]:
    """The entries of a result with its name before each group."""
    entries = one.result.entries if one.result else ()
    return [dataclasses.replace(entry, group=f"{one.called}: {entry.group}") for entry in entries]


def _as_json(one: Measured) -> dict[str, Any]:
    shown: dict[str, Any] = {"trial": one.trial.name, "called": one.called}
    return shown | ({"result": as_json(one.result)} if one.result else {"reason": one.reason})
