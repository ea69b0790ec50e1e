"""An input played at its own pace: each frame is taken when it is due, or dropped."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from videoseg.config.run_config import RunConfig
from videoseg.errors import UsageError
from videoseg.jobs.asking import load_model, run_stage
from videoseg.jobs.assembly import Assembly
from videoseg.jobs.inputs import Input
from videoseg.jobs.pacing import Clock, Drop, FrameQueue, Pacer, SystemClock
from videoseg.jobs.planning import plan_of
from videoseg.jobs.publishing import Watch
from videoseg.jobs.running import OnAnswer, Steps, follow, run_once
from videoseg.jobs.viewing import shown_by
from videoseg.pipeline import FRAMES_AHEAD, Tally
from videoseg.protocols import Growing, LooksAhead, Stoppable, TwoPassTracker, Viewer
from videoseg.runlog.manifest import Ended
from videoseg.runlog.summary import Summary
from videoseg.stages.budget import Budget
from videoseg.stages.overlapped import Overlapped
from videoseg.system.threads import first_interrupt, read_ahead
from videoseg.types import Frame

INTERRUPTED = "interrupted"
QUEUE = 1
"""Frames of each stream that may wait for the model where nothing else is said."""
_GRACE_SECONDS = 2.0
"""How long the end of a replay waits for a thread that may be blocked in a read."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How an input is played.

    Attributes:
        rate: Seconds of the input in a second; 0 = as fast as possible; None = 1, and frames as
            they come where the input has a pace of its own.
        drop: Which frame is left out where too many wait; None = the oldest, and none where frames
            are taken as fast as possible.
        queue: Frames of each stream that may wait for the model, at least 1.
        on_demand: Whether a frame is due when the model takes it; found out by ``settled``.
    """

    rate: float | None = None
    drop: Drop | None = None
    queue: int = QUEUE
    on_demand: bool = False

    def __str__(self) -> str:
        if self.on_demand:
            return "as fast as possible"
        return f"at rate {self.rate:g}" if self.rate else "as they came"

    def settled(self, opened: Input) -> Pace:
        """The same with nothing left open, for one input.

        Raises:
            UsageError: A rate is given, and the input is live.
        """
        if self.rate is not None and any(info.live for info in opened.streams.values()):
            raise UsageError(
                f"{opened.first.stream} is live and has a pace of its own; leave out --rate"
            )
        comes = _has_own_pace(opened)
        rate = self.rate if self.rate is not None else 0.0 if comes else 1.0
        on_demand = self.rate == 0
        drop = self.drop or ("none" if on_demand else "oldest")
        return replace(self, rate=rate, drop=drop, on_demand=on_demand)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What became of a replay.

    Attributes:
        pace: How it was played; nothing is left open.
        tally: What was found; its frames are those that were shown.
        dropped: Frames that were left out because others were due.
        latencies: Seconds from the moment a frame was due, or came, until its Scene was there; one
            for each frame shown, in order.
        behind: Most seconds by which a frame was decoded after it was due.
        seconds: From the first frame to the last Scene.
        interrupted: Whether it ended because somebody wanted it to.
        summary: What was written, if anything.
    """

    pace: Pace
    tally: Tally
    dropped: int
    latencies: array[float]
    behind: float
    seconds: float
    interrupted: bool
    summary: Summary | None = None


def replay_config(config: RunConfig, location: str) -> RunConfig:
    """Settings under which a Scene depends on no later frame, and none waits for another.

    Every frame that is shown is asked about, one at a time. What is no file is decoded with as
    little delay as there can be.
    """
    run = replace(config.run, every=1, batch=1, backwards=False)
    if Path(location).is_file():
        return replace(config, run=run)
    sources = dict(config.tables.get("sources", {}))
    sources["video"] = {**sources.get("video", {}), "low_delay": True}
    return replace(config, run=run, tables={**config.tables, "sources": sources})


def play(
    parts: Assembly,
    pace: Pace,
    out: Path | None = None,
    *,
    overwrite: bool = False,
    on_frame: Callable[[Tally], None] = lambda _: None,
    reads: tuple[str, ...] = (),
    clock: Clock | None = None,
    viewers: Sequence[Viewer] = (),
) -> Played:
    """Play an input and, with ``out``, write outputs as their Scenes come.

    Ctrl-C ends the input: outputs are completed and published. A second one interrupts. Viewers,
    which are open, are shown every Scene.

    Raises:
        UsageError: The tracker looks at the whole input first, or the pace does not fit.
        KeyboardInterrupt: It was interrupted before there was one Scene.
    """
    _look_not_ahead(parts)
    pace = pace.settled(parts.input)
    plan = None if out is None else plan_of(parts)
    load_model(parts)
    player = _Player(
        parts, pace, clock or SystemClock(), Tally.of(parts.questions.prompts), viewers
    )
    with first_interrupt(player.queue.stop):
        if out is None or plan is None:
            for step in player.steps():
                player.tally.add(step.scene)
                on_frame(player.tally)
            return player.played()

        def shown(tally: Tally) -> None:
            player.tally = tally
            on_frame(tally)

        summary = run_once(
            parts,
            player.steps,
            out,
            plan,
            overwrite=overwrite,
            watch=Watch(shown, player.tally),
            ended=player.ended,
            reads=reads,
        )
    return player.played(summary)


def _look_not_ahead(parts: Assembly) -> None:
    """Have the tracker give each Scene at once.

    Raises:
        UsageError: It looks at the whole input first.
    """
    if isinstance(parts.tracker, TwoPassTracker):
        raise UsageError(
            f"tracker {parts.config.run.tracker} sees the whole input before the first Scene; "
            "replay with --set run.tracker=iou"
        )
    if isinstance(parts.tracker, LooksAhead):
        parts.tracker.look_ahead = 0


@dataclass(slots=True, eq=False)
class _Player:
    """One replay at work."""

    parts: Assembly
    pace: Pace
    clock: Clock
    tally: Tally
    viewers: Sequence[Viewer]
    queue: FrameQueue[tuple[Frame, float]] = field(init=False)
    _budget: Budget = field(init=False)
    _due: dict[tuple[str, int], float] = field(init=False, default_factory=dict)
    _latencies: array[float] = field(init=False, default_factory=lambda: array("d"))
    _behind: float = field(init=False, default=0.0)
    _begun: float | None = field(init=False, default=None)
    _ended: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        marked = {cue.frame for prompt in self.parts.questions.prompts for cue in prompt.cues}
        self.queue = FrameQueue(
            self.pace.queue,
            self.pace.drop or "oldest",
            keeps=lambda item: item[0].index in marked,
            stream=lambda item: item[0].stream,
        )
        stage = run_stage(self.parts, backwards=False, one_by_one=True)
        self._budget = Budget(Overlapped(stage))

    def steps(self, on_answer: OnAnswer = lambda _, __: None) -> Steps:
        """Every frame that is shown, with what became of it."""
        steps = follow(self.parts, self._budget, on_answer, self._frames(), ahead=0)
        with closing(steps), self.queue, shown_by(self.viewers) as show:
            for step in steps:
                self._ended = self.clock.now()
                due = self._due.pop((step.scene.stream, step.scene.index))
                self._latencies.append(self._ended - due)
                show(step)
                yield step
        if self.queue.stopped and not self._latencies:
            raise KeyboardInterrupt

    def ended(self) -> Ended:
        """How it ended, for the manifest."""
        parts, pace = self.parts, self.pace
        said = (
            f"played {pace}: {len(self._latencies)} frames shown, {self.queue.dropped} dropped "
            f"(queue {pace.queue}, drop {pace.drop})"
        )
        stopped = self._budget.reached
        if stopped is None and self.queue.stopped and not _has_own_pace(parts.input):
            stopped = INTERRUPTED
        notes = (*parts.session.notes, *parts.input.notes, said)
        return Ended(stopped, parts.session.usage, notes, parts.session.refused)

    def played(self, summary: Summary | None = None) -> Played:
        """What became of it."""
        return Played(
            self.pace,
            self.tally,
            self.queue.dropped,
            self._latencies,
            self._behind,
            0.0 if self._begun is None else max(0.0, self._ended - self._begun),
            self.queue.stopped,
            summary,
        )

    def _frames(self) -> Generator[Frame, None, None]:
        """Frames as they are due; they are decoded and waited for on threads of their own."""
        thread = threading.Thread(target=self._feed, name="videoseg-replay", daemon=True)
        thread.start()
        try:
            while (item := self.queue.get()) is not None:
                frame, due = item
                taken = self.clock.now()
                self._due[frame.stream, frame.index] = taken if self.pace.on_demand else due
                yield frame
        finally:
            self.queue.leave()
            if isinstance(self.parts.input.source, Stoppable):
                self.parts.input.source.stop()
            thread.join(_GRACE_SECONDS)  # one that is blocked in a read ends with the process

    def _feed(self) -> None:
        source, decoded = self.parts.input.source, self._decoded()
        waits = isinstance(source, Growing) and source.is_growing
        pacer = Pacer(self.pace.rate or 0.0, self.clock, waits)
        try:
            with closing(read_ahead(decoded, FRAMES_AHEAD)) as ready:
                for frame in ready:
                    due = pacer.due(frame.seconds)
                    pacer.wait(due, lambda: self.queue.closed)
                    if self.queue.closed:
                        return
                    now = self.clock.now()
                    self._begun = now if self._begun is None else self._begun
                    self._behind = max(self._behind, now - due)
                    self.queue.put((frame, due))
        except BaseException as error:  # handed to the reader, whatever it is
            self.queue.end(error)
        else:
            self.queue.end()

    def _decoded(self) -> Iterator[Frame]:
        return self.parts.clock.each("decode", self.parts.range.frames())


def _has_own_pace(opened: Input) -> bool:
    """Whether frames come when they come: from a camera, a live address or a pipe."""
    live = any(info.live for info in opened.streams.values())
    return live or opened.location == "-" or Path(opened.location).is_fifo()
