"""Runs from Python: put the parts together, check everything first, then follow the loop."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

from videoseg import pipeline, registry
from videoseg.choice import chosen
from videoseg.config import AUTO, RunConfig, output_kind
from videoseg.errors import PromptError, UnknownPhraseError, UsageError
from videoseg.pipeline import Tally
from videoseg.prompts import check_prompts, on_every_frame
from videoseg.protocols import Exporter, FrameSource, Segmenter, Stage, Tracker, Writer
from videoseg.run.log import RunLog
from videoseg.run.manifest import Counts, Manifest, StageTime, record_file
from videoseg.run.publish import Staging
from videoseg.run.reader import read_run
from videoseg.sources.positions import frame_index, parse_position
from videoseg.stages.batched import Batched, Load
from videoseg.stages.carried import Carried
from videoseg.threads import Stopwatch
from videoseg.types import Frame, ModelCard, Prompt, Scene, StreamInfo

Location: TypeAlias = str | os.PathLike[str]

VIDEO_OUTPUTS = ("svg", "animated-svg", "overlay", "masks")
STILL_OUTPUTS = ("svg", "overlay-png", "masks")
FOR_STILLS = {"overlay": "overlay-png"}
"""What an output of a video is for a photograph."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a finished run did.

    Attributes:
        out: The output folder.
        outputs: Names of what was made in it.
        frames: Frames in the input.
        prompts: What was asked.
        tracks: For each prompt the number of objects followed.
        instances: For each prompt the number of outlines written.
        seconds: Seconds spent in each stage, by name; stages overlap.
        idle: Share of the time in which the model had nothing to do, or None where unknown.
    """

    out: Path
    outputs: tuple[str, ...]
    frames: int
    prompts: tuple[Prompt, ...]
    tracks: tuple[int, ...]
    instances: tuple[int, ...]
    seconds: Mapping[str, float]
    idle: float | None = None

    @property
    def not_found(self) -> tuple[Prompt, ...]:
        """The prompts that were seen on no frame."""
        return tuple(p for p, count in zip(self.prompts, self.instances, strict=True) if not count)


class Job(AbstractContextManager["Job"]):
    """A run put together and checked, with its input open; leaving the context releases all.

    Attributes:
        config: The settings.
        prompts: What is asked.
        streams: What the input holds.
        card: The model's card.
        load: How the model is kept busy.
    """

    def __init__(self, location: Location, prompts: Sequence[Prompt], config: RunConfig) -> None:
        """Put a run together.

        Raises:
            PromptError: There is no prompt, or one that this input or model cannot take.
            ConfigError: A part or setting does not exist or does not fit.
            SourceError: The input cannot be read.
        """
        if not prompts:
            raise PromptError("nothing to look for: give words, a box or a point")
        self.location = os.fspath(location)
        self.config = config = chosen(config, prompts)
        run = config.run
        self.prompts = on_every_frame(prompts) if run.repeat_prompt else tuple(prompts)
        registry.check_outlines(run.model)
        self.card = registry.card(run.model)
        _check_kinds(self.prompts, self.card)
        self._model: Segmenter = config.part("models", run.model)
        self._tracker: Tracker = config.part("tracking", run.tracker)
        self._source, self.streams = open_source(self.location, config)
        try:
            for info in self.streams.values():
                check_prompts(self.prompts, info)
            self._range = self._frame_range()
            self.outputs = self._outputs()
        except BaseException:
            self._source.close()
            raise
        self.clock = Stopwatch()
        self.load = Load()

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._model.close()

    def __enter__(self) -> Self:
        return self

    @property
    def frame_count(self) -> int | None:
        """Frames that the input promises in all, or None."""
        frames = 0
        for info in self.streams.values():
            if info.frame_count is None:
                return None
            frames += len(range(info.frame_count)[slice(*self._range)])
        return frames

    @property
    def notes(self) -> tuple[str, ...]:
        """What the source has to say about its input so far, such as fields that it left in."""
        return tuple(getattr(self._source, "notes", ()))

    def produces(self) -> tuple[str, ...]:
        """Names of all that the run will make in its output folder."""
        parts = self.outputs.values()
        made = [name for part in parts for name in part.produces(self.streams)]
        return (*made, "run", "run.json")

    def steps(self) -> Generator[pipeline.Step, None, None]:
        """Load the model, then yield every frame with what became of it.

        Raises:
            UnknownPhraseError: The model cannot ground a phrase; names models that could.
        """
        with self.clock.measure("load model"):
            try:
                self._model.prepare(self.prompts)
            except UnknownPhraseError as error:
                raise UnknownPhraseError(
                    f"{error}; {models_that_could(self.card)}", phrase=error.phrase
                ) from error
        self._tracker.start(self.streams, self.prompts)
        frames = self._source.frames(*self._range)
        return pipeline.follow(frames, self._stage(), self._tracker, self.clock)

    def run(
        self,
        out: Path,
        *,
        overwrite: bool = False,
        on_frame: Callable[[Tally], None] = lambda _: None,
    ) -> Summary:
        """Write all outputs below ``out``; they appear there together, once all are complete.

        Raises:
            OutputExistsError: One of them exists and ``overwrite`` is False.
            OutputError: The folder cannot be written.
        """
        writers = {k: v for k, v in self.outputs.items() if isinstance(v, Writer)}
        exporters = {k: v for k, v in self.outputs.items() if isinstance(v, Exporter)}
        produces = self.produces()
        with Staging(out, produces, overwrite=overwrite) as staging, ExitStack() as stack:
            log = RunLog(staging.folder / "run", self.streams, self.prompts)
            stack.callback(log.close)
            steps = stack.enter_context(closing(self.steps()))
            tally = pipeline.write(
                steps,
                streams=self.streams,
                prompts=self.prompts,
                writers=writers,
                log=log,
                folder=staging.folder,
                clock=self.clock,
                on_step=on_frame,
            )
            run = read_run(staging.folder / "run")
            pipeline.export(run, exporters, staging.folder, self.clock)
            summary = self._summary(out, produces, tally)
            self._manifest(summary).write(staging.folder)
            staging.publish()
        return summary

    def _frame_range(self) -> tuple[int, int | None]:
        """The settings ``start`` and ``end`` as frames of the first stream."""
        run = self.config.run
        info = next(iter(self.streams.values()))

        def index(text: str) -> int:
            return frame_index(parse_position(text), info, self._source)

        start = index(run.start) if run.start else 0
        stop = index(run.end) if run.end else None
        if stop is not None and stop <= start:
            raise UsageError(f"there is nothing between {run.start or 'the start'} and {run.end}")
        if info.frame_count is not None and start >= info.frame_count:
            raise UsageError(f"{run.start} lies behind the last of {info.frame_count} frames")
        return start, stop

    def _stage(self) -> Stage:
        anchored = any(cue.frame is not None for prompt in self.prompts for cue in prompt.cues)
        if anchored:
            return Carried(self._model, self.prompts)
        return Batched(self._model, self.prompts, self.config.run.batch, self.load)

    def _outputs(self) -> dict[str, Writer | Exporter]:
        names = self.config.run.write
        still = all(info.still for info in self.streams.values())
        if AUTO in names:
            fitting = STILL_OUTPUTS if still else VIDEO_OUTPUTS
            names = (*fitting, *(name for name in names if name != AUTO))
        if still:
            names = tuple(FOR_STILLS.get(name, name) for name in names)
        return {name: self.config.part(output_kind(name), name) for name in dict.fromkeys(names)}

    def _manifest(self, summary: Summary) -> Manifest:
        card = self.card
        settings = {"run": self.config.run, card.name: self._model, "tracker": self._tracker}
        return Manifest(
            inputs=[record_file(Path(self.location), self.location)],
            streams=tuple(self.streams.values()),
            prompts=self.prompts,
            model=card.name,
            weights=[record_file(path, name) for name, path in self._weights()],
            settings={**settings, **self.outputs},
            stages={
                name: StageTime(seconds, summary.frames)
                for name, seconds in summary.seconds.items()
            },
            counts=Counts(summary.frames, sum(summary.tracks), summary.instances),
            outputs=summary.outputs,
        )

    def _weights(self) -> list[tuple[str, Path]]:
        """The files of the model's weights: as the model tells, or beside its module."""
        loaded = getattr(self._model, "weight_files", None)
        if loaded is not None:
            origin = getattr(self._model, "weights", "") or " ".join(self.card.weights)
            return [(f"{origin}: {path.name}", path) for path in loaded()]
        beside = Path(inspect.getfile(type(self._model))).parent
        return [(name, beside / name) for name in self.card.weights]

    def _summary(self, out: Path, produces: tuple[str, ...], tally: Tally) -> Summary:
        return Summary(
            out=out,
            outputs=produces,
            frames=tally.frames,
            prompts=self.prompts,
            tracks=tuple(len(ids) for ids in tally.tracks),
            instances=tuple(tally.instances),
            seconds=dict(self.clock.seconds),
            idle=self.load.idle,
        )


def open_source(
    location: Location, config: RunConfig
) -> tuple[FrameSource, Mapping[str, StreamInfo]]:
    """Open an input with the kind of source that the settings name, or that fits its name.

    Raises:
        SourceError: It cannot be read.
    """
    text = os.fspath(location)
    name = config.run.source
    if name == AUTO:
        others = (n for n in registry.names("sources") if n != "video")
        fits = (n for n in others if registry.part_class("sources", n).accepts(text))
        name = next(fits, "video")
    source: FrameSource = config.part("sources", name)
    return source, source.open(text)


def info(location: Location, config: RunConfig | None = None) -> Mapping[str, StreamInfo]:
    """What an input holds: its streams by name.

    Raises:
        SourceError: It cannot be read.
    """
    source, streams = open_source(location, config or RunConfig())
    source.close()
    return streams


def segment(
    location: Location, *prompts: str | Prompt, config: RunConfig | None = None
) -> Generator[tuple[Frame, Scene], None, None]:
    """Yield every frame of an input with the outlines of what the prompts name.

    Args:
        location: A video, a photograph, a folder of pictures or a numbered pattern.
        prompts: Phrases, or ``Prompt`` objects for boxes, points and labels.
        config: Settings, for example ``videoseg.load_config(preset="fast")``.

    Raises:
        VideosegError: Anything that is wrong with the input, the prompts or the settings.

    Example:
        >>> for frame, scene in videoseg.segment("clip.mp4", "the dog"):  # doctest: +SKIP
        ...     print(frame.index, [item.track_id for item in scene.instances])
    """
    asked = [Prompt(label=p, text=p) if isinstance(p, str) else p for p in prompts]
    with Job(location, asked, config or RunConfig()) as job, closing(job.steps()) as steps:
        for step in steps:
            yield step.frame, step.scene


def models_that_could(card: ModelCard) -> str:
    """A clause for a message: which models take any phrase, where this one has failed."""
    cards = [registry.card(name) for name in registry.names("models")]
    able = [
        f"{c.name}+sam2.1-tiny" if c.grounds else c.name
        for c in cards
        if c.open_vocabulary and "text" in c.kinds and c != card
    ]
    if able:
        return f"models that take any phrase: {', '.join(able)} (--model NAME)"
    return "a model that takes any phrase (SAM 3, Moondream, Gemini) is not part of this release"


def _check_kinds(prompts: Sequence[Prompt], card: ModelCard) -> None:
    for prompt in prompts:
        missing = prompt.kinds - card.kinds
        if missing:
            raise PromptError(
                f"model {card.name!r} takes {', '.join(sorted(card.kinds))}, but prompt "
                f"{prompt.label!r} needs {', '.join(sorted(missing))}; `videoseg models` lists more"
            )
