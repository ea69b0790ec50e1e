"""What a run did, in words and as JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from videoseg.cli._logging import speaks_json, write_event
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.hosted import usage_lines
from videoseg.system.threads import NOT_WORK

if TYPE_CHECKING:
    from videoseg.runlog.summary import Summary

MOST_SAID = 5
"""So many tracks to look at again are named on the terminal."""
NOT_LOOKED_FOR = "not looked for: the model does not know these words"


def print_summary(summary: Summary, elapsed: float, *, as_json: bool, quiet: bool) -> None:
    """Say on stderr what was found, unless quiet, and print it on stdout if asked."""
    if not quiet and speaks_json():
        write_event("summary", **as_plain(summary, elapsed))
    elif not quiet:
        refused = {each.prompt for each in summary.refused}
        for place, (prompt, tracks, outlines) in enumerate(_by_prompt(summary)):
            found = f"{count(tracks, 'object')}, {count(outlines, 'outline')}"
            missing = NOT_LOOKED_FOR if place in refused else "not found"
            tell(f"{prompt}: {found if outlines else missing}", err=True)
        print_review(summary)
        print_times(summary, elapsed)
    if as_json:
        print_json(as_plain(summary, elapsed))


def print_review(summary: Summary) -> None:
    """Say which tracks to look at again, the worst first, and how many more there are."""
    found = [each for each in summary.review if each.kind != "never_found"]
    for each in found[:MOST_SAID]:
        tell(f"look at it again: {each}", err=True)
    more = len(found) - MOST_SAID + summary.review_left_out
    if more > 0:
        tell(f"and {more} more to look at, in {summary.out}/run.json (review)", err=True)


def print_times(summary: Summary, elapsed: float) -> None:
    """Say how long all of it and each stage took, in all and for a frame, and what was made.

    Args:
        summary: What was done.
        elapsed: Seconds from the beginning to the end of the command's work.
    """
    spent = sorted(summary.seconds.items(), key=lambda item: -item[1])
    each = per_frame(summary, elapsed)
    stages = [
        f"{name} {seconds:.1f} s" + (f", {each[name]:.1f} ms a frame" if name in each else "")
        for name, seconds in spent
        if name != "wait"
    ]
    if summary.idle is not None:
        stages.append(f"model idle {summary.idle:.0%} of its time")
    whole = f", {each['total']:.1f} ms a frame" if each else ""
    tell(f"{count(summary.frames, 'frame')} in {elapsed:.1f} s{whole}", err=True)
    if stages:
        tell(f"stages, some at the same time: {'; '.join(stages)}", err=True)
    if summary.known:
        tell(f"{count(summary.known, 'frame')} of them from an earlier run", err=True)
    if summary.usage is not None and (summary.usage.calls or summary.usage.cached):
        for line in usage_lines(summary.usage, summary.frames):
            tell(line, err=True)
    tell(f"wrote {', '.join(summary.outputs)} in {summary.out}", err=True)


def per_frame(summary: Summary, elapsed: float) -> dict[str, float]:
    """Milliseconds a frame of all of it (``total``) and of each stage that works on frames.

    The model is asked only about frames that had no answer from an earlier run.
    """
    found = {}
    for name, seconds in (("total", elapsed), *summary.seconds.items()):
        frames = summary.frames - (summary.known if name == "model" else 0)
        if frames and name not in NOT_WORK:
            found[name] = 1000 * seconds / frames
    return found


def count(number: int, thing: str) -> str:
    """A number of things in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def as_plain(summary: Summary, elapsed: float) -> dict[str, object]:
    """A summary as plain values."""
    return {
        "out": str(summary.out),
        "outputs": list(summary.outputs),
        "frames": summary.frames,
        "known": summary.known,
        "dropped": summary.dropped,
        "repeated": summary.repeated,
        "prompts": [
            {"label": prompt, "found": outlines > 0, "tracks": tracks, "outlines": outlines}
            for prompt, tracks, outlines in _by_prompt(summary)
        ],
        "seconds": {name: round(spent, 3) for name, spent in summary.seconds.items()},
        "elapsed_seconds": round(elapsed, 3),
        "milliseconds_per_frame": {
            name: round(spent, 3) for name, spent in per_frame(summary, elapsed).items()
        },
        "usage": None if summary.usage is None else dataclasses.asdict(summary.usage),
        "stopped": summary.stopped,
        "idle": None if summary.idle is None else round(summary.idle, 4),
        "notes": list(summary.notes),
        "refused": [dataclasses.asdict(each) for each in summary.refused],
        "review": [each.to_json() for each in summary.review],
        "review_left_out": summary.review_left_out,
    }


def _by_prompt(summary: Summary) -> list[tuple[str, int, int]]:
    labels = (prompt.label for prompt in summary.prompts)
    return list(zip(labels, summary.tracks, summary.instances, strict=True))
