"""The one loop: frames -> stage -> tracker -> outlines -> writers. Knows protocols only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from videoseg.geometry.masks import rounded
from videoseg.protocols import (
    Exporter,
    ExportsAlong,
    HasHidden,
    Log,
    RunReader,
    Stage,
    TakesHidden,
    TakesMattes,
    Tracker,
    Writer,
)
from videoseg.runlog.validation import refusing
from videoseg.system.threads import (
    Stopwatch,
    WorkBehind,
    WriteBehind,
    opencv_unthreaded,
    read_ahead,
)
from videoseg.system.workers import InOrder, usual_threads
from videoseg.types import Detections, Frame, Prompt, Scene, StreamInfo

FRAMES_AHEAD = 8
"""Decoded frames that may wait for the model."""
STEPS_BEHIND = 8
"""Finished steps that may wait for the log and the edges."""
SCENES_BEHIND = 4
"""Scenes that may wait for each writer."""

Drawn: TypeAlias = tuple[Scene, Frame | None]
"""A finished Scene, with its frame where a writer needs the image."""
_Exporting: TypeAlias = Callable[[Iterator[Scene]], None]
_Edited: TypeAlias = tuple[Scene, Scene, Frame | None]
"""A Scene as it is kept and as it is written, with its frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One frame with what the model answered and what became of it."""

    frame: Frame
    detections: Detections | None
    scene: Scene


@dataclass(slots=True)
class Tally:
    """What a run has found so far.

    Attributes:
        frames: Frames seen.
        tracks: For each prompt the ids of its tracks.
        instances: For each prompt the number of outlines written.
    """

    frames: int
    tracks: tuple[set[int], ...]
    instances: list[int]

    @classmethod
    def of(cls, prompts: Sequence[Prompt]) -> Tally:
        """An empty tally."""
        return cls(0, tuple(set() for _ in prompts), [0] * len(prompts))

    def add(self, scene: Scene) -> None:
        """Count one Scene."""
        self.frames += 1
        for tracked in scene.instances:
            self.tracks[tracked.instance.prompt].add(tracked.track_id)
            self.instances[tracked.instance.prompt] += 1


def follow(
    frames: Iterable[Frame],
    stage: Stage,
    tracker: Tracker,
    vectorize: Callable[[Scene], Scene],
    clock: Stopwatch,
    on_answer: Callable[[Frame, Detections | None], object] = lambda _, __: None,
    ahead: int = FRAMES_AHEAD,
    outlined_at_once: int | None = None,
) -> Generator[Step, None, None]:
    """Yield a Step for every frame, in order. The tracker must have been started.

    The tracker may look ahead; frames wait here until their Scene leaves it. ``vectorize`` then
    gives each mask its outline, of several Scenes at once in threads: ``outlined_at_once``, or as
    many as there are cores. ``on_answer`` is called with each answer as soon as there is one,
    before the stage goes on. ``ahead`` frames are decoded
    before they are asked for; with 0, a frame is taken when the stage asks for it, from ``frames``
    that have a thread of their own, and no Scene waits for its outlines.
    """
    waiting: dict[tuple[str, int], tuple[Frame, Detections | None]] = {}

    def outlined(tracked: Scene) -> Scene:
        with clock.measure("vectorize"):
            return vectorize(tracked)

    def paired(scenes: Iterable[Scene]) -> Iterator[Step]:
        for scene in scenes:
            yield Step(*waiting.pop((scene.stream, scene.index)), scene)

    ready = read_ahead(clock.each("decode", frames), ahead) if ahead else _each(frames)
    at_once = outlined_at_once or usual_threads()
    outlining = InOrder(outlined, at_once if ahead else 1, "outlines")
    with closing(ready), outlining:
        for frame, answer in clock.each("model", stage.run(clock.each("wait", ready))):
            detections = _as_logged(answer)
            with clock.measure("log"):
                on_answer(frame, detections)
            waiting[frame.stream, frame.index] = (frame, detections)
            with clock.measure("track"):
                scenes = tracker.update(frame, detections)
            for tracked in clock.each("track", scenes):
                yield from paired(outlining.put(tracked))
        with clock.measure("track"):
            scenes = tracker.finish()
        for tracked in clock.each("track", scenes):
            yield from paired(outlining.put(tracked))
        yield from paired(outlining.rest())


def _each(frames: Iterable[Frame]) -> Generator[Frame, None, None]:
    yield from frames


def _as_logged(answer: Detections | None) -> Detections | None:
    """An answer as a run log gives it back, so that what is made from either is the same.

    Raises:
        RunLogError: It could not be read back.
    """
    if answer is None or all(each.mask.logits is None for each in answer.instances):
        return answer
    with refusing(f"the answer for frame {answer.index} of {answer.stream!r}"):
        found = tuple(replace(each, mask=rounded(each.mask)) for each in answer.instances)
    return replace(answer, instances=found)


def write(
    drawn: Iterable[Drawn],
    *,
    streams: Mapping[str, StreamInfo],
    prompts: Sequence[Prompt],
    writers: Mapping[str, Writer],
    along: Mapping[str, ExportsAlong] = MappingProxyType({}),
    soften: Callable[[Scene, Frame], Scene] | None = None,
    edit: Callable[[Scene], Scene] = lambda scene: scene,
    log: Log | None,
    folder: Path,
    clock: Stopwatch,
    on_step: Callable[[Tally], None] = lambda _: None,
) -> Tally:
    """Write every Scene below ``folder`` with all writers and keep it in the log, if there is one.

    Each writer has a thread of its own, which hands it Scenes in order; it is opened and closed by
    the caller's. So have the exporters that work ``along``. The frame of a Scene may be missing
    where no writer needs its image. ``soften`` gives instances their mattes, for those writers that
    take them. ``edit`` makes what is written of what is kept. Whatever raises, every writer is
    closed and no thread is left.
    """
    tally = Tally.of(prompts)
    opened: list[Writer] = []
    with ExitStack() as on_failure:
        on_failure.callback(_close_all, opened, log)
        for writer in writers.values():
            opened.append(writer)
            writer.open(folder, streams, prompts)
        exporting = [_along(name, each, streams, folder, clock) for name, each in along.items()]
        with opencv_unthreaded(), _handing_on(writers, exporting, soften, log, clock) as hand_on:
            for scene, frame in drawn:
                edited = edit(scene)
                hand_on((scene, edited, frame))
                tally.add(edited)
                on_step(tally)
        for name, writer in writers.items():
            with clock.measure(name):
                writer.close(complete=True)
        if log is not None:
            log.close()
        on_failure.pop_all()
    return tally


@contextmanager
def _handing_on(
    writers: Mapping[str, Writer],
    along: Sequence[_Exporting],
    soften: Callable[[Scene, Frame], Scene] | None,
    log: Log | None,
    clock: Stopwatch,
) -> Iterator[Callable[[_Edited], None]]:
    """Hands Scenes to a thread that logs them, and on to a thread for each output.

    Leaving it waits until all is written; leaving it with an error drops what is waiting.
    """
    with ExitStack() as threads:
        lines = [
            (
                threads.enter_context(WriteBehind(_line(name, writer, clock), SCENES_BEHIND)),
                isinstance(writer, TakesMattes) and writer.needs_alpha,
            )
            for name, writer in writers.items()
        ]
        exporting = [threads.enter_context(WorkBehind(work, SCENES_BEHIND)) for work in along]

        def consume(item: _Edited) -> None:
            tracked, edited, frame = item
            if log is not None:
                with clock.measure("log"):
                    log.append_scene(tracked)
            soft = scene = edited.without_hidden()
            if soften is not None and frame is not None:
                with clock.measure("edges"):
                    soft = soften(scene, frame)
            for line, takes_mattes in lines:
                line.put((soft if takes_mattes else scene, frame))
            for each in exporting:
                each.put(scene)

        # Entered last, so that it is left first: then nothing more comes to the writers.
        yield threads.enter_context(WriteBehind(consume, STEPS_BEHIND)).put


def _line(name: str, writer: Writer, clock: Stopwatch) -> Callable[[Drawn], None]:
    """What a writer's own thread does with each Scene."""

    def consume(item: Drawn) -> None:
        scene, frame = item
        with clock.measure(name):
            writer.write(scene, frame if writer.needs_image else None)

    return consume


def _along(
    name: str,
    exporter: ExportsAlong,
    streams: Mapping[str, StreamInfo],
    folder: Path,
    clock: Stopwatch,
) -> _Exporting:
    """What an exporter's own thread does with all Scenes; waiting for them is no work."""

    def work(scenes: Iterator[Scene]) -> None:
        with ExitStack() as after_last:

            def measured() -> Iterator[Scene]:
                for scene in scenes:
                    with clock.measure(name):
                        yield scene
                after_last.enter_context(clock.measure(name))

            exporter.export_scenes(streams, measured(), folder)

    return work


def export(
    run: RunReader, exporters: Mapping[str, Exporter], folder: Path, clock: Stopwatch
) -> None:
    """Run every exporter over a finished run; hidden tracks go to those alone that take them."""
    for name, exporter in exporters.items():
        takes = isinstance(exporter, TakesHidden) and exporter.takes_hidden
        given = run.with_hidden() if takes and isinstance(run, HasHidden) else run
        with clock.measure_alone(name):
            exporter.export(given, folder)


def _close_all(writers: Iterable[Writer], log: Log | None) -> None:
    """Close everything as incomplete; the error that brought us here is the one to report."""
    for writer in writers:
        with suppress(Exception):
            writer.close(complete=False)
    with suppress(Exception):
        if log is not None:
            log.close()
