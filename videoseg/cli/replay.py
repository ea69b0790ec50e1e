"""``videoseg replay``: an input at its own pace, with the latency of every outline."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from videoseg.cli import _inputs
from videoseg.cli._exit_codes import FAILED, PARTLY
from videoseg.cli._progress import Mode, Progress
from videoseg.cli._running import EndedByInterruptError
from videoseg.cli._streams import print_json
from videoseg.cli._terminal import tell
from videoseg.cli.options.edges import EdgeOptions
from videoseg.cli.options.groups import expand_groups
from videoseg.cli.options.hosted import ServiceOptions, ask_consent, frames_of
from videoseg.cli.options.model import ModelOptions
from videoseg.cli.options.outputs import OutputOptions, Overwrite
from videoseg.cli.options.prompts import PromptOptions, Text
from videoseg.cli.options.replay import FollowOptions, PaceOptions, ViewerOptions
from videoseg.cli.options.report import MessageOptions, ReportOptions
from videoseg.cli.options.settings import SettingOptions, note_origins
from videoseg.cli.options.view import DecodingOptions, RangeOptions, RecordingOptions, ViewOptions
from videoseg.errors import PromptError, UsageError

if TYPE_CHECKING:
    from videoseg.config.run_config import RunConfig
    from videoseg.jobs.job import Job
    from videoseg.jobs.replay import Played
    from videoseg.types import Prompt

EPILOG = """
Every frame is taken when it is due. The model sees one frame at a time, and
no outline waits for a later frame. Where the model is slower than the input,
frames are dropped, and the summary says how many. Latency is the time from
the moment a frame is due until its outlines are there; of a camera, a live
address or a pipe from the moment the frame is decoded, and at --rate 0 from
the moment the model takes it.

With --follow, an MCAP that is still recorded is read until the recorder
writes its end. A frame that comes later than it is due is due when it comes.

Ctrl-C ends the input: with -o, what was found until then is completed and
published, and the exit code is 130. Pressed twice, nothing is published.

Examples:

videoseg replay clip.mp4 "the dog"

videoseg replay clip.mp4 "the dog" --rate 0.5 -o out/ --write svg,overlay

videoseg replay clip.mp4 "the dog" --rate 0 --json

videoseg replay rtsp://camera/stream "the person" --drop oldest --queue 1

videoseg replay camera:0 "the cup" -o out/

videoseg replay run.mcap "the block" --follow --idle 10

videoseg replay run.mcap "the block" --serve 8765
"""


Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="INPUT [TEXT]", help="The input, then the phrase to find in it."),
]
Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="Output folder (default: write nothing).")
]


def register(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command("replay", epilog=EPILOG)(replay)


@expand_groups
def replay(
    *,
    words: Words = None,
    text: Text = None,
    pacing: PaceOptions,
    following: FollowOptions,
    looking: ViewerOptions,
    out: Out = None,
    marks: PromptOptions,
    part: RangeOptions,
    view: ViewOptions,
    decoding: DecodingOptions,
    recording: RecordingOptions,
    model: ModelOptions,
    outputs: OutputOptions,
    edges: EdgeOptions,
    given: SettingOptions,
    overwrite: Overwrite = False,
    report: ReportOptions,
    messages: MessageOptions,
    service: ServiceOptions,
) -> None:
    """Play an input at its own pace, find the objects as frames come, and print the latency."""
    from videoseg.jobs.job import Job
    from videoseg.jobs.replay import replay_config

    messages.set_up()
    _check(view, model, outputs, out)
    groups = (marks, part, view, decoding, recording, following, model, outputs, edges)
    settings = service.limited(given.in_force(*groups))
    note_origins(settings)
    outputs.check(settings)
    location, prompts = _asked(words or (), text or (), marks, settings)
    recording.check([location], settings)
    following.check(location, settings)
    ask_consent(settings, location, frames_of([location], prompts, settings), yes=service.yes)
    files = [str(path) for path in (marks.prompts, given.config) if path]
    with Job(location, prompts, replay_config(settings, location)) as job:
        with (
            _progress(job, location, messages, report) as shown,
            looking.opened(job, quiet=messages.quiet) as viewers,
        ):
            pace, on_frame = pacing.pace(), shown.show
            played = job.play(
                pace, out, overwrite=overwrite, on_frame=on_frame, reads=files, viewers=viewers
            )
        labels, is_refused, notes = [each.label for each in job.prompts], job.refused, job.notes
    _tell_played(played, _as_plain(played, location, labels), notes, messages, report)
    raise _ended(played, is_refused=bool(is_refused))


def _progress(job: Job, location: str, messages: MessageOptions, report: ReportOptions) -> Progress:
    """What shows how far it is."""
    mode = Mode.NONE if messages.quiet else report.progress
    quiet = mode is Mode.NONE
    return Progress(job.frame_count, job.clock, quiet=quiet, name=location, mode=mode)


def _asked(
    words: Sequence[str], texts: Sequence[str], marks: PromptOptions, settings: RunConfig
) -> tuple[str, tuple[Prompt, ...]]:
    """The one input, and what to look for in it.

    Raises:
        UsageError: There are more inputs.
        PromptError: There is nothing to look for.
    """
    read = _inputs.tell_apart(words, texts=texts, otherwise_asked=marks.any_given())
    locations = _inputs.expand(read.inputs, settings.run.source).locations
    if len(locations) != 1:
        raise UsageError(f"replay takes one input, got {len(locations)}: {', '.join(locations)}")
    prompts = marks.with_texts(read.texts)
    if not prompts:
        raise PromptError("nothing to look for: give words after the input, a box or a point")
    return locations[0], prompts


def _check(
    view: ViewOptions, model: ModelOptions, outputs: OutputOptions, out: Path | None
) -> None:
    """Refuse what does not go with frames that are taken one by one.

    Raises:
        UsageError: Something does not.
    """
    if view.every not in (None, 1):
        raise UsageError(
            "--every makes outlines wait for later frames; leave it out, replay drops frames "
            "where the model is slower than the input"
        )
    if model.batch_size not in (None, 1):
        raise UsageError("--batch-size makes frames wait for each other; leave it out")
    if out is None and outputs.write:
        raise UsageError("--write needs a folder; add -o FOLDER")


def _tell_played(
    played: Played,
    plain: dict[str, Any],
    notes: Sequence[str],
    messages: MessageOptions,
    report: ReportOptions,
) -> None:
    """Say what became of it, as far as that is wanted."""
    if not messages.quiet:
        for note in notes:
            tell(f"note: {note}", err=True)
        _print_played(played, plain)
    if report.as_json:
        print_json(plain)


def _ended(played: Played, *, is_refused: bool) -> Exception:
    """What ends the command, with its exit code."""
    if played.interrupted:
        return EndedByInterruptError()
    is_partial = is_refused or (played.summary is not None and played.summary.stopped)
    return typer.Exit(FAILED if not played.tally.frames else PARTLY if is_partial else 0)


def _as_plain(played: Played, location: str, labels: list[str]) -> dict[str, Any]:
    """What became of a replay as plain values."""
    from videoseg.evaluate.metrics.latency import latency
    from videoseg.system.addresses import without_secrets

    pace, tally, summary = played.pace, played.tally, played.summary
    times = latency(played.latencies) if played.latencies else None
    names = ("mean", "p50", "p95", "p99", "maximum")
    return {
        "input": without_secrets(location),
        "rate": pace.rate,
        "drop": pace.drop,
        "queue": pace.queue,
        "shown": tally.frames,
        "dropped": played.dropped,
        "seconds": round(played.seconds, 3),
        "latency_ms": times and {name: round(1000 * getattr(times, name), 3) for name in names},
        "decoded_late_ms": round(1000 * played.behind, 3),
        "interrupted": played.interrupted,
        "prompts": [
            {"label": label, "tracks": len(tracks), "outlines": outlines}
            for label, tracks, outlines in zip(labels, tally.tracks, tally.instances, strict=True)
        ],
        "out": None if summary is None else str(summary.out),
        "outputs": [] if summary is None else list(summary.outputs),
        "stopped": None if summary is None else summary.stopped,
    }


def _print_played(played: Played, plain: dict[str, Any]) -> None:
    """The same in lines on stderr."""
    from videoseg.cli._logging import speaks_json, write_event
    from videoseg.cli._summary import count

    if speaks_json():
        write_event("summary", **plain)
        return
    for each in plain["prompts"]:
        found = f"{count(each['tracks'], 'object')}, {count(each['outlines'], 'outline')}"
        tell(f"{each['label']}: {found if each['outlines'] else 'not found'}", err=True)
    shown = f"{count(plain['shown'], 'frame')} shown in {plain['seconds']:.1f} s {played.pace}"
    policy = f"queue {plain['queue']}, drop {plain['drop']}"
    tell(f"{shown}, {plain['dropped']} dropped ({policy})", err=True)
    if plain["latency_ms"]:
        p50, p95, p99, longest = (
            plain["latency_ms"][name] for name in ("p50", "p95", "p99", "maximum")
        )
        tell(
            f"latency p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, longest "
            f"{longest:.1f} ms",
            err=True,
        )
    if plain["rate"] and played.behind > 0.1:
        tell(
            f"note: decoding was up to {played.behind:.1f} s behind; a lower --rate or a smaller "
            "video helps",
            err=True,
        )
    if plain["out"]:
        tell(f"wrote {', '.join(plain['outputs'])} in {plain['out']}", err=True)
    if played.interrupted:
        tell("videoseg: interrupted; all frames until then are complete", err=True)
