"""The dry run: what would be done, and what it would take, after every check of a run."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from videoseg.cli._exit_codes import PARTLY
from videoseg.cli._streams import print_json
from videoseg.cli._summary import count
from videoseg.cli._terminal import tell
from videoseg.system.addresses import is_stored

if TYPE_CHECKING:
    from videoseg.jobs.batch import Task
    from videoseg.jobs.estimate import Estimate
    from videoseg.jobs.job import Job
    from videoseg.protocols import Segmenter


def print_plans(tasks: Sequence[Task], jobs: int, *, several: bool, as_json: bool) -> int:
    """Say what each task would do and take; raises what would stop it. Leaves nothing behind.

    Returns:
        The exit code: 0, or 3 where some phrases would not be looked for.
    """
    from videoseg.jobs.estimate import estimate
    from videoseg.jobs.job import Job
    from videoseg.protocols import Remote, destinations_of

    plans, found = [], []
    model: Segmenter = tasks[0].config.part("models", tasks[0].config.run.model)
    service = isinstance(model, Remote) or bool(destinations_of(model))
    try:
        for task in tasks:
            with Job(task.location, task.prompts, task.config, model=model) as job:
                once = any(info.live for info in job.streams.values()) or task.location == "-"
                found.append(None if once or service else estimate(job))
                plans.append(_plan(job, task, found[-1]))
            if not as_json:
                _print_plan(plans[-1], found[-1])
    finally:
        model.close()
    if as_json:
        document = {"inputs": plans} if several else plans[0]
        print_json(document)
    elif several:
        _print_sum([each for each in found if each is not None], len(tasks), jobs)
    return PARTLY if any(plan["refused"] for plan in plans) else 0


def _plan(job: Job, task: Task, found: Estimate | None) -> dict[str, object]:
    plan: dict[str, object] = {
        "input": task.location,
        "streams": {
            name: f"{info.width} x {info.height}, {info.frame_count or 'unknown'} frames"
            for name, info in job.streams.items()
        },
        "prompts": [prompt.label for prompt in job.prompts],
        "model": job.card.name,
        "out": str(task.out),
        "outputs": list(job.produces()),
        "frames": job.frame_count,
        "batch": job.batch or 1,
        "notes": [*job.model_notes, *job.notes],
        "refused": [dataclasses.asdict(each) for each in job.refused],
    }
    if found is not None:
        plan |= {"frames": found.frames, "calls": found.calls}
        plan["estimate"] = {
            "seconds": None
            if found.quickest is None
            else [_short(found.quickest), _short(found.slowest)],
            "bytes": found.size,
            "free_bytes": _free(task.out),
            "measured_on_frames": [list(part) for part in found.parts],
            "measured_frames": found.tried,
            "measured_in_seconds": _short(found.spent),
            "seconds_per_frame": {name: _short(each) for name, each in found.per_frame.items()},
        }
    return plan


def _print_plan(plan: Mapping[str, object], found: Estimate | None) -> None:
    for key in ("input", "streams", "prompts", "model", "out", "outputs"):
        value = plan[key]
        if isinstance(value, Mapping):
            value = "; ".join(f"{name}: {what}" for name, what in value.items())
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = ", ".join(map(str, value))
        tell(f"{key:8} {value}", err=True)
    if found is None:
        tell(
            "time     unknown: live inputs, standard input and services are not tried first",
            err=True,
        )
        return
    for key, text in _estimate_lines(found, str(plan["out"])):
        tell(f"{key:8} {text}", err=True)


def _estimate_lines(found: Estimate, out: str) -> list[tuple[str, str]]:
    slow = sorted(found.per_frame.items(), key=lambda item: -item[1])[:4]
    stages = ", ".join(f"{name} {1000 * spent:.1f} ms" for name, spent in slow)
    basis = f"measured on {count(found.tried, 'frame')} in {count(len(found.parts), 'part')}"
    if found.frames is None or found.calls is None or found.size is None:
        return [("frames", "unknown"), ("time", f"a frame: {stages} ({basis})")]
    lines = [
        ("frames", f"{found.frames}, in {count(found.calls, 'call')} of the model"),
        ("time", f"{_range(found)} (an estimate, {basis}; a frame: {stages})"),
        ("disk", f"about {in_bytes(found.size)} (an estimate, from the same frames)"),
    ]
    free = _free(out)
    if found.size > free:
        lines.append(("warning", f"only {in_bytes(free)} are free where the results go"))
    return lines


def _print_sum(found: Sequence[Estimate], inputs: int, jobs: int) -> None:
    known = [each for each in found if each.quickest is not None and each.slowest is not None]
    quick, slow = (sum(getattr(each, name) for each in known) for name in ("quickest", "slowest"))
    frames, size = (sum(getattr(each, name) or 0 for each in known) for name in ("frames", "size"))
    unknown = inputs - len(known)
    text = f"{count(inputs, 'input')}: {frames} frames, about {in_bytes(size)}, "
    text += f"{_clock(quick)} to {_clock(slow)} one after another"
    if jobs > 1:
        text += f", less with {jobs} jobs"
    if unknown:
        text += f"; without {unknown} of unknown length"
    tell(text, err=True)


def _range(found: Estimate) -> str:
    quick, slow = _clock(found.quickest or 0), _clock(found.slowest or 0)
    return f"about {quick}" if quick == slow else f"about {quick} to {slow}"


def _clock(seconds: float) -> str:
    """``4 s``, ``2:05`` or ``1:02:05``."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return (
        f"{minutes}:{rest:02d}"
        if minutes < 60
        else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
    )


def in_bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _short(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)


def _free(out: Path | str) -> int:
    """Bytes free where a folder is or would be; where results are made for object storage."""
    if is_stored(str(out)):
        import tempfile

        with tempfile.TemporaryDirectory() as made:
            return shutil.disk_usage(made).free
    folder = Path(out)
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(there).free
