"""The functions of ``import videoseg``: outlines frame by frame, and what a finished run holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from videoseg import registry
from videoseg.config.model_choice import chosen
from videoseg.config.run_config import RunConfig
from videoseg.errors import UsageError, nearest
from videoseg.jobs.batch import Outcome, Task, one_by_one
from videoseg.jobs.cluster import Cluster, on_cluster
from videoseg.jobs.edits import RunEdits
from videoseg.jobs.finished_run import shown_run
from videoseg.jobs.inputs import Location, checked_config, location_of, open_source
from videoseg.jobs.job import Job
from videoseg.jobs.model_session import given_model
from videoseg.jobs.outputs import folder_of, place_of
from videoseg.jobs.workers import News
from videoseg.prompts import Marks, as_prompts
from videoseg.protocols import Segmenter
from videoseg.runlog.edits import KINDS, Operation
from videoseg.runlog.reader import RunFolder
from videoseg.types import Frame, Prompt, Scene, StreamInfo

Row: TypeAlias = dict[str, Any]
Given = TypeVar("Given", bound=Location)


def segment(
    location: Location,
    *prompts: str | Prompt | Sequence[str | Prompt],
    box: Any = None,
    point: Any = None,
    not_box: Any = None,
    not_point: Any = None,
    mask: Any = None,
    at: Any = 0,
    model: Segmenter | str | None = None,
    config: RunConfig | None = None,
) -> Generator[tuple[Frame, Scene], None, None]:
    """Yield every frame of an input with the outlines of what the prompts name.

    The input is opened when the first frame is asked for, and closed after the last, or when the
    generator is closed.

    Args:
        location: A video, a photograph, a folder of pictures or a numbered pattern.
        prompts: Phrases (``"cat. dog."`` or ``"cat|dog"`` are two), or ``Prompt`` objects for
            several things with marks and labels; each as an argument, or all in one list.
        box: ``x1, y1, x2, y2`` in pixels, around the object; or several. Numbers of any type, also
            as an array. Marks belong to the only phrase, or stand for themselves.
        point: ``x, y``, on the object; or several.
        not_box: A box around what is not meant; or several.
        not_point: A point beside the object; or several.
        mask: The object: a ``Mask``, an array (H, W) of the whole frame, or a PNG or SVG file.
        at: Index of the frame that the marks were made on; they are carried from there in both
            directions. None: they hold on every frame as they are.
        model: A model's name, as ``videoseg models`` lists them, or a model itself.
        config: Settings, for example ``videoseg.load_config(preset="fast")``.

    Raises:
        PromptError: A prompt or mark does not fit; raised by the call itself.
        ConfigError: The model or a setting does not; likewise.
        VideosegError: Anything else that is wrong, as frames are asked for (``errors.py``).

    Example:
        >>> for frame, scene in videoseg.segment("clip.mp4", "the dog"):  # doctest: +SKIP
        ...     print(frame.index, [item.track_id for item in scene.instances])
    """
    marks = Marks(box, point, not_box, not_point, mask, at)
    asked = as_prompts(_listed(prompts), marks)
    path = location_of(location)
    given, config = given_model(model, config)
    return _segmented(path, asked, config, given)


def _segmented(
    location: str, prompts: Sequence[Prompt], config: RunConfig, model: Segmenter | None
) -> Generator[tuple[Frame, Scene], None, None]:
    with Job(location, prompts, config, model=model) as job, closing(job.steps()) as steps:
        for step in steps:
            yield step.frame, step.scene


def segment_many(
    inputs: Mapping[Given, Location],
    *prompts: str | Prompt | Sequence[str | Prompt],
    cluster: str | None = None,
    workers: int | None = None,
    gpus_per_worker: float = 0.0,
    model: str | None = None,
    config: RunConfig | None = None,
    overwrite: bool = False,
    resume: bool = False,
    skip_existing: bool = False,
    on_news: Callable[[News], None] = lambda _: None,
) -> Generator[Outcome, None, None]:
    """Segment many inputs into files, here or on a cluster; yields each one's end as it comes.

    One that fails does not stop the others. A script that runs on import starts this in
    ``if __name__ == "__main__":`` alone.

    Args:
        inputs: For each input its output: a folder, or an address in object storage.
        prompts: As for ``segment``.
        cluster: Address of a Ray cluster (``auto``, ``host:port``), or ``local`` for processes of
            this machine; None: one input after another.
        workers: Models at work at the same time; by default as many as there is room for.
        gpus_per_worker: GPUs of each of them; 0.5: two share one.
        model: A model's name.
        config: Settings.
        overwrite: Whether earlier results are replaced.
        resume: Whether to go on with what interrupted runs have left.
        skip_existing: Whether inputs are left out whose finished run is there.
        on_news: Called now and then with how far a run is.

    Raises:
        PromptError, ConfigError, MissingDependencyError: What would fail for every input.
        OutputError: The cluster cannot be reached.

    Example:
        >>> clips = {"s3://b/a.mp4": "s3://b/out/a", "s3://b/b.mp4": "s3://b/out/b"}
        >>> for done in videoseg.segment_many(clips, "the dog", cluster="auto"):  # doctest: +SKIP
        ...     print(done.task.location, done.state, done.reason)
    """
    asked = as_prompts(_listed(prompts))
    settings = chosen(given_model(model, config)[1], asked)
    where = {location_of(location): place_of(out) for location, out in inputs.items()}
    how = asked, settings, overwrite, skip_existing, resume, tuple(where)
    tasks = [Task(location, out, *how) for location, out in where.items()]
    if cluster is None:
        return one_by_one(tasks, lambda _: nullcontext(lambda _: None))
    return on_cluster(tasks, Cluster(cluster, workers, gpus_per_worker), on_news)


def _listed(prompts: Sequence[Any]) -> Sequence[str | Prompt]:
    """Prompts that may have been given as one list."""
    listed = len(prompts) == 1 and not isinstance(prompts[0], str | Prompt)
    found: Sequence[str | Prompt] = prompts[0] if listed else prompts
    return found


def info(location: Location, config: RunConfig | None = None) -> Mapping[str, StreamInfo]:
    """What an input holds: its streams by name.

    Raises:
        SourceError: It cannot be read.
    """
    source, streams = open_source(location, checked_config(config))
    registry.release(source, "the input")
    return streams


def read_run(out: Location) -> Run:
    """Open what a finished run has written.

    Args:
        out: The output folder, or the folder ``run`` in it.

    Raises:
        RunLogError: It holds no run, or a damaged one.

    Example:
        >>> pandas.DataFrame(videoseg.read_run("out/cat").tracks())  # doctest: +SKIP
    """
    folder = folder_of(out)
    return Run(shown_run(folder), folder)


@dataclass(frozen=True)
class Run:
    """A finished run, read from its log; every call reads afresh.

    ``tracks`` and ``outlines`` give rows as plain dicts, which ``pandas.DataFrame``,
    ``polars.DataFrame`` and ``pyarrow.Table.from_pylist`` take as they are.
    """

    _log: RunFolder
    _folder: Path

    @property
    def streams(self) -> Mapping[str, StreamInfo]:
        """The streams of the input by name."""
        return self._log.streams

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """What was asked."""
        return tuple(self._log.prompts)

    @property
    def edits(self) -> tuple[Operation, ...]:
        """What was corrected about its tracks and holds now, in its order."""
        return RunEdits(self._folder).log.active()

    def edit(self, kind: str, *arguments: Any, **named: Any) -> Run:
        """Correct a track; give the run as it is then.

        Args:
            kind: ``rename`` (track, label), ``merge`` (track, other), ``split`` (track, at),
                ``delete`` or ``hide`` (track, start, stop), ``outline`` (track, at, path or mask),
                ``undo`` or ``redo``.
            arguments: What it takes; frames are indices, ``stop`` is behind the last.
            named: The same by name.

        Raises:
            UsageError: It does not fit the run; says why.
            OutputError: The folder cannot be written, or somebody else is editing it.

        Example:
            >>> videoseg.read_run("out/cat").edit("delete", 3, start=40)  # doctest: +SKIP
        """
        if kind not in KINDS:
            raise UsageError(f"no edit is called {kind!r}; {nearest(kind, KINDS)}")
        method = getattr(RunEdits(self._folder), kind)
        try:
            inspect.signature(method).bind(*arguments, **named)
        except TypeError as error:
            raise UsageError(f"{kind}: {error}") from error
        method(*arguments, **named)
        return read_run(self._folder)

    def scenes(self) -> Iterator[Scene]:
        """Every frame's objects with outlines and masks, in the order of the run.

        They are as edits have made them; what was hidden is there, with ``hidden``.

        Raises:
            RunLogError: The log is damaged; the message names the line.
        """
        return self._log.scenes()

    def outlines(self) -> Iterator[Row]:
        """A row for every outline, in the order of the run.

        ``stream``, ``frame``, ``seconds``, ``track``, ``label``, ``prompt`` (its index),
        ``state`` (``matched``, ``interpolated`` or ``held``), ``hidden`` (by ``edit``), ``score``
        (0 to 1), ``area`` of the mask in pixels, and ``x1``, ``y1``, ``x2``, ``y2``, its box in
        pixels.

        Raises:
            RunLogError: The log is damaged; the message names the line.
        """
        for scene in self._log.scenes():
            for tracked in scene.instances:
                mask = tracked.instance.mask
                yield {
                    "stream": scene.stream,
                    "frame": scene.index,
                    "seconds": float(scene.seconds),
                    "track": tracked.track_id,
                    "label": tracked.label,
                    "prompt": tracked.instance.prompt,
                    "state": tracked.state,
                    "hidden": tracked.hidden,
                    "score": float(tracked.instance.score),
                    "area": mask.area,
                    **dict(zip(("x1", "y1", "x2", "y2"), mask.box, strict=True)),
                }

    def tracks(self) -> list[Row]:
        """A row for every track, in ascending order of streams and tracks.

        ``stream``, ``track``, ``label``, ``prompt``, ``frames`` with an outline, ``first_frame``
        and ``last_frame``, ``first_seconds`` and ``last_seconds`` (when these begin), and over all
        its outlines ``mean_score``, ``mean_area`` and ``max_area`` in pixels.

        Raises:
            RunLogError: The log is damaged; the message names the line.
        """
        found: dict[tuple[str, int], Row] = {}
        for row in self.outlines():
            name = row["stream"], row["track"]
            if name not in found:
                found[name] = {key: row[key] for key in ("stream", "track", "label", "prompt")} | {
                    "frames": 0,
                    "first_frame": row["frame"],
                    "last_frame": row["frame"],
                    "first_seconds": row["seconds"],
                    "last_seconds": row["seconds"],
                    "mean_score": 0.0,
                    "mean_area": 0.0,
                    "max_area": 0,
                }
            track = found[name]
            count = track["frames"] = track["frames"] + 1
            track["last_frame"], track["last_seconds"] = row["frame"], row["seconds"]
            track["mean_score"] += (row["score"] - track["mean_score"]) / count
            track["mean_area"] += (row["area"] - track["mean_area"]) / count
            track["max_area"] = max(track["max_area"], row["area"])
        return [found[name] for name in sorted(found)]
