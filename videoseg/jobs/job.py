"""Runs from Python: put the parts together, check everything first, then follow the loop."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import logging
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Self

from videoseg import pipeline, registry
from videoseg.config.model_choice import chosen
from videoseg.config.run_config import AUTO, RunConfig, output_kind
from videoseg.errors import (
    OutputExistsError,
    UnknownPhraseError,
    UnknownPhraseWarning,
    UsageError,
)
from videoseg.jobs.inputs import Location, checked_config, location_of, open_source, source_name
from videoseg.jobs.mask_files import with_masks
from videoseg.jobs.model_messages import models_that_could, refusal
from videoseg.jobs.outputs import finished_run, folder_of, outputs_of
from videoseg.jobs.positions import Timed, frame_index, parse_position
from videoseg.jobs.region import read_bounds
from videoseg.pipeline import Tally
from videoseg.prompts import (
    Refused,
    as_prompts,
    check_kinds,
    check_prompts,
    in_pixels,
    is_carried,
    mask_files,
    on_every_frame,
    prompt_on,
)
from videoseg.protocols import (
    Explains,
    Exporter,
    FrameSource,
    Resumable,
    Segmenter,
    Stage,
    TwoPassTracker,
    Weighed,
    Writer,
)
from videoseg.runlog.checkpoint import Notes
from videoseg.runlog.fingerprint import record_file
from videoseg.runlog.log import RunLog
from videoseg.runlog.lost_inputs import refuse_losing
from videoseg.runlog.manifest import Counts, Ended, Manifest, StageTime
from videoseg.runlog.plan import Plan
from videoseg.runlog.reader import RunFolder, read_run
from videoseg.runlog.review import Limits, Reviewer
from videoseg.runlog.staging import Staging
from videoseg.runlog.summary import Summary
from videoseg.stages.backwards import first_mark, mark_notes
from videoseg.stages.batched import USUAL, Load
from videoseg.stages.budget import Budget
from videoseg.stages.every_nth import batch_within, seeing_ahead
from videoseg.stages.known_phrases import known_only, prepare_known
from videoseg.stages.propagated import Propagated, ask
from videoseg.stages.replayed import Replayed
from videoseg.stages.select import stage_for
from videoseg.stages.view import check_marks, view_of
from videoseg.system.addresses import is_address, without_secrets
from videoseg.system.threads import Stopwatch
from videoseg.tracking.region import Confined
from videoseg.types import Detections, Frame, Prompt, Scene
from videoseg.types.usage import Metered, Usage
from videoseg.types.values import whole

_log = logging.getLogger(__name__)

_NEVER = Fraction(10**6)
"""Seconds at which no frame is shown any more."""


class Job(AbstractContextManager["Job"]):
    """A run put together and checked, with its input open; leaving the context releases all.

    Attributes:
        config: The settings.
        prompts: What is asked.
        streams: What the input holds.
        card: The model's card.
        load: How the model is kept busy.
        refused: The prompts that the model cannot ground, once it is loaded.
    """

    def __init__(
        self,
        location: Location,
        prompts: str | Prompt | Sequence[str | Prompt],
        config: RunConfig | None = None,
        *,
        model: Segmenter | str | None = None,
        asks: bool = True,
    ) -> None:
        """Put a run together.

        Args:
            location: The input.
            prompts: What is asked: phrases and ``Prompt`` objects, one or several.
            config: The settings; by default all have their defaults.
            model: A model's name, in place of the one that the settings name; or a model itself,
                registered or not, which the caller may use for several runs and closes.
            asks: Whether the model is to be asked; if not, there need be no prompts.

        Raises:
            PromptError: There is no prompt, or one that this input or model cannot take.
            ConfigError: A part or setting does not exist or does not fit.
            SourceError: The input cannot be read.
        """
        self.location = location_of(location)
        asked = as_prompts(prompts) if asks or prompts else ()
        given, config = given_model(model, config)
        self.config = config = chosen(config, asked) if given is None else config
        run = config.run
        self.prompts = on_every_frame(asked) if run.repeat_prompt else asked
        self.card = registry.card(run.model) if given is None else given.card
        registry.check_outlines(self.card)
        check_kinds(self.prompts, self.card)
        self._model: Segmenter = config.part("models", run.model) if given is None else given
        self._keeps_model = given is None
        self._tracker = seeing_ahead(config.part("tracking", run.tracker), run.every)
        self._source, self.streams = open_source(self.location, config)
        try:
            first = next(iter(self.streams.values()))
            self._mask_files = mask_files(self.prompts)
            self.prompts = in_pixels(with_masks(self.prompts, first), first)
            for info in self.streams.values():
                check_prompts(self.prompts, info)
            self._bounds = read_bounds(run.roi, run.ignore_mask, self.streams.values())
            check_marks(self.prompts, self._bounds, self.streams.values())
            self._range = self._frame_range()
            self.outputs = outputs_of(config, self.streams)
        except BaseException:
            registry.release(self._source, "the input")
            raise
        self.clock = Stopwatch()
        self.load = Load()
        self.refused: tuple[Refused, ...] = ()
        self._said: tuple[str, ...] = ()

    def __exit__(self, *_: object) -> None:
        registry.release(self._source, "the input")
        if self._keeps_model:
            registry.release(self._model, "the model")

    def __enter__(self) -> Self:
        return self

    @property
    def frame_count(self) -> int | None:
        """Frames that the input promises to yield in all, or None."""
        frames = 0
        for info in self.streams.values():
            if info.frame_count is None:
                return None
            frames += len(range(info.frame_count)[slice(*self._range, self.source_every)])
        return frames

    @property
    def source_every(self) -> int:
        """The source yields every n-th of its frames, from the first on."""
        return int(getattr(self._source, "every", 1))

    @property
    def batch(self) -> int | None:
        """Frames in a call of the model; None where one follows from the other."""
        anchored = any(cue.frame is not None for prompt in self.prompts for cue in prompt.cues)
        run = self.config.run
        return None if anchored else batch_within(run.batch or USUAL, run.every)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the source has to say about its input so far, such as fields that it left in."""
        return tuple(getattr(self._source, "notes", ()))

    @property
    def model_notes(self) -> tuple[str, ...]:
        """What the model has to say about the prompts, once it is loaded."""
        return self._said

    def produces(self) -> tuple[str, ...]:
        """Names of all that the run will make in its output folder."""
        parts = self.outputs.values()
        made = [name for part in parts for name in part.produces(self.streams)]
        return (*made, "run", "run.json")

    def steps(self) -> Generator[pipeline.Step, None, None]:
        """Load the model, then yield every frame with what became of it.

        Warns:
            UnknownPhraseWarning: The model cannot ground a phrase; the others are looked for.

        Raises:
            UnknownPhraseError: The model can ground none; names models that could.
        """
        self._load_model(say=_log.info)
        for each in self.refused:
            warnings.warn(UnknownPhraseWarning(each.reason, phrase=each.text), stacklevel=3)
        return self._follow(self._stage())

    def frames(self, start: int | None = None, stop: int | None = None) -> Iterator[Frame]:
        """The frames of a part of the input; by default those between ``start`` and ``end``.

        Args:
            start: Index of the first, a whole number of any type.
            stop: Index behind the last; None = to the end.
        """
        if start is None and stop is None:
            return self._source.frames(*self._range)
        first = 0 if start is None else whole(start, "start")
        return self._source.frames(first, None if stop is None else whole(stop, "stop"))

    def trial(self, folder: Path, frames: Iterable[Frame]) -> Tally:
        """Make everything of some frames, in order, in an empty folder; nothing is published.

        For measures: what was spent on it is in ``clock``.
        """
        with RunLog(folder / "run", self.streams, self.prompts) as log:
            steps = self._follow(self._stage(backwards=False), log.append_answer, frames)
            return self._write(folder, steps, log, lambda _: None)

    @functools.cached_property
    def ends(self) -> tuple[int, int | None]:
        """Index of the first frame between ``start`` and ``end``, and of the last.

        Where the container does not say how many frames it holds they are counted, which may mean
        to read all of it; of what is read once, or from an address, the last stays None.

        Raises:
            SourceError: It cannot be read.
        """
        start, stop = self._range
        counts = [info.frame_count for info in self.streams.values()]
        known = [count for count in (stop, *counts) if count is not None]
        here = Path(self.location).is_file()
        if None in counts and here and isinstance(self._source, Timed):
            known.append(self._source.index_at(_NEVER))
        return start, max(start, min(known) - 1) if known else None

    def index_of(self, place: str) -> int:
        """The frame of the first stream at a place (``jobs.positions``).

        Raises:
            UsageError: It is no place, or lies behind the end.
        """
        info = next(iter(self.streams.values()))
        index = frame_index(parse_position(place), info, self._source)
        if info.frame_count is not None and index >= info.frame_count:
            raise UsageError(f"{place} is after the last of {info.frame_count} frames")
        return index

    def look(self, indices: Iterable[int]) -> Iterator[tuple[Frame, Detections]]:
        """Load the model and ask it on some frames, each for itself; nothing is carried.

        A prompt with marks is asked on the frames that these were made on. Frames that are not
        there are left out.
        """
        self._load_model()
        model = view_of(self._model, self._bounds, self.config.run.max_size)
        for index in sorted({whole(each, "a frame's index") for each in indices}):
            for frame in self.frames(index, index + 1):
                asked = {
                    number: held
                    for number, prompt in self._known.items()
                    if (held := prompt_on(prompt, index)) is not None
                }
                yield frame, ask(model, frame, asked, len(self.prompts))

    def carry(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Detections]]:
        """Follow what prompts mark through some frames, in order; other prompts are not asked.

        The model is loaded already, as ``look`` does it.
        """
        marked = {n: prompt for n, prompt in self._known.items() if is_carried(prompt)}
        numbers = tuple(marked)
        model = view_of(self._model, self._bounds, self.config.run.max_size)
        for frame, found in Propagated(model, tuple(marked.values())).run(frames):
            instances = tuple(
                dataclasses.replace(one, prompt=numbers[one.prompt]) for one in found.instances
            )
            yield frame, Detections(frame.stream, frame.index, instances)

    def plan(self) -> Plan:
        """What decides the result; reads the whole input, to tell it apart by its content.

        Raises:
            SourceError: It cannot be read.
        """
        card, run = self.card, self.config.run
        settings: dict[str, Any] = {
            "run": run,
            "outlines": self.config.outlines,
            "sources": {source_name(self.location, self.config): self._source},
            "models": {run.model: _settings_of(self._model)},
            "tracking": {run.tracker: self._tracker},
        }
        beside = (run.ignore_mask, *getattr(self._source, "beside", ()))
        inputs = [self.location] + [str(path) for path in beside if path is not None]
        for name, part in self.outputs.items():
            settings.setdefault(output_kind(name), {})[name] = part
        return Plan(
            inputs=[record_file(Path(given), without_secrets(given)) for given in inputs],
            streams=tuple(self.streams.values()),
            prompts=self.prompts,
            model=card.name,
            weights=[record_file(path, name) for name, path in self._weights()],
            settings=settings,
        )

    def finished(self, out: Location, *, overwrite: bool = False) -> Summary | None:
        """What a finished run like this one has done in ``out``, or None where there is none.

        Raises:
            OutputExistsError: There is one of another kind, or some of what it made is gone, and
                ``overwrite`` is False.
        """
        out = folder_of(out)
        found = finished_run(out, self.plan(), overwrite=overwrite)
        gone = [] if found is None else [n for n in found.outputs if not (out / n).exists()]
        if gone and not overwrite:
            raise OutputExistsError(
                f"{out} lacks {', '.join(gone)} of its run; --overwrite makes all of it again"
            )
        return None if gone else found

    def run(
        self,
        out: Location,
        *,
        overwrite: bool = False,
        resume: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        reads: Sequence[str] = (),
    ) -> Summary:
        """Write all outputs below ``out``; they appear there together, once all are complete.

        Args:
            out: The output folder.
            overwrite: Whether earlier results of the same names are replaced.
            resume: Whether to go on with what an interrupted run of the same kind has left in
                ``out``; a finished one is left as it is.
            on_frame: Called after each frame.
            reads: Files beside the input that must not be replaced.

        Raises:
            UsageError: An output would replace the input.
            OutputExistsError: A result or an unfinished run exists, and nothing was said about it,
                or it is of another kind than this run.
            OutputError: The folder cannot be written.
        """
        out = folder_of(out)
        plan = self.plan()
        if resume and (done := finished_run(out, plan, overwrite=overwrite)) is not None:
            return done
        self._refuse_losing(out, reads)
        staging = Staging(out, self.produces(), overwrite, resume=resume)
        with staging, ExitStack() as ends:
            before = self._usage()
            self._load_model()
            notes, stage = Notes(staging.notes), self._stage()
            memory = stage if isinstance(stage, Resumable) else None
            known, state = notes.left(plan, with_state=memory is not None)
            log = ends.enter_context(
                RunLog(
                    staging.folder / "run",
                    self.streams,
                    self.prompts,
                    answers=notes.answers,
                    known=known,
                )
            )

            def keep(frame: Frame, detections: Detections | None) -> None:
                if log.append_answer(frame, detections):
                    notes.note(plan, log.answers, memory)

            earlier = RunFolder(staging.folder / "run", notes.answers).detections()
            limited = Budget(Replayed(islice(earlier, known), stage, state))
            steps = self._follow(limited, keep)

            def ended() -> Ended:
                used = self._usage()
                said = (*self._said, *self.notes)
                return Ended(limited.reached, used and used.since(before), said, self.refused)

            return self._publish(staging, plan, steps, log, on_frame, ended, known)

    def replay(
        self,
        answers: Callable[[], Iterable[tuple[str, int, Detections | None]]],
        out: Location,
        *,
        overwrite: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
        ended: Ended | None = None,
    ) -> Summary:
        """As ``run``, with known answers (``stream, index, answer``) in place of the model.

        A tracker that studies the whole run first goes over frames and answers twice.
        ``ended`` says how the run ended that the answers are of: why there are fewer than frames,
        where that is so, and what the model had to say.
        """
        out = folder_of(out)
        plan, end = self.plan(), ended or Ended()
        self._refuse_losing(out)
        with Staging(out, self.produces(), overwrite) as staging, ExitStack() as ends:
            log = ends.enter_context(RunLog(staging.folder / "run", self.streams, self.prompts))
            known = functools.partial(Replayed, whole=end.stopped is None)
            if isinstance(self._tracker, TwoPassTracker):
                with self.clock.measure("study"):
                    pairs = known(answers()).run(self.frames())
                    self._tracker.study(self.streams, pairs)
            steps = self._follow(known(answers()), log.append_answer)
            return self._publish(staging, plan, steps, log, on_frame, lambda: end)

    def _refuse_losing(self, out: Path, reads: Sequence[str] = ()) -> None:
        """Refuse to replace what is read."""
        masks = [path for path in (self.config.run.ignore_mask,) if path is not None]
        read: list[str | Path] = [self.location, *masks, *self._mask_files, *reads]
        refuse_losing(read, out, self.produces())

    def _load_model(self, say: Callable[[str], None] = _log.warning) -> None:
        """Load the model; ``say`` is told which prompts are not looked for, if any.

        Raises:
            UnknownPhraseError: The model can ground none of them.
        """
        with self.clock.measure("load model"):
            try:
                self.refused = prepare_known(self._model, self.prompts)
            except UnknownPhraseError as error:
                raise UnknownPhraseError(
                    f"{error}; {models_that_could(self.card)}", phrase=error.phrase
                ) from error
        if self.refused:
            say(refusal(self.refused, self.card))
        known = tuple(self._known.values())
        explained = self._model.explain(known) if isinstance(self._model, Explains) else ()
        marked = mark_notes(known, self._range[0], goes_back=self._goes_back)
        self._said = (*explained, *marked)
        for note in self._said:
            _log.warning("%s", note)

    @property
    def _known(self) -> dict[int, Prompt]:
        """The prompts that are asked, by their place."""
        refused = {each.prompt for each in self.refused}
        return {n: prompt for n, prompt in enumerate(self.prompts) if n not in refused}

    def _follow(
        self,
        stage: Stage,
        on_answer: Callable[[Frame, Detections | None], object] = lambda _, __: None,
        frames: Iterable[Frame] | None = None,
    ) -> Generator[pipeline.Step, None, None]:
        tracker = Confined(self._tracker, self._bounds)
        tracker.start(self.streams, self.prompts)
        shown = self.frames() if frames is None else frames
        return pipeline.follow(
            shown, stage, tracker, self.config.outlines.vectorized, self.clock, on_answer
        )

    def _publish(
        self,
        staging: Staging,
        plan: Plan,
        steps: Generator[pipeline.Step, None, None],
        log: RunLog,
        on_frame: Callable[[Tally], None],
        ended: Callable[[], Ended],
        known: int = 0,
    ) -> Summary:
        """Write everything and put it into place."""
        run = self.config.run
        limits = Limits(run.review_gap, run.review_shrink, run.review_jump, run.review_score)
        reviewer = Reviewer(self.prompts, limits)
        tally = self._write(staging.folder, steps, log, on_frame, reviewer)
        stages = {
            name: StageTime(seconds, tally.frames) for name, seconds in self.clock.seconds.items()
        }
        tracks = tuple(len(ids) for ids in tally.tracks)
        lost = [getattr(self._source, name, 0) for name in ("dropped", "repeated")]
        counts = Counts(tally.frames, tracks, tuple(tally.instances), *lost)
        end = ended()
        if not tally.frames and self._range[0] and end.stopped is None:
            raise UsageError(f"{run.start} is after the last frame")
        review = reviewer.finish([each.prompt for each in end.refused])
        end = dataclasses.replace(end, review=review, review_left_out=reviewer.left_out)
        manifest = Manifest(plan, stages, counts, self.produces(), end, staging.earlier())
        manifest.write(staging.folder)
        staging.publish()
        summary = Summary.of(staging.out, self.prompts, manifest.to_json(), known)
        return dataclasses.replace(summary, idle=self.load.idle)

    def _write(
        self,
        folder: Path,
        steps: Generator[pipeline.Step, None, None],
        log: RunLog,
        on_frame: Callable[[Tally], None],
        reviewer: Reviewer | None = None,
    ) -> Tally:
        """Write all outputs into a folder, and the log into its ``run``."""

        def drawn() -> Iterator[tuple[Scene, Frame]]:
            for step in steps:
                if reviewer is not None:
                    with self.clock.measure("review"):
                        reviewer.add(step.scene)
                yield step.scene, step.frame

        with closing(steps):
            tally = pipeline.write(
                drawn(),
                streams=self.streams,
                prompts=self.prompts,
                writers={k: v for k, v in self.outputs.items() if isinstance(v, Writer)},
                log=log,
                folder=folder,
                clock=self.clock,
                on_step=on_frame,
            )
        exporters = {k: v for k, v in self.outputs.items() if isinstance(v, Exporter)}
        pipeline.export(read_run(folder / "run"), exporters, folder, self.clock)
        return tally

    def _frame_range(self) -> tuple[int, int | None]:
        """The settings ``start`` and ``end`` as frames of the first stream."""
        run = self.config.run
        info = next(iter(self.streams.values()))
        start = self.index_of(run.start) if run.start else 0
        stop = frame_index(parse_position(run.end), info, self._source) if run.end else None
        if stop is not None and stop <= start:
            raise UsageError(
                f"there are no frames between {run.start or 'the start'} and {run.end}"
            )
        return start, stop

    def _stage(self, *, backwards: bool = True) -> Stage:
        run, known = self.config.run, self._known
        model = view_of(self._model, self._bounds, run.max_size)
        stage = stage_for(
            model,
            tuple(known.values()),
            batch=run.batch,
            every=run.every,
            first=self._range[0],
            load=self.load,
            again=self._again if backwards and self._goes_back else None,
        )
        return known_only(stage, tuple(known), len(self.prompts))

    @property
    def _goes_back(self) -> bool:
        """Whether marks are followed backwards, too: where the input can be read again."""
        where = Path(self.location)
        once = self.location == "-" or is_address(self.location)
        once = once or (where.exists() and not (where.is_file() or where.is_dir()))
        live = any(info.live for info in self.streams.values())
        return self.config.run.backwards and not (once or live)

    @property
    def frames_back(self) -> int:
        """Frames that marks are followed back over before the first frame is answered."""
        first = self._range[0]
        marks = [first_mark(prompt) or 0 for prompt in self._known.values()]
        before = range(first, max(marks, default=0), self.config.run.every)
        return len(before) if self._goes_back else 0

    @contextmanager
    def _again(self) -> Iterator[FrameSource]:
        """The input, opened for a reading of its own."""
        source, _ = open_source(self.location, self.config)
        try:
            yield source
        finally:
            registry.release(source, "the input")

    def _usage(self) -> Usage | None:
        return self._model.usage if isinstance(self._model, Metered) else None

    def _weights(self) -> list[tuple[str, Path]]:
        """The files of the model's weights: as the model tells, or beside its module."""
        if isinstance(self._model, Weighed):
            origin = getattr(self._model, "weights", "") or " ".join(self.card.weights)
            return [(f"{origin}: {path.name}", path) for path in self._model.weight_files()]
        beside = Path(inspect.getfile(type(self._model))).parent
        return [(name, beside / name) for name in self.card.weights]


def _settings_of(model: Segmenter) -> object:
    """What a plan says of a model: its settings, or what it is, where it is no part."""
    if dataclasses.is_dataclass(model):
        return model
    return {"class": f"{type(model).__module__}.{type(model).__qualname__}"}


def given_model(
    model: Segmenter | str | None, config: RunConfig | None
) -> tuple[Segmenter | None, RunConfig]:
    """A model that is handed over, or None; and the settings, which name it.

    Raises:
        ConfigError: It is neither a model nor the name of one, or the settings are none.
    """
    config = checked_config(config)
    if model is None:
        return None, config
    name = model if isinstance(model, str) else registry.card_of(model).name
    if isinstance(model, str) and name != AUTO:
        registry.card(name)
    named = dataclasses.replace(config, run=dataclasses.replace(config.run, model=name))
    return (None if isinstance(model, str) else model), named
